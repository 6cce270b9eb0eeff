"""What time is it, and is it to be trusted? The only module that reads the wall clock."""

import ctypes
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from controller.hall.moment import Now

NEAR = 600.0  # s; what the two may drift apart while the machine runs for months
FAR = timedelta(days=30)  # of which a battery clock alone may be ahead of the journal


class Clock(Protocol):
    @property
    def source(self) -> str:
        """What the wall time is believed by: battery, network, said, simulated; or none."""

    def now(self) -> Now: ...

    def confirm(self, wall: datetime, at: Now) -> None:
        """At the moment `at` a person said that it was `wall`."""


class SystemClock:
    """The machine's clocks. The wall time is trusted when the kernel knows it synchronised (NTP) or a
    battery clock agreed at the start (unless that is a month ahead), and it is not before `floor`, the
    newest believed moment in the journal. While it is not, what a person said in this boot counts."""

    def __init__(self, zone: str, floor: datetime | None) -> None:
        self._zone, self._floor = ZoneInfo(zone), floor
        self._boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # One that was set wrong would open a day of years to come, and every true time were before it.
        self._battery = _kept() and (floor is None or datetime.now(self._zone) < floor + FAR)
        self._said: tuple[datetime, float] | None = None
        self._libc = ctypes.CDLL(None, use_errno=True)

    @property
    def source(self) -> str:
        return self._believed(datetime.now(self._zone))

    def _believed(self, wall: datetime) -> str:
        before = self._floor is not None and wall < self._floor
        if not before and (self._battery or self._synchronised()):
            return "battery" if self._battery else "network"
        return "said" if self._said else "none"

    def now(self) -> Now:
        wall = datetime.now(self._zone)
        source = self._believed(wall)
        if self._said and source == "said":
            wall = self._said[0] + timedelta(seconds=time.monotonic() - self._said[1])
        return Now(wall, round(time.monotonic(), 6), self._boot, source != "none")

    def confirm(self, wall: datetime, at: Now) -> None:
        if at.boot == self._boot:
            self._said = wall, at.mono

    def _synchronised(self) -> bool:
        # adjtimex(2): with modes 0 it only reads; it returns TIME_ERROR (5) while unsynchronised.
        status: int = self._libc.adjtimex(ctypes.create_string_buffer(256))
        return 0 <= status < 5


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
            wall += timedelta(seconds=now.mono - at.mono)
            self._set, self.trusted = (wall, now.mono, time.monotonic(), self.speed), True

    def advance(self, *, minutes: float = 0, seconds: float = 0) -> None:
        self.move(self.now().wall + timedelta(minutes=minutes, seconds=seconds))

    def move(self, wall: datetime, speed: float | None = None) -> None:
        """Set the wall time, and how many of its seconds pass in a real one."""
        now = self.now()
        forward = max(0.0, (wall - now.wall).total_seconds())
        speed = self.speed if speed is None else speed
        self._set = (wall, now.mono + forward, time.monotonic(), speed)
