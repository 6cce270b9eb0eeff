"""The stored format is a promise: the registry says all that a row may hold, and nothing else is read."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from conftest import ROOT

from controller.hall import events
from controller.hall.events import Call, Event, Left, Roll, Ticket, TicketEvent, Window, WindowEvent
from controller.journal.files import CannotStart
from controller.journal.kinds import KINDS, NESTED
from controller.journal.rows import decode, encode
from controller.journal.upcasts import UPCASTS

MOMENT = "2026-11-23T08:00:00+08:00 12.000000 b1 yes"
GOLDEN = ROOT / "tests" / "golden"
NEWEST = GOLDEN / "9d856bd-2025.db"  # of the format in which nothing has to be translated


def rows(journal: Path) -> list[tuple[str, str, dict[str, Any]]]:
    # Immutable: a golden journal is not touched, not even by a log beside it.
    with closing(sqlite3.connect(f"file:{journal}?immutable=1", uri=True)) as db:
        found = db.execute("SELECT time, kind, body FROM journal ORDER BY seq").fetchall()
    return [(time, kind, json.loads(body)) for time, kind, body in found]


def declared(kind: type) -> Mapping[str, Any]:
    """The fields of a class besides those that every row has, with their types."""
    common = {field.name for field in fields(Event)}
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.name not in common}


def test_the_registry_has_every_event_with_every_field_of_its_type() -> None:
    known = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
    assert {kind.event for kind in KINDS.values()} == {*known} - {Event, WindowEvent, TicketEvent}
    for name, kind in KINDS.items():
        assert dict(kind.fields) == declared(kind.event), name
    assert NESTED.keys() == {Ticket, Window, Call, Roll, Left}
    for thing, stored in NESTED.items():
        assert dict(stored) == declared(thing), thing


def test_every_field_that_came_later_has_a_default() -> None:
    """What no old row says must be known without it: a row of before would raise."""
    said: dict[str, list[set[str]]] = {}
    for journal in GOLDEN.glob("*.db"):
        for _, kind, body in rows(journal):
            said.setdefault(kind, []).append(set(body))
    for kind, bodies in said.items():
        if kind not in UPCASTS:
            later = KINDS[kind].fields.keys() - set.intersection(*bodies)
            for field in fields(KINDS[kind].event):
                with_default = field.default is not MISSING or field.default_factory is not MISSING
                assert with_default or field.name not in later, (kind, field.name)
    assert len(said) == len(KINDS), "every kind stands in a golden journal"


def test_a_row_that_is_read_and_written_again_is_the_same_to_the_letter() -> None:
    with closing(sqlite3.connect(f"file:{NEWEST}?immutable=1", uri=True)) as db:
        kept = db.execute("SELECT seq, time, kind, body FROM journal ORDER BY seq").fetchall()
    assert len(kept) > 100
    for row in kept:
        seq, time, kind, body = row
        again = encode(seq, decode(time, kind, json.loads(body)))
        assert again[:3] == row[:3]
        assert again[3].startswith(body[:-1]), "what came later stands behind"


@pytest.mark.parametrize(
    ("kind", "body", "named"),
    [
        ("TicketBlessed", {}, "TicketBlessed"),
        ("HallFrozen", {"reason": "power", "until": "noon"}, "HallFrozen.until"),
        (
            "DayOpened",
            {"day": "2026-11-23", "seconds": 0.0, "calls": [{"ticket": "A001", "window": "1", "x": 1}]},
            "Call.x",
        ),
        (
            "DayOpened",
            {"day": "2026-11-23", "seconds": 0.0, "windows": {"1": {"clerk": "1", "mood": "good"}}},
            "Window.mood",
        ),
    ],
)
def test_what_a_newer_version_wrote_is_refused_by_name(kind: str, body: dict[str, Any], named: str) -> None:
    with pytest.raises(CannotStart) as refused:
        decode(MOMENT, kind, {"actor": "1", "press": "", **body})
    assert refused.value.code == "journal_newer"
    assert refused.value.arguments == {"version": named}


def test_every_translation_leaves_a_row_of_today_as_it_is() -> None:
    today = [(time, kind, body) for time, kind, body in rows(NEWEST) if kind in UPCASTS]
    assert {kind for _, kind, _ in today} == UPCASTS.keys()
    for time, kind, body in today:
        at = decode(time, kind, body).at
        assert UPCASTS[kind](at, body) == body
