"""What several threads want at the same moment: each gets it, once, and what a button sets it says."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import QUICK, Hall
from flask import Flask, Response
from hammer import asks, crowd
from visitor import Visitor, technician
from werkzeug.exceptions import Forbidden

from controller.hall.commands import Tick
from controller.hall.events import Window
from controller.hall.state import State
from controller.journal.people import People
from controller.runtime.clock import FakeClock
from controller.settings.schema import Settings
from display.stage import Stage
from drivers.base.device import Device
from web.access.guard import Access

MANY = 8  # as the web has workers


@pytest.fixture(autouse=True)
def often() -> Iterator[None]:
    """Threads change as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


def at_once(act: Callable[[int], Any], many: int = MANY) -> list[Any]:
    """`act` by many threads, who begin together; what each of them got."""
    together = threading.Barrier(many)

    def one(number: int) -> Any:
        together.wait()
        return act(number)

    with ThreadPoolExecutor(many) as threads:
        return list(threads.map(one, range(many)))


@pytest.fixture
def access(plan: Settings, tmp_path: Path, clock: FakeClock) -> Access:
    return Access(plan, People(tmp_path), clock, secure=False)


def test_of_twelve_guesses_at_once_five_are_judged(access: Access) -> None:
    app, six = Flask("test"), threading.Barrier(6)

    def wrong() -> bool:
        with suppress(threading.BrokenBarrierError):  # as nobody else is judged meanwhile
            six.wait(1.0)
        return False

    def guess(number: int) -> str:
        with app.test_request_context(environ_base={"REMOTE_ADDR": "192.168.1.9"}):
            return access.tried("clerk 1003", wrong)

    said = at_once(guess, 12)
    assert (said.count("wrong"), said.count("worn")) == (5, 7)


# What changes people.json: by name, so that a new one is seen. Each is given a number of its own.
CHANGES: Mapping[str, Callable[[People, int], object]] = {
    "pin": lambda people, n: people.pin(f"1{n}"),
    "set_pin": lambda people, n: people.set_pin(f"2{n}", "000000"),
    "pair": lambda people, n: people.pair(f"token {n}", "board"),
    "part": lambda people, n: people.part(f"old {n}"),
    "remember": lambda people, n: people.remember({"session": {"who": "technician"}}),
    "choose": lambda people, n: people.choose("a sentence of my own"),
    "redeem": lambda people, n: people.redeem("12345678", "a sentence of my own"),
}
READ = {"fresh", "clerks", "devices", "sessions", "is_technician", "is_code", "is_clerk"}


def test_no_change_of_what_is_kept_about_people_is_lost_to_another(tmp_path: Path) -> None:
    assert {name for name in vars(People) if name[0] != "_"} == CHANGES.keys() | READ
    people = People(tmp_path)
    for n in range(2):
        people.pair(f"old {n}", "desk")
    at_once(lambda n: [change(people, n) for change in CHANGES.values()], 2)
    for found in (people, People(tmp_path)):
        assert found.clerks == ["10", "11", "20", "21"]
        assert found.devices == {"token 0": "board", "token 1": "board"}
        assert found.sessions
        assert found.is_technician("a sentence of my own")


def test_of_two_pins_set_at_once_both_count(tmp_path: Path) -> None:
    people = People(tmp_path)
    at_once(lambda n: people.pin(f"100{n}"), 4)
    assert People(tmp_path).clerks == ["1000", "1001", "1002", "1003"]


def test_a_one_time_code_is_good_once_also_for_two_at_once(tmp_path: Path) -> None:
    (tmp_path / "passcode").write_text(QUICK.hash("12345678"))
    people = People(tmp_path)
    chosen = at_once(lambda n: people.redeem("1234 5678", f"the sentence of number {n}"))
    assert chosen.count(True) == 1
    assert people.is_technician(f"the sentence of number {chosen.index(True)}")


def test_a_pin_that_is_replaced_while_somebody_comes_in_by_it_opens_nothing(access: Access) -> None:
    app = Flask("test")

    def replace() -> None:
        with app.test_request_context():
            access.end_all("1003")

    with app.test_request_context():
        assert access.tried("clerk 1003", lambda: True) == ""
        with ThreadPoolExecutor(1) as another:
            another.submit(replace).result()
        with pytest.raises(Forbidden):
            access.open(Response(), "clerk", "1003", "window 3")
        assert access.tried("clerk 1003", lambda: True) == ""
        access.open(Response(), "clerk", "1003", "window 3")


def test_devices_that_ask_at_once_are_all_paired(hall: Hall) -> None:
    devices = [Visitor(hall.url) for _ in range(MANY)]
    codes = at_once(lambda n: devices[n].code("/board"))
    assert len({*codes}) == MANY
    mine = technician(hall)
    answers = at_once(lambda n: mine.post("/access", code=codes[n]).text)
    assert all("配对好了" in text for text in answers)
    assert {device.get("/board").status for device in devices} == {200}


def test_mute_clicked_twice_is_mute(hall: Hall) -> None:
    mine = technician(hall)
    at_once(lambda n: mine.post("/device/voice/mute"), 2)
    assert hall.house.stage.muted == {"voice"}
    at_once(lambda n: mine.post("/device/voice/unmute"), 2)
    assert not hall.house.stage.muted


class Unit(Device):
    """A call unit that can be held while it is shown something."""

    wired = False

    def __init__(self) -> None:
        super().__init__("unit1")
        self.shown: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def show(self, lamp: str) -> None:
        if lamp == "wait":
            self.meanwhile()
        self.shown.append(lamp)

    def refuse(self) -> None: ...


def test_a_lamp_that_asks_for_patience_is_lit_anew_when_the_hall_goes_on_at_that_moment(
    plan: Settings, clock: FakeClock
) -> None:
    unit, state = Unit(), State(windows={"1": Window("1001")})
    stage = Stage(plan, {"unit1": unit}, lambda command: None, clock.now)
    tick = partial(stage.listen, Tick(actor="clock"), (), state)
    tick()
    with ThreadPoolExecutor(1) as engine:
        # The lamp's turn comes as soon as nobody else has it: at the latest when this one is through.
        unit.meanwhile = lambda: wait([engine.submit(tick)], timeout=0.3)
        stage.wait(None)
    tick()
    assert unit.shown[-1] == unit.shown[0] != "wait"


def test_play_pressed_by_many_lets_one_crowd_in_and_sends_it_away(hall: Hall) -> None:
    at_once(lambda n: hall.twin.play(True))
    assert sum(thread.name == "player" for thread in threading.enumerate()) == 1
    at_once(lambda n: hall.twin.play(False))
    assert sum(thread.name == "player" for thread in threading.enumerate()) == 0


def switches(hall: Hall) -> tuple[Any, ...]:
    """All in the hall that somebody can set one way or the other."""
    state = hall.state
    windows = [(w.clerk, w.paused, w.shut, w.services) for w in state.windows.values()]
    hall_itself = (state.frozen, state.stopped, {*state.help}, {*state.kiosks}, {*state.cut})
    return hall.house.stage.muted, windows, hall_itself, hall.twin.view()["playing"]


def test_no_button_of_a_page_and_no_verb_sets_back_when_it_is_pressed_twice(hall: Hall) -> None:
    people, changed = crowd(hall), set[str]()
    for ask in asks(hall):
        before = switches(hall)
        people[ask.who].ask(ask.method, ask.address, **ask.sent())
        once = switches(hall)
        people[ask.who].ask(ask.method, ask.address, **ask.sent())
        if once != before:
            changed.add(f"{ask.address} {ask.key}")
            assert switches(hall) != before, ask
    assert len(changed) > 7, changed
