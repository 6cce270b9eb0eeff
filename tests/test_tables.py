"""Generated documents are true, every refusal is polite, and journals of every release can be replayed."""

import json
import re
import sqlite3
from pathlib import Path

import pytest
import tables
from conftest import ROOT
from test_histories import summary

from controller.hall.commands import AtWindow, Command, OfTicket
from controller.hall.events import Event, TicketEvent, WindowEvent
from controller.hall.state import State, evolve
from controller.journal.store import Store
from controller.journal.verify import verify
from display.words.catalogue import catalogue

GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.jsonl"))


@pytest.mark.parametrize("name", ["events", "operations"])
def test_a_generated_document_is_up_to_date(name: str) -> None:
    written = (ROOT / "docs" / f"{name}.md").read_text()
    assert written == getattr(tables, name)(), "run `make docs`, and read what changed"


def test_the_table_names_every_operation() -> None:
    shown = tables.operations()
    silent = {
        "Tick",
        "OpenKiosk",
        "CloseKiosk",
        "ReportPaper",
        "ChangeRoll",
        "AskHelp",
        "GiveHelp",
        "ReportTest",
        "StopTickets",
        "AllowTickets",
    }  # of devices, not of people
    for kind in tables.kinds(Command, AtWindow, OfTicket):
        assert kind.__name__ in silent or f"| {kind.__name__}" in shown, kind


def test_every_refusal_of_the_table_has_a_sentence() -> None:
    codes = set(re.findall(r"\| (\w+)(?= \|)", tables.operations().split("## ", 1)[1]))
    codes = {code for code in codes if "_" in code or code in ("closed", "frozen")} - {"no clerk"}
    assert len(codes) > 12
    for code in codes:
        assert f"refused.{code}" in catalogue(), code


def restored(golden: Path, path: Path) -> None:
    """The journal that a release wrote, as a file of this release."""
    Store(path).close()
    db = sqlite3.connect(path, isolation_level=None)
    rows = [json.loads(line) for line in golden.read_text().splitlines()]
    db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", rows)
    db.close()


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_the_journal_of_every_release_replays_to_the_same_state(golden: Path, tmp_path: Path) -> None:
    restored(golden, path := tmp_path / "data" / "journal.db")
    count, broken = verify(path)
    assert (count, broken) == (len(golden.read_text().splitlines()), 0)
    store, state = Store(path), State()
    for event in store.today():
        state = evolve(state, event)
    store.close()
    assert summary(state) + "\n" == golden.with_suffix(".state.txt").read_text()


def test_the_newest_golden_journal_has_every_event() -> None:
    kinds = {json.loads(line)[2] for line in GOLDEN[-1].read_text().splitlines()}
    assert kinds == {kind.__name__ for kind in tables.kinds(Event, WindowEvent, TicketEvent)}
