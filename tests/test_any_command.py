"""Commands of every role with any values, by the thousand: the hall is killed, starts again and is well."""

import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import MONDAY
from tables import PLAN
from values import COMMANDS, beyond, within

from controller.hall import calendar
from controller.hall.bounds import declared
from controller.hall.commands import (
    AllowTickets,
    CallHeld,
    CallNext,
    Command,
    Complete,
    Hold,
    LiftCutOff,
    NoShow,
    OpenKiosk,
    OpenWindow,
    Recall,
    Reinstate,
    Resume,
    SignIn,
    Start,
    TakeTicket,
    Tick,
    Transfer,
    Unfreeze,
    Unpark,
)
from controller.hall.events import Window
from controller.hall.outcome import Outcome, Refused
from controller.hall.state import State
from controller.hall.tickets import FITTING
from controller.journal.store import Store
from controller.journal.verify import verify
from controller.runtime.clock import FakeClock
from controller.runtime.engine import Engine
from controller.runtime.ports import build
from controller.settings.schema import CALL_REASONS, FREEZE_REASONS, PAUSE_REASONS
from display.screens import board, kiosk, pager
from display.stage import Stage

LIFE = 1000  # commands between two deaths
LIVES = 40  # of one hall, a working day each: over New Year
# What a day is made of, and what ends a standstill: without them the hall would soon be shut for good.
VISITS = (TakeTicket, CallNext, CallNext, Recall, Start, Complete, NoShow, Reinstate, Unpark, CallHeld)
MENDS: dict[type[Command], Callable[[State], object]] = {
    Unfreeze: lambda state: state.frozen,
    AllowTickets: lambda state: state.stopped,
    OpenKiosk: lambda state: state.kiosks,
    OpenWindow: lambda state: any(window.shut for window in state.windows.values()),
    Resume: lambda state: any(window.paused for window in state.windows.values()),
    LiftCutOff: lambda state: state.cut,
    SignIn: lambda state: sum(bool(window.clerk) for window in state.windows.values()) < len(PLAN.window),
}
USUAL = (TakeTicket,) * 25 + VISITS * 8 + tuple(MENDS) * 12
WORDS = {
    "Freeze": FREEZE_REASONS,
    "Pause": PAUSE_REASONS,
    "CallNext": CALL_REASONS,
    "StopTickets": ("disk_full",),
}


@cache
def edges(kind: type[Command], name: str) -> list[Any]:
    """A field's bounds, what is next to them, and what nothing may be."""
    limits = declared(kind)[name]  # type: ignore[arg-type]
    found = [*within(limits), *beyond(limits)]
    # Names that Python cannot even look up come from no page and no device.
    return [value for value in found if name not in ("actor", "press") or isinstance(value, Hashable)]


def suits(kind: type[Command], window: Window) -> bool:
    """May a clerk at this window well ask for it?"""
    if kind in (SignIn, OpenWindow):
        return not window.clerk and window.shut == (kind is OpenWindow)
    if kind in (Start, Complete, Recall, NoShow, Hold):
        return bool(window.ticket)
    return bool(window.clerk) and bool(window.paused) == (kind is Resume)


def sensible(kind: type[Command], state: State, clock: FakeClock, dice: random.Random) -> dict[str, Any]:
    """Values with which a command may well be done now."""
    window, service, now = dice.choice(list(PLAN.window)), dice.choice(list(PLAN.service)), clock.now()
    fitting = [t.number for t in state.tickets.values() if t.state in FITTING.get(kind, t.state)]  # type: ignore[arg-type,call-overload]
    number = dice.choice(fitting or [*state.tickets, "A001"])
    window = dice.choice([name for name in PLAN.window if suits(kind, state.window(name))] or [window])
    if kind is LiftCutOff and state.cut:
        service = dice.choice(state.cut)
    found: dict[str, Any] = {"actor": "1001", "window": window, "clerk": f"100{window}", "kiosk": "hall"}
    found |= {"service": service, "services": (service,), "printer": "printer", "ticket": number, "text": "x"}
    found |= {
        "reason": dice.choice(WORDS.get(kind.__name__, ("few", ""))),
        "minutes": dice.choice([0, 1, 480]),
    }
    found |= {"wall": now.wall + timedelta(minutes=dice.randrange(-5, 30)), "finish": now.wall, "sure": True}
    found |= {"last": state.issued.get(service, 0) + 1, "served": 0, "faults": {}, "day": state.day}
    found |= {"answer": dice.choice(["confirmed", "failed"]), "care": dice.random() < 0.2}
    if kind is Transfer:
        found |= {"to": window, "service": ""} if dice.random() < 0.5 else {"to": ""}
    if kind is CallNext and dice.random() < 0.2:
        found["number"] = number
    return {name: found[name] for name in declared(kind) if name in found}  # type: ignore[arg-type]


