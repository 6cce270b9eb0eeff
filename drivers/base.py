"""What every driver shares: device, port, mailboxes, health. Knows no ticket and no window."""

import importlib
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Generic, TypeVar

from PIL import Image

from drivers.base.link import Link, LinkLost

log = logging.getLogger("hallqueue.drivers")
LONGEST = 15.0  # s that one round of turns may take: a speech program at its worst
TURN = 3.0  # s that one page of a sign stands (domain.md §4.4)
T = TypeVar("T")
# With the boot id and the start's monotonic time a press id never comes twice.
_RUN = f"{Path('/proc/sys/kernel/random/boot_id').read_text()[:8]}-{time.monotonic_ns():x}"


class DeviceFault(Exception):
    """This one device is in trouble: `code` names it, its sentence is in display/words.

    `again`: seconds until the device gets its next turn.
    """

    def __init__(self, code: str, again: float = 1.0) -> None:
        super().__init__(code)
        self.code, self.again = code, again


@dataclass(frozen=True, slots=True)
class Press:
    """A key of a device went down. `id` is never used twice, also over restarts; `number`: the
    digits that were typed before the key."""

    device: str
    key: str
    id: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """`state` is starting, up, degraded or down; `code` says why, `detail` what exactly."""

    state: str
    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text on paper, centred; `scale` 1 to 8 times the printer's 24-dot character.

    `image`: the line as a picture, if the printer has not all of its characters; `qr`: the text as a
    QR code.
    """

    text: str
    scale: int = 1
    image: Image.Image | None = None
    qr: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What a printer prints and cuts: `image` (mode "1", as wide as the paper) if there is one,
    else `lines` in the printer's own characters."""

    lines: tuple[Line, ...]
    image: Image.Image | None = None

    @property
    def millimetres(self) -> int:
        """The paper that it takes at 8 dots a millimetre, the feed to the cutter included."""
        heights = (
            200 if line.qr else line.image.height if line.image else 30 * line.scale for line in self.lines
        )
        return ((self.image.height if self.image else sum(heights)) + 180) // 8


class Latest(Generic[T]):
    """Mailbox for level outputs (sign, lamp): only the newest counts; shown again on demand."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._fresh = False

    def put(self, value: T) -> None:
        if value != self._value:
            self._value, self._fresh = value, True

    def again(self) -> None:
        """The device may have forgotten: what was shown counts as new."""
        self._fresh = self._value is not None

    def take(self) -> T | None:
        """The value if it is new, else None."""
        # Cleared before it is read: a value put meanwhile stays fresh and is taken next time.
        fresh, self._fresh = self._fresh, False
        return self._value if fresh else None


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a voice says. `short`: its form when others wait, empty: none; `holds`: is it still true?
    `urgent`: before everything else; `volume`: percent."""

    long: str
    short: str = ""
    holds: Callable[[], bool] = lambda: True
    urgent: bool = False
    volume: int = 100


class Fleeting:
    """Mailbox for speech. What no longer holds is never said; what waits already waits once only.

    The rule of domain.md §4.6, by any clock: `now` is in seconds. Put by one thread, taken by another.
    """

    HURRY = 6.0  # s that a sentence may wait before the short forms are said

    def __init__(self) -> None:
        # More than a hall has windows: while nobody takes, the oldest go.
        self._put: deque[tuple[float, Sentence]] = deque(maxlen=100)
        self._waiting: list[tuple[float, Sentence]] = []  # the taking thread's

    def put(self, sentence: Sentence, now: float) -> None:
        self._put.append((now, sentence))

    def _look(self) -> list[tuple[float, Sentence]]:
        """What waits and holds, in the order in which it will be said."""
        while self._put:
            item = self._put.popleft()
            self._waiting = [*(other for other in self._waiting if other[1].long != item[1].long), item]
        true = (item for item in self._waiting if item[1].holds())
        self._waiting = sorted(true, key=lambda item: not item[1].urgent)
        return self._waiting

    def urgent(self) -> bool:
        """Must what is being said now give way?"""
        return any(sentence.urgent for _, sentence in self._look())

    def take(self, now: float) -> tuple[str, int] | None:
        """What to say next, and how loud."""
        if not (waiting := self._look()):
            return None
        hurry = len(waiting) > 1 or now - waiting[0][0] > self.HURRY
        _, sentence = waiting.pop(0)
        return (hurry and sentence.short) or sentence.long, sentence.volume


