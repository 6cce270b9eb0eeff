"""Days on which several things break at once: drivers hang and raise, devices are silent, wires refuse to
open, children are killed, the card is slow. No press is lost by it, and signs show every call."""

import os
import random
import signal
import sqlite3
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles

import pytest
from conftest import MONDAY, Hall, needs
from judge import judge
from ordeal import Tracer
from test_month import TEXT, printed
from wait import until

from controller.hall import calendar
from controller.hall.commands import Command, TakeTicket
from controller.hall.events import TicketIssued, TicketPrinted
from controller.hall.outcome import Outcome, Refused
from controller.hall.state import State, account
from controller.journal.verify import verify
from controller.runtime import keeper, oracle
from controller.runtime.clock import FakeClock
from controller.runtime.ports import TIMES
from controller.settings.schema import Settings
from drivers.base.device import Device
from drivers.base.link import Link
from drivers.base.mailboxes import Sentence

pytestmark = pytest.mark.slow

SHORT = TEXT.replace('"8:00-11:30", "14:30-17:30"', '"8:00-8:13"')  # a day for `make test`
DAYS = 1
LASTS = (
    0.5,
    1.0,
    2.0,
    3.0,
    5.0,
    30.0,
)  # real seconds of a fault; who hangs has the longest, or until it is given up
AT_ONCE, CALM = 3, (0.75, 0.95)  # faults at one time; parts of a day after which all must be mended and shown
ERRORS = (RuntimeError("oh"), StopIteration(), KeyError("oh"), SystemExit(3), OSError(5, "oh"))
MORE = 0.7  # the chance of one more visitor at each look
CHILDREN = "controller.forecast.oracle", "controller.journal.backup"
Act, Over = Callable[[], object], Callable[[], bool]


def troubled(real: type[Device], befalls: dict[Device, Act], behind: dict[Device, Act]) -> type[Device]:
    """The real driver; what befalls one of its objects comes before or behind its own turn."""

    class Driver(real):  # type: ignore[misc, valid-type]
        def turn(self, link: Link) -> float:
            befalls.get(self, bool)()
            pause: float = super().turn(link)
            behind.get(self, bool)()
            return pause

    return Driver


def children() -> dict[str, int]:
    """The processes that this one has started for the hall: module and number."""
    found = {}
    for file in Path("/proc/self/task").glob("*/children"):
        for pid in file.read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            found |= {word: int(pid) for word in words if word in CHILDREN}
    return found


class Visitors:
    """Counts who presses a lit ticket button, what is answered, and how long the paper took."""

    def __init__(self, hall: Hall) -> None:
        self.away = False  # nobody comes: the button box hangs, and a press of now is nobody's promise
        self.ill = Counter[str]()  # faults of what a press needs itself: its buttons, printer and card
        self.harm = 0  # counts them
        self.pressed = defaultdict[str, list[tuple[float, int | None]]](list)
        self.answered = defaultdict[str, list[str]](list)  # the number, or why there is none
        self.printed: dict[str, tuple[float, int]] = {}
        self._hall, self._press, self._one = hall, hall.twin.press, threading.Lock()
        hall.twin.press = self.press  # type: ignore[method-assign]
        hall.house.engine.listeners.append(self.heard)

    def press(self, device: str, key: str) -> None:
        if device != "buttons":
            self._press(device, key)
            return
        with self._one:
            if not self.away:
                well = not self.ill.total() and self._hall.health("printer")[0] == "up"
                self.pressed[key].append((time.monotonic(), self.harm if well else None))
                self._press(device, key)

    def maybe(self, dice: random.Random) -> None:
        """Now and then one more comes than the twin's own."""
        key = dice.choice("ABCD")
        if dice.random() < MORE and self._hall.twin.lit("buttons", key):
            self._hall.twin.press("buttons", key)

    def leave(self) -> None:
        """Nobody presses from now on, and all who did have their answer."""
        with self._one:
            self.away = True
        until(self.all_answered)

    def all_answered(self) -> bool:
        return all(len(self.answered[key]) == len(presses) for key, presses in self.pressed.items())

    def heard(self, command: Command, outcome: Outcome, state: State) -> None:
        if isinstance(command, TakeTicket) and isinstance(outcome, Refused):
            self.answered[command.service].append(outcome.code)
        for event in () if isinstance(outcome, Refused) else outcome:
            if isinstance(event, TicketIssued):
                self.answered[event.service].append(event.ticket)
            if isinstance(event, TicketPrinted) and event.answer == "confirmed":
                self.printed[event.ticket] = time.monotonic(), self.harm

    def took(self) -> list[float]:
        """Seconds from press to paper, of those whose own buttons, printer and card were well all along."""
        found = []
        for key, presses in self.pressed.items():
            for (pressed, harm), number in zip(presses, self.answered[key], strict=True):
                if number in self.printed and self.printed[number][1] == harm:
                    found.append(self.printed[number][0] - pressed)
        return found


