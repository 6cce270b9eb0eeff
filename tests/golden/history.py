"""Writes the golden journal of a commit, by that commit's own code: `python tests/golden/history.py 0cb1b71`.

Once; never again: see README.md beside this file.

The commit is laid in a temporary folder, and this script runs once more on top of it: there it lives two
days and a half, over a new year, in its Engine, on its Store and its FakeClock. A command that the commit
does not know yet, or a value of one, is left out; so is what its state cannot tell.
"""

import importlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
MONDAY = datetime(2025, 12, 29, tzinfo=ZoneInfo("Asia/Shanghai"))
TUESDAY, NEW_YEAR = MONDAY + timedelta(days=1), MONDAY + timedelta(days=7)
KEPT = ("day", "open", "frozen", "stopped", "shut", "cut", "help")  # told as they are
TICKET = ("number", "service", "paper", "prints", "here", "large")
WINDOW = ("clerk", "ticket", "calls", "paused")


# Where the versions have their words, the newest first; each has some of these.
PLACES = (
    *("controller.hall.commands", "controller.hall.events", "controller.hall.outcome"),
    *("controller.hall.state", "controller.hall.decide", "controller.settings.reader"),
    *("controller.runtime.clock", "controller.runtime.engine", "controller.journal.store"),
    *("drivers.base.load", "controller.model", "controller.rules", "controller.hall", "controller.reader"),
    *("controller.settings", "controller.clock", "controller.engine", "controller.store", "drivers.base"),
)


def found(name: str) -> Any:
    """What is called `name` in the version that Python finds. Raises AttributeError."""
    for place in PLACES:
        with suppress(ImportError, AttributeError):
            return getattr(importlib.import_module(place), name)
    raise AttributeError(name)


def has(name: str) -> bool:
    with suppress(AttributeError):
        return found(name) is not None
    return False


def told(plan: Any, state: Any, now: Any) -> dict[str, Any]:
    """What people would notice of a state, as far as its version knows it."""
    windows = {name: window for name, window in sorted(state.windows.items()) if window.clerk}
    open_now = [t for t in state.tickets.values() if not getattr(t, "test", False)]
    summary: dict[str, Any] = {name: getattr(state, name) for name in KEPT if hasattr(state, name)}
    summary["issued"] = dict(sorted(state.issued.items()))
    summary["kiosks"] = dict(state.kiosks)
    if hasattr(state, "rolls"):
        summary["rolls"] = {kiosk: [roll.used, roll.today] for kiosk, roll in state.rolls.items()}
    with suppress(AttributeError):  # the first versions counted nothing; `figures` was its name then
        summary["figures"] = found("account" if has("account") else "figures")(state)
    # Once a missed ticket was gone at once; now it is kept for a while, and in no line.
    tickets = [_ticket(t, windows) for t in open_now if getattr(t, "state", "") != "missed"]
    summary["tickets"] = {ticket.pop("number"): ticket for ticket in tickets}
    summary["windows"] = {
        name: {key: getattr(window, key) for key in WINDOW} for name, window in windows.items()
    }
    summary["next"] = {name: next_at(plan, state, name, now) for name in windows}
    return dict(json.loads(json.dumps(summary)))


def _ticket(ticket: Any, windows: Mapping[str, Any]) -> dict[str, Any]:
    at = [name for name, window in windows.items() if window.ticket == ticket.number]
    state = "serving" if at and getattr(windows[at[0]], "started", False) else "called" if at else "waiting"
    plain = {key: getattr(ticket, key) for key in TICKET if hasattr(ticket, key)}
    if hasattr(ticket, "state"):
        return plain | {"state": ticket.state, "window": ticket.window}
    return plain | {"state": state, "window": at[0] if at else getattr(ticket, "window", "")}


def next_at(plan: Any, state: Any, window: str, now: Any) -> str:
    """Whom `window` would call next, or the code of the refusal."""
    try:
        events = found("decide")(plan, state, found("CallNext")(window, actor="1001"), now)
    except found("Refused") as refusal:
        return str(refusal.code)
    called = [e.ticket for e in events if isinstance(e, found("TicketCalled")) and e.window == window]
    return called[0] if called else ""