class Device:
    """A device on a wire. The base owns health and waking; the driver owns protocol and bytes.

    A driver overrides `attach` and `turn`; both run in the port's thread. What the hall calls
    (`show`, `print`, `say`) puts into a mailbox, calls `wake` and returns.
    """

    wired = True  # False: needs no wire, so no url in hall.toml opens one

    def __init__(self, name: str) -> None:
        self.name = name
        self.health = Health("starting", "")
        self.since = time.monotonic()  # when its health became what it is
        self.proved = False  # was it ever well?
        self.on_health: Callable[[Device], None] = lambda device: None
        self.wake: Callable[[], None] = lambda: None
        self.reopen: Callable[[], None] = lambda: None  # close its wire and open it again

    def attach(self, link: Link) -> None:
        """The wire is there (again): forget what was assumed, show everything once more."""

    def turn(self, link: Link) -> float:
        """Do what is due; seconds to the next turn. Raises DeviceFault or LinkLost."""
        raise NotImplementedError

    def lost(self) -> None:
        """The wire broke while this device may have been in the middle of something."""

    def close(self) -> None:
        """The hall stops; give back what is no wire."""

    def report(self, state: str, code: str = "", detail: str = "") -> None:
        """Say a fault once and the recovery once."""
        if self.health != (health := Health(state, code, detail)):
            if health.state != self.health.state:
                self.since = time.monotonic()
            self.health, self.proved = health, self.proved or state == "up"
            level = logging.INFO if state == "up" else logging.WARNING
            log.log(level, "%s: %s", self.name, " ".join(filter(None, (state, code, detail))))
            self.on_health(self)


class Pages(Latest[str]):
    """Mailbox of a sign: one text, or several that stand in turn."""

    def __init__(self) -> None:
        super().__init__()
        self._pages: tuple[str, ...] = ()

    def turn(self, pages: tuple[str, ...]) -> None:
        self._pages = pages

    def take(self) -> str | None:
        if self._pages:
            self.put(self._pages[int(time.monotonic() / TURN) % len(self._pages)])
        return super().take()


class Sign(Device):
    """Shows the newest text that it was given, and all again when the wire is there again."""

    numbers = False  # True: it is given a ticket's number alone, no sentence
    columns = 16  # half as wide as a hanzi

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.text = Pages()

    def show(self, *pages: str) -> None:
        self.text.turn(pages)
        self.wake()

    def attach(self, link: Link) -> None:
        self.text.again()