class Chaos:
    """Begins and ends faults in a hall, one at a time at each place."""

    def __init__(
        self, hall: Hall, dice: random.Random, befalls: dict[Device, Act], behind: dict[Device, Act]
    ) -> None:
        self.hall, self.dice, self._turns = hall, dice, (befalls, behind)
        self.visitors, self.counted, self._hung = Visitors(hall), Counter[str](), Counter[str]()
        self.killed = set[str]()
        self.active: dict[str, tuple[Over, float, ExitStack]] = {}
        self._wires: dict[str, list[str]] = {}
        for name, wire in hall.twin.wires.items():
            self._wires.setdefault(wire.url, []).append(name)
        self._places = [*self._wires, "buttons", "card", *CHILDREN]

    def begin(self) -> None:
        """Another fault, if there are not enough."""
        free = [place for place in self._places if place not in self.active]
        if len(self.active) < AT_ONCE:
            place, stack = self.dice.choice(free), ExitStack()
            self.active[place] = *self._break(place, stack), stack

    def end(self, at_once: bool = False) -> None:
        """End the faults whose time has come, or all."""
        for place, (over, due, stack) in [*self.active.items()]:
            if at_once or over() or time.monotonic() > due:
                stack.close()
                del self.active[place]

    def _break(self, place: str, stack: ExitStack) -> tuple[Over, float]:
        """Begin a fault that `stack` ends, at a moment (monotonic) or when it is over before that."""
        names = self._wires.get(place, [place])
        if {*names} & {"printer", "buttons", "card"}:
            self.visitors.harm += 1
            self.visitors.ill[place] += 1
            stack.callback(self.visitors.ill.subtract, [place])
        if place in CHILDREN:
            if child := children().get(place):
                self.counted["killed"] += 1
                self.killed.add(place)
                os.kill(child, signal.SIGKILL)
            return lambda: True, 0.0
        due = time.monotonic() + self.dice.choice(LASTS)
        if place == "card":
            self.counted["slow card"] += 1
            thread = str(self.hall.house.engine.thread.native_id)
            slow = "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=1000000"  # 1 s
            stack.callback(Tracer("-e", *slow, "-p", thread).end)
            return lambda: False, due
        name = self.dice.choice(names)
        faults: list[Callable[[str, ExitStack], Over | None]] = [self._raises]
        if place != "buttons":
            faults += [self._silent, self._unplugged, self._refuses]
        if self._hung[place] < TIMES - 1:  # else it would stay down until somebody reconnects it
            faults = [*faults, self._hangs] if self.counted["hang"] else [self._hangs]
        over = self.dice.choice(faults)(name, stack)
        return (over, time.monotonic() + max(LASTS)) if over else (lambda: False, due)

    def _befalls(self, name: str, act: Act, stack: ExitStack) -> Device:
        device, turns = self.hall.house.devices[name], self.dice.choice(self._turns)
        turns[device] = act
        stack.callback(turns.pop, device)
        device.wake()
        return device

    def _hangs(self, name: str, stack: ExitStack) -> Over:
        self._hung[self.hall.twin.wires[name].url if name in self.hall.twin.wires else name] += 1
        self.counted["hang"] += 1
        if name == "buttons":
            self.visitors.leave()
            stack.callback(self._come_back)
        device, awake = self.hall.house.devices[name], threading.Event()
        if self.dice.random() < 0.75:  # the others have all the time that their driver asks for
            stack.callback(setattr, device, "longest", device.longest)
            device.longest = 2.0
        stack.callback(awake.set)
        self._befalls(name, awake.wait, stack)

        def given_up() -> bool:
            gone = self.hall.house.devices[name] is not device
            self.counted["given up"] += gone
            return gone

        return given_up

    def _come_back(self) -> None:
        """Visitors come again once the buttons work."""
        until(lambda: self.hall.health("buttons")[0] == "up")
        self.visitors.away = False

    def _raises(self, name: str, stack: ExitStack) -> None:
        self.counted["raise"] += 1
        error = self.dice.choice(ERRORS)

        def act() -> None:
            raise error

        self._befalls(name, act, stack)

    def _silent(self, name: str, stack: ExitStack) -> None:
        self._turned(name, "deaf", stack)

    def _unplugged(self, name: str, stack: ExitStack) -> None:
        self._turned(name, "unplugged", stack)

    def _refuses(self, name: str, stack: ExitStack) -> None:
        """Where the wire was stands something else that opens and is no tty."""
        wire = self.hall.twin.wires[name]
        self._turned(name, "unplugged", stack)
        if wire.url.startswith("/"):
            self.counted["refuse"] += 1
            Path(wire.url).symlink_to("/dev/null")

    def _turned(self, name: str, knob: str, stack: ExitStack) -> None:
        self.counted[knob] += 1
        self.hall.turn(name, knob, 1)
        stack.callback(self.hall.turn, name, knob, 0)


