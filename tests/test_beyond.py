"""Whatever stands in a journal, the hall is served on; what cannot be folded is told by its row."""

import json
import logging
import random
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import pytest
from conftest import EXAMPLE, ROOT
from tables import BY, IN, MONDAY, PLAN, TAKE, Scene
from test_cli import hallqueue

from controller.hall.commands import Command, Freeze, Resume, SignIn, SignOut, TakeTicket, Tick
from controller.hall.decide import decide
from controller.hall.events import DayOpened, Event, HallFrozen, WindowPaused
from controller.hall.moment import Now
from controller.hall.outcome import Outcome, Refused
from controller.hall.state import State, evolve, seen_at
from controller.journal.files import CannotStart
from controller.journal.kinds import KINDS, NESTED
from controller.journal.rows import decode, encode
from controller.journal.store import Store, state_in
from controller.journal.verify import verify
from controller.runtime.clock import FakeClock
from controller.runtime.engine import Engine
from controller.runtime.ports import build
from controller.settings.schema import Settings
from display.screens import levels
from display.stage import Stage
from web.pages.status import event_told

GOLDEN = sorted((ROOT / "tests" / "golden" / "beyond").glob("*.db"))


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_a_hall_that_a_pause_without_bounds_has_ended_is_served_on(
    golden: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(golden, path := tmp_path / "journal.db")
    assert verify(path)[1] == 0
    assert state_in(path).window("3").paused
    store, clock = Store(path), FakeClock(MONDAY.replace(minute=20))
    engine = Engine(PLAN, store, clock)
    stage = Stage(PLAN, build(PLAN), engine.submit, clock.now)
    engine.listeners.append(stage.listen)
    stage.start(engine.state)
    engine.start()
    try:
        back = levels.sign(PLAN, seen_at(engine.state, clock.now()), "3", clock.now().wall, 16)
        assert back == ("暂停服务", "16:04恢复"), "the longest pause of today"
        for command in (Resume("3", actor="1003"), SignOut("3", actor="1003"), TakeTicket("A", "hall", **BY)):
            outcome = engine.submit(command).result(10)
            assert isinstance(outcome, Refused) == isinstance(command, TakeTicket), (command, outcome)
    finally:
        engine.stop()
        store.close()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


TEXTS = ["", "1", "A", "A001", "B001", "hall", "²", "None", "9" * 401, "字" * 15_000, "A1e9", "A²"]
WHOLE = [0, 1, -1, 3, 480, 999, 10**10, -(10**10), 10**400]
REAL = [0.0, 1.5, -1.0, 1e308, float("inf"), -float("inf"), float("nan"), 10**400]
WALLS = [
    MONDAY,
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
    MONDAY.replace(year=1970),
]


def anything(kind: Any, dice: random.Random) -> Any:
    """A value that a row may have for this type, as Python has it."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in NESTED:
        return kind(**{name: anything(of, dice) for name, of in NESTED[kind].items()})
    if origin is UnionType:  # something or nothing
        return anything(inner[0], dice) if dice.random() < 0.5 else None
    if kind is Now:
        real = dice.choice([value for value in REAL if isinstance(value, float)])
        return Now(dice.choice(WALLS), real, dice.choice("ab"), dice.random() < 0.5)
    if kind is datetime:
        return dice.choice(WALLS)
    if origin is tuple:
        return tuple(anything(inner[0], dice) for _ in range(dice.randrange(3)))
    if origin is not None:
        return {
            dice.choice(["1", "A", "hall", "open"]): anything(inner[1], dice)
            for _ in range(dice.randrange(3))
        }
    return dice.choice({str: TEXTS, int: WHOLE, float: REAL, bool: [True, False]}[kind])


def any_event(dice: random.Random) -> Event:
    """Of any kind, with anything in it, as it comes back from a journal."""
    kind = KINDS[dice.choice(list(KINDS))]
    values = {name: anything(of, dice) for name, of in kind.fields.items()}
    event = kind.event(at=anything(Now, dice), actor=dice.choice(["clock", "1001"]), press="", **values)
    _, time, name, body = encode(1, event)
    return decode(time, name, json.loads(body))


def shown(plan: Settings, state: State, now: Now) -> None:
    """Everything that devices show as long as nothing changes."""
    state = seen_at(state, now)
    for window in plan.window:
        levels.sign(plan, state, window, now.wall, 16)
        levels.lamp(plan, state, window)
    levels.lights_on(plan, state, now.wall)
    levels.lit(plan, state, "hall")


def test_no_event_that_a_journal_can_hold_ends_the_fold_nor_a_level(times: int) -> None:
    dice = random.Random(15)
    for _ in range(100 * times):
        scene = Scene().ask(*IN, TAKE, TAKE, SignIn("3", "1003", **BY))
        state, now = scene.state, scene.clock.now()
        for _ in range(12):
            event = any_event(dice)
            for lang in ("zh", "en"):
                assert event_told(event, lang), "a line for the status page"
            if isinstance(event, DayOpened):
                event = replace(event, tickets=event.tickets[:1])
            state = evolve(state, event)
            assert 0.0 <= state.worked < float("inf"), event
            shown(PLAN, state, now)


def test_a_row_that_cannot_be_folded_is_told_by_its_number_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    store, clock = Store(path), FakeClock(MONDAY)
    opened = decide(PLAN, State(), Tick(actor="clock"), clock.now())
    wrong: Any = 5
    store.append([*opened, HallFrozen("power", at=clock.now(), actor=wrong, press="")])
    store.append([replace(opened[0], windows={"1": wrong})])
    store.close()
    row = len(opened) + 2
    for verb in ("verify", "at", "run"):
        words = (
            ["2026-11-23 09:00"] if verb == "at" else [str(EXAMPLE), "--port", "0"] if verb == "run" else []
        )
        done = hallqueue(verb, *words, "--data", str(tmp_path))
        assert done.returncode == 2, done.stdout
        assert f"row {row} (DayOpened)" in done.stderr, (verb, done.stderr)
        assert "hallqueue bundle" in done.stderr
        assert "Traceback" not in done.stderr + done.stdout
    with pytest.raises(CannotStart, match="journal_unread"):
        Engine(PLAN, Store(path), clock)


def test_a_row_that_can_be_read_and_not_folded_is_told_as_well(tmp_path: Path) -> None:
    store, clock = Store(tmp_path / "journal.db"), FakeClock(MONDAY)
    opened = decide(PLAN, State(), Tick(actor="clock"), clock.now())
    word: Any = "ten"
    store.append([*opened, WindowPaused("1", "copy", word, at=clock.now(), actor="1001", press="")])
    with pytest.raises(CannotStart) as why:
        store.state()
    assert why.value.arguments == {"row": len(opened) + 1, "kind": "WindowPaused"}
    store.close()


class Odd(FakeClock):
    """A clock that raises now and then."""

    broken = False

    def now(self) -> Now:
        if self.broken:
            raise ArithmeticError("no time")
        return super().now()


def test_whatever_goes_wrong_is_an_answer_and_nothing_of_it_is_written(tmp_path: Path) -> None:
    store, clock = Store(tmp_path / "journal.db"), Odd(MONDAY)
    plan = replace(PLAN, policy=replace(PLAN.policy, care_minutes=10**400))
    engine = Engine(plan, store, clock)
    engine.start()

    def ask(command: Command) -> Outcome:
        return engine.submit(command).result(10)

    try:
        ask(Tick(actor="clock"))
        before, written = engine.state, store.last
        for command in (
            TakeTicket("A", "hall", care=True, actor="buttons"),
            TakeTicket("A", "hall", actor="buttons", press=[]),  # type: ignore[arg-type]
            TakeTicket("A", "hall", actor="buttons", press="x" * 15_000),
        ):
            assert isinstance(ask(command), Refused), command
        clock.broken = True
        told = ask(Tick(actor="clock"))
        assert isinstance(told, Refused)
        assert told.code == "bug"
        clock.broken = False
        assert (engine.state, store.last) == (before, written)
        assert not isinstance(ask(Freeze("power", **BY)), Refused), "and the hall goes on"
    finally:
        engine.stop()
        store.close()