class Switch(Device):
    """Switches displays on with the hall and off after work."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.wanted: Latest[bool] = Latest()

    def power(self, on: bool) -> None:
        self.wanted.put(on)
        self.wake()


class Button(Device):
    """A device with keys. Emits presses; the receiver of `emit` must return at once."""

    _serial = itertools.count(1)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.emit: Callable[[Press], None] = lambda press: None

    def press(self, key: str, number: str = "") -> None:
        self.emit(Press(self.name, key, f"{self.name}:{_RUN}:{next(self._serial)}", number))


class Port:
    """One thread for one wire and all devices on it: opens, reopens, takes turns, marks faults.

    A device's fault stays with the device; a lost wire marks all its members. Anything else is
    a bug of a driver: logged once with its traceback, and the others go on.
    """

    def __init__(self, url: str, baudrate: int, devices: Sequence[Device], retry: float) -> None:
        """Empty `url`: no wire. `retry`: longest pause in seconds between attempts to open one."""
        self._open = partial(Link, url, baudrate)
        self._devices, self._retry = devices, retry
        self._awake, self._stopping, self._afresh = threading.Event(), False, False
        self._poked: set[Device] = set()
        self._bugs: set[str] = set()
        for device in devices:
            device.wake, device.reopen = partial(self._poke, device), self._reopen
        self.thread = threading.Thread(target=self._run, name=f"port {devices[0].name}", daemon=True)
        self.awaited = float("inf")  # when its loop is heard of again (monotonic)
        self.start = self.thread.start

    def stop(self) -> None:
        self._stopping = True
        self._awake.set()
        self.thread.join(timeout=5.0)

    def _poke(self, device: Device) -> None:
        self._poked.add(device)
        self._awake.set()

    def _reopen(self) -> None:
        self._afresh = True
        self._awake.set()

    def _run(self) -> None:
        self.awaited = time.monotonic() + LONGEST
        pause = 0.05
        while not self._stopping:
            try:
                link = self._open()
                try:
                    pause = 0.05
                    self._serve(link)
                finally:
                    link.close()
            except LinkLost as error:
                log.debug("%s: %s", self.thread.name, error)
                self._each(lambda device: device.lost())
                for device in self._devices:
                    device.report("down", error.code)
                pause = min(pause * 2, self._retry)
                self._rest(pause)
                self._awake.clear()
        self._each(lambda device: device.close())

    def _serve(self, link: Link) -> None:
        due = dict.fromkeys(self._devices, 0.0)
        attached: set[Device] = set()
        self._afresh = False
        while not self._stopping:
            self._awake.clear()
            if self._afresh:
                raise LinkLost(OSError("somebody asked to open it again"))
            for device in self._devices:
                if device in self._poked or due[device] <= time.monotonic():
                    # Forgotten before the turn: a poke during the turn asks for another one.
                    self._poked.discard(device)
                    pause = self._turn(device, link, attached)
                    due[device] = time.monotonic() + pause
            self._rest(max(0.0, min(due.values()) - time.monotonic()))

    def _rest(self, seconds: float) -> None:
        self.awaited = time.monotonic() + seconds
        self._awake.wait(seconds)
        self.awaited = time.monotonic() + LONGEST

    def _turn(self, device: Device, link: Link, attached: set[Device]) -> float:
        """One turn of one device; seconds to its next one. Only LinkLost goes through."""
        try:
            if device not in attached:
                device.attach(link)
                attached.add(device)
            pause = device.turn(link)
            if device.health.state in ("starting", "down"):
                device.report("up")
            return pause
        except DeviceFault as fault:
            device.report("down", fault.code)
            return fault.again
        except LinkLost:
            raise
        except Exception as error:  # noqa: BLE001 - where a driver's bug ends
            self._bug(device, error)
            return 5.0

    def _each(self, act: Callable[[Device], None]) -> None:
        """Do `act` to every device; a bug in one keeps none of the others from it."""
        for device in self._devices:
            try:
                act(device)
            except Exception as error:  # noqa: BLE001 - where a driver's bug ends
                self._bug(device, error)

    def _bug(self, device: Device, error: Exception) -> None:
        if repr(error) not in self._bugs:
            self._bugs.add(repr(error))
            log.error("%s: a bug in its driver", device.name, exc_info=error)
        device.report("down", "bug")


def load(driver: str) -> type[Device]:
    """The class behind `driver = "..."`: `Driver` in `drivers/<driver>.py`, or an installed
    entry point of the group hallqueue.drivers. Imported on first use only.

    Raises LookupError with the name and the nearest one that exists, or all."""
    here = [file.stem for file in Path(__file__).parent.glob("*_*.py") if file.stem[0] != "_"]
    found: type[Device]
    if driver in here:
        found = importlib.import_module(f"drivers.{driver}").Driver
        return found
    installed = {entry.name: entry for entry in entry_points(group="hallqueue.drivers")}
    if driver not in installed:
        near = get_close_matches(driver, [*here, *installed], 1, 0.4) or sorted([*here, *installed])
        raise LookupError(driver, ", ".join(near))
    found = installed[driver].load()
    return found