def ports() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("port ")]


def speak(hall: Hall) -> None:
    hall.house.devices["voice"].say(Sentence("好"))  # type: ignore[attr-defined]


def calm(chaos: Chaos, clock: FakeClock) -> None:
    """All faults end and the hall's time stands still: every device is up again and shows what is true."""
    hall, speed = chaos.hall, clock.speed
    chaos.end(at_once=True)
    clock.move(clock.now().wall, 0.0)
    # A voice that could not speak counts as down until something is heard of it; whoever has its place.
    until(lambda: hall.health("voice")[0] == "up" or speak(hall))
    for name in hall.house.devices:
        until(lambda name=name: hall.health(name)[0] == "up")  # type: ignore[misc]
    until(lambda: hall.twin.lit("buttons", "A"))
    hall.twin.press("buttons", "A")  # it gives a ticket; and a parent whose child was killed has news
    until(chaos.visitors.all_answered)
    until(lambda: chaos.visitors.answered["A"][-1] in chaos.visitors.printed)
    until(lambda: chaos.killed <= children().keys())
    for window, machine in ((name, hall.machine(f"sign{name}")) for name in hall.house.engine.plan.window):
        until(lambda w=window, m=machine: hall.state.window(w).ticket in m.text)  # type: ignore[misc]
    until(lambda: hall.get("/health")["ok"])
    clock.move(clock.now().wall, speed)


def lived(chaos: Chaos, clock: FakeClock, speed: float, until_then: list[datetime]) -> None:
    """A day of faults with a calm moment at each of `until_then`, until the hall says that it is done."""
    hall, tick = chaos.hall, threading.Event()
    clock.move(clock.now().wall, speed)
    hall.twin.play(True)
    for moment in until_then:
        while clock.now().wall < moment:
            chaos.end()
            chaos.begin()
            chaos.visitors.maybe(chaos.dice)
            assert hall.house.late() == [], "systemd would start it again"
            tick.wait(chaos.dice.uniform(0.1, 0.5))
        calm(chaos, clock)
    clock.move(clock.now().wall, 600.0)  # the last visitors, without any fault
    while not hall.state.done:
        assert clock.now().wall < until_then[-1] + timedelta(hours=10), f"the day does not end: {hall.state}"
        tick.wait(0.1)
    hall.twin.play(False)
    clock.move(clock.now().wall, 0.0)


