"""A journal that any version on main has written is read, believed and served on by this one."""

import json
import shutil
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from conftest import EXAMPLE, ROOT
from golden.history import told

from controller.app.running import in_force, read_plan
from controller.figures import proof
from controller.hall.commands import CallNext, Command, Reprint, Resume, Start, TakeTicket, Transfer
from controller.hall.events import Event, TicketCompleted, TicketIssued
from controller.hall.outcome import Refused
from controller.hall.state import State, account, evolve
from controller.journal.store import Store, planned, read
from controller.journal.verify import verify
from controller.runtime.clock import FakeClock
from controller.runtime.engine import Engine
from controller.settings.schema import Settings

FOLDER = ROOT / "tests" / "golden"
SUMS = FOLDER / "SHA256SUMS"  # `sha256sum *.db *.json *.jsonl *.txt played/* beyond/*`, for new files only
WRITTEN = sorted(file.stem for file in FOLDER.glob("*.db") if "-" not in file.stem)
BY: dict[str, Any] = {"actor": "1001"}


@dataclass(frozen=True)
class Golden:
    """The copy of a journal, with the years before, and what its own version saw at its end."""

    path: Path
    seen: dict[str, Any]

    def opened(self) -> tuple[Store, FakeClock, Settings]:
        """Three minutes after its end, as a start does it."""
        store = Store(self.path)
        last = store.believed()
        assert last
        clock = FakeClock(last.wall + timedelta(minutes=3))
        return store, clock, in_force(read_plan(EXAMPLE.read_bytes()), store, clock)[0]


@pytest.fixture(params=WRITTEN)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Golden:
    (folder := tmp_path / "data").mkdir()
    for file in FOLDER.glob(f"{request.param}*.db"):
        shutil.copy(file, folder / file.name.replace(request.param, "journal"))
    return Golden(folder / "journal.db", json.loads((FOLDER / f"{request.param}.json").read_text()))


def folded(store: Store) -> State:
    state = State()
    for event in store.today():
        state = evolve(state, event)
    return state


def same(seen: Any, now: Any) -> bool:
    """Is everything that was seen still so? What a version did not know yet is not compared."""
    if isinstance(seen, dict):
        return all(key in now and same(value, now[key]) for key, value in seen.items())
    return bool(seen == now)


def test_every_row_holds_and_can_be_read(golden: Golden) -> None:
    count, broken = verify(golden.path)
    assert count > 70
    assert not broken
    assert len(list(read(golden.path))) == count


def test_its_state_is_what_its_own_version_saw(golden: Golden) -> None:
    store, clock, plan = golden.opened()
    now = told(plan, folded(store), clock.now())
    store.close()
    for what, seen in golden.seen.items():
        assert same(seen, now[what]), what
    for what in ("tickets", "windows", "issued"):
        assert list(golden.seen[what]) == list(now[what]), "none more, and in the same order"


def test_its_hall_goes_on(golden: Golden) -> None:
    """Who is next is called, the numbers go on, nobody is lost; and all of it is there after a restart."""
    before, _ = verify(golden.path)
    store, clock, plan = golden.opened()
    engine, done = Engine(plan, store, clock), list[Event]()
    engine.start()

    def ask(command: Command) -> None:
        clock.advance(seconds=20)
        outcome = engine.submit(command).result()
        assert not isinstance(outcome, Refused), (command, outcome)
        done.extend(outcome)

    try:
        for kind in (CallNext, Start):
            ask(kind("1", **BY))
        for service in "ABCD":
            ask(TakeTicket(service, "hall", actor="buttons"))
        ask(Reprint(golden.seen["windows"]["3"]["ticket"], **BY))
        ask(Transfer(window="2", to="1", **BY))
        ask(Resume("4", **BY))
        ask(CallNext("4", **BY))
    finally:
        engine.stop()
        store.close()
    state, windows = engine.state, golden.seen["windows"]
    assert state.window("1").ticket == golden.seen["next"]["1"]
    assert state.window("3").ticket == windows["3"]["ticket"]
    assert state.tickets[windows["2"]["ticket"]].window == "1"
    issued = {event.service: event.ticket for event in done if isinstance(event, TicketIssued)}
    assert issued == {s: f"{s}{golden.seen['issued'].get(s, 0) + 1:03}" for s in "ABCD"}
    gone = {event.ticket for event in done if isinstance(event, TicketCompleted)}
    assert gone == {windows[name]["ticket"] for name in "14"} - {""}
    assert golden.seen["tickets"].keys() - gone <= state.tickets.keys()

    assert verify(golden.path) == (before + len(done), 0)
    again = Store(golden.path)
    assert folded(again) == state
    again.close()


def test_its_days_can_be_accounted_for(golden: Golden) -> None:
    rows = list(read(golden.path))
    for day in proof.days(rows):
        of_day = proof.of_day(rows, day)
        assert "unexplained" not in [found.reason for found in proof.overtakings(of_day)]
        counted = account(proof.at(of_day, of_day[-1][1].at.wall))
        assert counted["issued"] == sum(counted.values()) - counted["issued"] > 0, (day, counted)


def test_its_hall_toml_can_still_be_read(golden: Golden) -> None:
    """Else a hall at work would go on by other rules than those under which its tickets were given."""
    text = planned(golden.path)
    assert read_plan(text.encode()).text == text != ""


def test_what_was_written_once_is_never_touched_again() -> None:
    kept = dict(line.split("  ")[::-1] for line in SUMS.read_text().splitlines())
    there = [
        path for path in FOLDER.rglob("*.*") if path.suffix in (".db", ".json", ".jsonl", ".txt", ".toml")
    ]
    found = {str(path.relative_to(FOLDER)): sha256(path.read_bytes()).hexdigest() for path in there}
    assert found == kept
