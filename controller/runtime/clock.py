"""What time is it, and is it to be trusted? The only module that reads the wall clock."""

import ctypes
import time
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from controller.hall.moment import Now, elapsed

NEAR = 600.0  # s; what the two may drift apart while the machine runs for months
FAR = timedelta(days=30)  # of which a battery clock alone may be ahead of the journal
STEP = 2.0  # s; the wall clock and the monotonic one run at one speed, and only a step parts them


class Clock(Protocol):
    @property
    def source(self) -> str:
        """What the wall time is believed by: network, held (network, of which nothing is heard any more),
        said, battery, simulated; or none."""

    def now(self) -> Now: ...

    def confirm(self, wall: datetime, at: Now) -> None:
        """At the moment `at` a person said that it was `wall`."""


class SystemClock:
    """The machine's clocks. The wall time is trusted when the kernel knows it synchronised (NTP) or a
    battery clock agreed at the start (unless that is a month ahead), and it is not before `last`, the
    newest believed moment in the journal. While it is not, what a person said in this boot counts.

    What the network said is held for the whole boot: the kernel calls itself unsynchronised nine hours after
    the last time server was heard, when the clock is right to some seconds (hall.md §2.8)."""

    def __init__(self, zone: str, last: Now | None) -> None:
        self._zone, self._last = ZoneInfo(zone), last
        self._boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        now = self._read(trusted=True)
        # One that was set wrong would open a day of years to come, and every true time were before it.
        self._battery = _kept() and (last is None or now.wall - last.wall < FAR)
        # A daemon that starts again in the same boot goes on with a clock that was believed in it.
        self._held = _parted(last, now) < STEP
        self._said: Now | None = None
        self._libc = ctypes.CDLL(None, use_errno=True)

    @property
    def source(self) -> str:
        return self._believed(self._read(trusted=True))

    def _believed(self, now: Now) -> str:
        before = self._last is not None and now.wall < self._last.wall
        if not before and self._synchronised():
            # It also outdoes what was said before.
            self._held, self._said = True, None
            return "network"
        if self._said:
            return "said"
        if not before and (self._battery or self._held):
            return "battery" if self._battery else "held"
        return "none"

    def now(self) -> Now:
        now = self._read(trusted=True)
        source = self._believed(now)
        if source == "said" and (said := self._said):
            return replace(now, wall=said.wall + timedelta(seconds=now.mono - said.mono))
        return replace(now, trusted=source != "none")

    def _read(self, *, trusted: bool) -> Now:
        # Seconds in which the machine slept count: they have passed for the people in the hall.
        mono = round(time.clock_gettime(time.CLOCK_BOOTTIME), 6)
        return Now(datetime.now(self._zone), mono, self._boot, trusted)

    def confirm(self, wall: datetime, at: Now) -> None:
        said = replace(at, wall=wall.astimezone(self._zone))  # an old journal may have another one
        if at.boot == self._boot and not self._outdone(said):
            self._said = said

    def _outdone(self, said: Now) -> bool:
        """Does the journal hold a later moment of this boot at which another clock was believed?"""
        gone = elapsed(said, self._last) if self._last else None
        return gone is not None and gone > 0 and _parted(self._last, said) >= STEP

    def _synchronised(self) -> bool:
        # adjtimex(2): with modes 0 it only reads; it returns TIME_ERROR (5) while unsynchronised.
        status: int = self._libc.adjtimex(ctypes.create_string_buffer(256))
        return 0 <= status < 5


def _parted(one: Now | None, other: Now) -> float:
    """By how many seconds a step parts the wall times of two moments; infinite if no boot joins them."""
    gone = elapsed(one, other) if one else None
    return abs((other.wall - one.wall).total_seconds() - gone) if one and gone is not None else inf


def _kept() -> bool:
    """Does the battery clock say what the wall clock says? A Pi 5 has one also without a battery: that
    begins in 1970, and the wall clock goes on from when it was last saved. Nor is every one asked at boot."""
    try:
        kept = float(Path("/sys/class/rtc/rtc0/since_epoch").read_text())
    except (OSError, ValueError):  # none, or its driver knows that it stood still
        return False
    return abs(kept - time.time()) < NEAR


class FakeClock:
    """A clock of its own, for tests (speed 0) and the simulated hall: it can be moved and sped up.

    Moving the wall time back leaves `mono` where it is, as on a real machine. Replaced as one
    value, so that any thread may read it while another moves it.
    """

    def __init__(self, start: datetime, speed: float = 0.0) -> None:
        self._boot = f"simulated-{uuid.uuid4().hex[:8]}"
        self._set = (start, 0.0, time.monotonic(), speed)
        self.trusted = True

    @property
    def source(self) -> str:
        return "simulated" if self.trusted else "none"

    def now(self) -> Now:
        wall, mono, real, speed = self._set
        gone = (time.monotonic() - real) * speed
        return Now(wall + timedelta(seconds=gone), round(mono + gone, 6), self._boot, self.trusted)

    @property
    def speed(self) -> float:
        return self._set[3]

    def confirm(self, wall: datetime, at: Now) -> None:
        now = self.now()
        if at.boot == self._boot:
            wall = wall.astimezone(now.wall.tzinfo) + timedelta(seconds=now.mono - at.mono)
            self._set, self.trusted = (wall, now.mono, time.monotonic(), self.speed), True

    def advance(self, *, minutes: float = 0, seconds: float = 0) -> None:
        self.move(self.now().wall + timedelta(minutes=minutes, seconds=seconds))

    def move(self, wall: datetime, speed: float | None = None) -> None:
        """Set the wall time, and how many of its seconds pass in a real one."""
        now = self.now()
        forward = max(0.0, (wall - now.wall).total_seconds())
        speed = self.speed if speed is None else speed
        self._set = (wall, now.mono + forward, time.monotonic(), speed)