def any_command(state: State, clock: FakeClock, dice: random.Random) -> Command:
    kind = dice.choice((*COMMANDS, *USUAL))
    if kind in MENDS and not MENDS[kind](state) and dice.random() < 0.9:
        kind = TakeTicket
    values = sensible(kind, state, clock, dice)
    if dice.random() < 0.25:
        name = dice.choice(list(declared(kind)))  # type: ignore[arg-type]
        values[name] = dice.choice(edges(kind, name))
    return kind(**values)


class Wrong(logging.Handler):
    """Keeps what is logged as an error: a bug, a listener or a device that failed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


def lived(folder: Path, seed: int, commands: int) -> dict[str, Any]:
    """One life of a hall: how many commands were asked and done, by kind; the last row that was acknowledged;
    what went wrong."""
    dice, wrong = random.Random(seed), Wrong()
    logging.getLogger("hallqueue").addHandler(wrong)
    store = Store(folder / "journal.db")
    believed = store.believed()
    last = believed.wall if believed else MONDAY - timedelta(days=1)
    opening = calendar.next_opening(PLAN, last.replace(hour=20, minute=0))
    clock = FakeClock(opening - timedelta(minutes=dice.randrange(30)))
    clock.trusted = dice.random() < 0.9
    engine = Engine(PLAN, store, clock)
    stage = Stage(PLAN, build(PLAN), engine.submit, clock.now)
    engine.listeners.append(stage.listen)
    stage.start(engine.state)
    engine.start()
    asked, done = Counter[str](), Counter[str]()
    for n in range(commands):
        clock.advance(seconds=dice.choice([1, 5, 16, 40]))
        command = any_command(engine.state, clock, dice)
        outcome: Outcome = engine.submit(command).result(30)
        asked[type(command).__name__] += 1
        done[type(command).__name__] += not isinstance(outcome, Refused) and bool(outcome)
        if isinstance(outcome, Refused) and outcome.code in ("bug", "busy", "journal"):
            wrong.said.append(f"{outcome.code} at {command!r:.300}")
        if n % 50 == 0:
            board.board(PLAN, engine.state, clock.now(), {})
            kiosk.page(PLAN, engine.state, "hall", clock.now(), {})
            pager.window(PLAN, engine.state, dice.choice(list(PLAN.window)), clock.now())
    well = not isinstance(engine.submit(Tick(actor="clock")).result(30), Refused) and not engine.trouble
    acknowledged = store.last
    for _ in range(dice.randrange(9)):  # under way when it is killed
        engine.submit(any_command(engine.state, clock, dice))
    return {"asked": asked, "done": done, "last": acknowledged, "well": well, "wrong": wrong.said}


def killed(folder: Path, seed: int, commands: int) -> dict[str, Any]:
    """The same in a process of its own, which is killed in the middle of what it does."""
    told = folder / "told"
    child = os.fork()
    if not child:
        try:
            told.write_text(json.dumps(lived(folder, seed, commands)))
        finally:
            if sys.exc_info()[0]:
                traceback.print_exc()
            os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    life = dict(json.loads(told.read_text()))
    told.unlink()
    return life


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what is killed, not cut off the mains, needs no card."""
    place = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=place if os.access(place, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.slow
def test_a_hall_that_is_asked_anything_starts_again_and_is_well(
    memory: Path, commands: int, counted: Callable[[str], None]
) -> None:
    asked, done, lives = Counter[str](), Counter[str](), 0
    while asked.total() < commands:
        (folder := memory / f"hall{lives}").mkdir()
        for _ in range(LIVES):
            if rest := min(LIFE, commands - asked.total()):
                life = killed(folder, lives, rest)
                assert (life["wrong"], life["well"]) == ([], True), f"life {lives}"
                asked, done, lives = asked + Counter(life["asked"]), done + Counter(life["done"]), lives + 1
                store = Store(folder / "journal.db")
                assert store.last >= life["last"], "what was acknowledged is there"
                store.close()
        assert verify(folder / "journal.db")[1] == 0
        shutil.rmtree(folder)
    for kind, number in sorted(asked.items()):
        print(f"{kind}: {done[kind]:,} of {number:,} accepted")
    assert done.total() > 0.3 * asked.total()
    few = {kind.__name__ for kind in COMMANDS} - set(+done) - {"Tick"}
    assert not few or commands < 10_000, "of every kind some changed something"
    counted(
        f"{asked.total():,} commands with any values, {done.total():,} of them done, "
        f"{lives:,} kills, all well"
    )