def journalled(hall: Hall) -> Counter[str]:
    """Presses of the day, by service, that the journal answers with a ticket or a refusal."""
    with closing(sqlite3.connect(hall.folder / "journal.db")) as db:
        since = "seq > (SELECT max(seq) FROM journal WHERE kind = 'DayOpened')"
        kinds = "kind IN ('TicketIssued', 'TicketRefused')"
        return Counter(
            s for (s,) in db.execute(f"SELECT body->>'service' FROM journal WHERE {since} AND {kinds}")
        )


@pytest.fixture
def medium() -> Iterator[Path]:
    """A folder on another medium than that of the journals, as a stick would be."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="hallqueue-medium-") as folder:
        yield Path(folder)


def test_whatever_breaks_at_once_no_press_and_no_call_is_lost(
    start_hall: Callable[..., Hall],
    plan: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    medium: Path,
    counted: Callable[[str], None],
) -> None:
    needs("strace")
    monkeypatch.setattr(oracle, "AGAIN", 2.0)  # s: a day passes in a minute here
    monkeypatch.setattr(keeper, "AGAIN", 2.0)
    befalls, behind = dict[Device, Act](), dict[Device, Act]()
    for driver in {device.driver for device in plan.device.values()}:
        module = f"drivers.{driver}.Driver"
        real = __import__(f"drivers.{driver}", fromlist=["Driver"]).Driver
        monkeypatch.setattr(module, troubled(real, befalls, behind))
    text = f'{SHORT}\n[policy]\ncut_off = "none"\n[backup]\nfolder = "{medium}"\n'
    clock, faults, took, tickets = FakeClock(MONDAY), Counter[str](), list[float](), 0
    dice = random.Random(2)
    for _ in range(DAYS):
        opening = calendar.next_opening(plan, clock.now().wall - timedelta(minutes=1))
        clock.move(opening - timedelta(minutes=1))
        hall = start_hall(text, at=clock)
        closing_time = calendar.closing(hall.house.engine.plan, opening)
        assert closing_time
        chaos = Chaos(hall, dice, befalls, behind)
        open_for = closing_time - opening
        lived(chaos, clock, 60.0, [opening + open_for * part for part in CALM])
        printed(hall)
        assert journalled(hall) == Counter({key: len(p) for key, p in chaos.visitors.pressed.items()})
        assert hall.restarts == []
        until(lambda hall=hall: hall.house.keeper.age == 0.0)  # type: ignore[misc]
        tickets += account(hall.state)["issued"]
        faults += chaos.counted
        took += chaos.visitors.took()
        hall.stop()
        del hall, chaos
        until(lambda: not ports())  # those that hung have woken and ended
        print(f"{opening:%Y-%m-%d}: {tickets} tickets, {dict(faults)}", flush=True)
        clock.move(clock.now().wall + timedelta(hours=9))
    journal = tmp_path / "data" / "journal.db"
    assert verify(journal)[1] == 0
    assert judge(journal, {name: window.services for name, window in plan.window.items()}) == tickets
    p99 = quantiles(took, n=100)[98] if len(took) > 1 else 0.0
    told = ", ".join(f"{number:,} {kind}" for kind, number in sorted(faults.items()))
    counted(
        f"{DAYS} working days, {tickets:,} tickets, {told}, up to {AT_ONCE} at once, nothing lost; "
        f"{len(took):,} presses on paper within {p99:.1f} s (p99)"
    )