class Player:
    """A hall of whatever version Python finds, and what is done in it."""

    def __init__(self, folder: Path, source: str) -> None:
        self.path = folder / "journal.db"
        load, parse, mistakes = found("load"), found("parse"), found("Mistakes")
        # Own hours of a service and the end of a session, where they can be said already.
        hours = source.replace("[service.C]\n", '[service.C]\nhours = ["8:00-11:00"]\n')
        for text in (f'{hours}\n[policy]\nend = "unserved"\n', hours, source):
            try:
                self.plan, self.text = parse(text.encode(), load), text
                break
            except mistakes as unknown:
                print("not known yet, in hall.toml:", unknown, file=sys.stderr)

    def boot(self, wall: datetime, trusted: bool) -> None:
        """The machine starts."""
        self.clock = found("FakeClock")(wall)
        self.clock.trusted = trusted
        self.store = found("Store")(self.path)
        self.engine = found("Engine")(self.plan, self.store, self.clock)
        self.engine.start()

    def halt(self) -> None:
        self.engine.stop()
        self.store.close()

    def do(self, name: str, *, actor: str = "1001", no: bool = False, **values: Any) -> None:
        """Ask 20 seconds later. `no`: a refusal is meant."""
        kind = found(name) if has(name) else None
        if kind is None or not values.keys() <= kind.__dataclass_fields__.keys():
            print("not known yet:", name, *values, file=sys.stderr)
            return
        self.clock.advance(seconds=20)
        outcome = self.engine.submit(kind(actor=actor, **values)).result()
        assert isinstance(outcome, found("Refused")) == no, (self.clock.now().wall, name, values, outcome)

    def at(self, window: str) -> str:
        return str(self.engine.state.window(window).ticket)

    def waiting(self, service: str) -> str:
        """The last one of this service."""
        return [str(t.number) for t in self.engine.state.waiting() if t.service == service][-1]

    def take(self, services: str, **values: Any) -> None:
        for service in services:
            self.do("TakeTicket", actor="buttons", service=service, kiosk="hall", **values)

    def until(self, wall: datetime) -> None:
        self.clock.move(wall)
        self.do("Tick", actor="clock")


def monday(hall: Player) -> None:
    """A whole day with everything that can be done in it."""
    hall.boot(MONDAY.replace(hour=7, minute=40), trusted=True)
    hall.do("LoadPlan", actor="hall.toml", text=hall.text)
    hall.do("ReportTest", actor="stage", faults={"sign2": "silent"})
    hall.do("CloseKiosk", actor="printer", kiosk="hall", reason="paper_out")
    hall.do("OpenKiosk", actor="printer", kiosk="hall")
    hall.do("TakeTicket", actor="buttons", service="A", kiosk="hall", no=True)
    hall.until(MONDAY.replace(hour=8))
    for name in "1234":
        hall.do("SignIn", actor=f"100{name}", window=name, clerk=f"100{name}")
    hall.take("AAABBCCDDDA")
    hall.do("ReportPaper", actor="stage", day="2025-12-29", ticket="A001", answer="confirmed")
    paper: dict[str, Any] = {"actor": "stage", "day": "2025-12-29"}
    hall.do("ReportPaper", ticket="A002", answer="unconfirmed", millimetres=118, **paper)
    hall.do("Reprint", actor="technician", ticket="A002")
    hall.do("ReportPaper", ticket="A002", answer="confirmed", millimetres=121, **paper)
    hall.take("A", care=True)
    hall.take("D", screen=True)
    hall.take("D", large=True)
    hall.take("D", test=True)
    hall.do("ChangeRoll", actor="technician", printer="printer")
    for name in ("CallNext", "Recall", "Start", "Complete", "CallNext", "Recall", "Recall", "NoShow"):
        hall.do(name, window="1")
    hall.do("Reinstate", ticket="A001")
    hall.do("CallNext", window="1")
    hall.do("Hold", window="1")
    hall.do("CallHeld", window="1")
    hall.do("CallNext", actor="1002", window="2")
    hall.do("Answer", ticket=hall.at("2"))
    hall.do("Park", ticket="B002")
    hall.do("Unpark", ticket="B002")
    hall.do("Transfer", actor="1002", window="2", to="3")
    hall.do("Transfer", actor="desk", ticket="C002", service="D")
    hall.do("CallNext", actor="1003", window="3")
    hall.do("CallNext", actor="1004", window="4", number=hall.waiting("D")[1:])
    hall.do("CallNext", actor="1002", window="2", number=hall.waiting("D"), reason="papers")
    hall.do("Cancel", actor="desk", ticket="A003", reason="wrong service")
    hall.do("Pause", actor="1002", window="2")
    hall.do("Resume", actor="1002", window="2")
    hall.do("Pause", actor="1002", window="2", reason="lunch", minutes=10)
    hall.do("Resume", actor="1002", window="2")
    hall.do("Freeze", reason="power")
    hall.do("Unfreeze")
    hall.do("AskHelp", actor="kiosk", kiosk="hall")
    hall.do("GiveHelp", kiosk="hall")
    hall.do("StopTickets", actor="clock", reason="disk_full")
    hall.do("AllowTickets", actor="clock")
    hall.do("RecordSlips", service="B", last=6, served=2)
    hall.do("ChangeServices", window="3", services=("A", "B", "D"))
    hall.do("CutOff", actor="forecast", service="D", finish=MONDAY.replace(hour=12))
    hall.do("LiftCutOff", service="D", reason="few are waiting")
    hall.do("CloseWindow", window="4")
    hall.do("OpenWindow", window="4")
    hall.do("SignOut", actor="1003", window="3")
    hall.do("CallNext", window="1")
    hall.do("Hold", window="1")
    for hour, minute in ((11, 1), (11, 31), (14, 31), (17, 31), (18, 20)):
        hall.until(MONDAY.replace(hour=hour, minute=minute))


def tuesday(hall: Player) -> None:
    """A short day; in the evening the machine is switched off, and the clock stands still."""
    hall.until(TUESDAY.replace(hour=8))
    hall.do("SignIn", window="1", clerk="1001")
    hall.take("AD")
    hall.do("CallNext", window="1")
    hall.do("Complete", window="1")
    hall.do("SignOut", window="1")
    hall.until(TUESDAY.replace(hour=17, minute=31))
    hall.until(TUESDAY.replace(hour=18, minute=20))
    hall.halt()


def new_year(hall: Player) -> None:
    """The first day of the year begins under a clock that stood still and that nobody trusts: who came
    until it was right is handed on."""
    hall.boot(TUESDAY.replace(hour=18, minute=20), trusted=False)
    for name in "1234":
        hall.do("SignIn", actor=f"100{name}", window=name, clerk=f"100{name}")
    hall.take("AABCDABBC")
    paper: dict[str, Any] = {"actor": "stage", "answer": "confirmed"}
    hall.do("ReportPaper", day="2025-12-30", ticket="B001", **paper)
    hall.do("ReportPaper", day="2025-12-30", ticket="A002", millimetres=118, **paper)
    for name in "13":  # at 3 this visitor is served to the end
        hall.do("CallNext", actor=f"100{name}", window=name)
        hall.do("Start", actor=f"100{name}", window=name)
    hall.do("CallNext", actor="1002", window="2")
    hall.do("Transfer", actor="1002", window="2", to="4")  # and waits there: 4 is paused to the end
    hall.do("Pause", actor="1004", window="4")
    if not hall.at("2"):
        hall.do("CallNext", actor="1002", window="2")
    hall.do("Recall", actor="1002", window="2")
    hall.do("ConfirmTime", wall=NEW_YEAR.replace(hour=8, minute=30), sure=True)
    hall.clock.trusted = True
    hall.until(NEW_YEAR.replace(hour=8, minute=40))
    hall.take("ADBAC")
    hall.do("ReportPaper", day="2026-01-05", ticket=hall.waiting("B"), **paper)
    hall.do("ReportPaper", day="2026-01-05", ticket=hall.waiting("A"), millimetres=121, **paper)
    hall.do("Complete", window="1")
    hall.do("CallNext", window="1")
    hall.do("Transfer", window="1", to="2")
    for name in ("Recall", "NoShow", "CallNext", "Hold", "Pause", "Resume", "CallNext"):
        hall.do(name, actor="1002", window="2")
    hall.do("Park", actor="desk", ticket=hall.waiting("C"))
    hall.do("CallNext", window="1")
    hall.do("Transfer", window="1", to="4")
    hall.do("CallNext", window="1")
    hall.do("Start", window="1")
    hall.take("ABD")
    hall.clock.advance(minutes=1)


def play(folder: Path) -> None:
    """In the version that Python finds: live, and leave the journal and state.json in `folder`."""
    example = Path(sys.modules["controller"].__path__[0]).parent / "examples" / "longshuitang.toml"
    hall = Player(folder, example.read_text())
    try:
        monday(hall)
        tuesday(hall)
        new_year(hall)
        state, now = hall.engine.state, hall.clock.now()
    finally:
        hall.halt()
    seen = told(hall.plan, state, now)
    for window in seen["windows"].values():
        if isinstance(window["paused"], bool):  # once nobody said why
            window["paused"] = "away" if window["paused"] else ""
    (folder / "state.json").write_text(json.dumps(seen, ensure_ascii=False, indent=1) + "\n")


def written(commit: str, into: Path, script: str = __file__, *words: str) -> None:
    """Lay `commit` in a folder of its own, live there as `script` tells, and keep what is left."""
    root = HERE.parent.parent
    archive = subprocess.run(["git", "-C", root, "archive", commit], check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        there, data = Path(folder) / "there", Path(folder) / "data"
        data.mkdir()
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(there, filter="data")
        subprocess.run(
            [sys.executable, "-B", script, "--play", data, *words],
            check=True,
            cwd=there,
            env={**os.environ, "PYTHONPATH": str(there)},
        )
        for file in data.iterdir():
            if file.name != "reserve":
                assert file.suffix in (".db", ".json"), f"{file} is left: the journal is not closed"
                (into / file.name.replace("journal", commit).replace("state", commit)).write_bytes(
                    file.read_bytes()
                )


def main() -> None:
    if sys.argv[1] == "--play":
        importlib.import_module("controller")
        play(Path(sys.argv[2]))
    else:
        written(sys.argv[1], Path(sys.argv[2]) if sys.argv[2:] else HERE)


if __name__ == "__main__":
    main()
