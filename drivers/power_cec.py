"""A TV switched on and off over its HDMI cable by cec-ctl (devices.md §8).

It is told first and asked afterwards: in standby many TVs answer no question, and some never do.

Maturity: sketch.
"""

import re
import shlex
import subprocess
import time

from drivers.base.device import DeviceFault
from drivers.base.kinds import Switch
from drivers.base.link import Link, LinkLost

PATIENCE, AGAIN = 20.0, 60.0  # s: a TV wakes slowly; between looks, as people have remote controls
SOON, WAKING = 1.0, 10.0  # s between looks at a TV that was told; s that it may take
_STATES = {True: ("on", "to-on"), False: ("standby", "to-standby")}


class Driver(Switch):
    """One TV. `url`: `exec:` and the command of the Pi's socket, cec0 or cec1."""

    urls = ("exec",)
    wired = False
    longest = 4 * PATIENCE + 5.0  # it is asked, told twice, and asked again
    broken = "no_cec"  # the command is missing or fails

    def __init__(self, name: str, url: str = "exec:cec-ctl -d/dev/cec0") -> None:
        super().__init__(name)
        self.command = shlex.split(url.removeprefix("exec:"))
        self.waking = WAKING
        self._told: bool | None = None  # what the TV was told last
        self._until = 0.0  # by then it should have obeyed; 0: it has

    def attach(self, link: Link) -> None:
        try:
            said = self.ask("--playback", "-S")
        except DeviceFault:
            said = self.ask("--playback")  # the place of our socket is good to have, no more
        told = re.search(r"Physical Address *: ([\d.]+)", said)
        self._place = told[1] if told else "1.0.0.0"

    def turn(self, link: Link) -> float:
        self.wanted.again()
        on = self.wanted.take()
        if on is None:
            return AGAIN
        stands = self.stands(on) if on is self._told else None
        if on is not self._told or (not stands and not self._until):  # new; or somebody used a remote
            self._tell(on)
            stands = self.stands(on)
        if stands:
            self._until = 0.0
            self.report("up")
            return AGAIN
        if time.monotonic() < self._until:
            if self.health.state in ("starting", "down"):
                raise DeviceFault(self.health.code or "starting", again=SOON)  # nothing is proved yet
            return SOON
        if stands is None:
            self._until = 0.0  # told again at the next look, as nobody knows
            self.report("degraded", "not_confirmed")
            return AGAIN
        self.switch(on)
        raise DeviceFault("not_switched", again=5.0)

    def _tell(self, on: bool) -> None:
        self.switch(on)
        self._told, self._until = on, time.monotonic() + self.waking

    def switch(self, on: bool) -> None:
        """Tell the TV."""
        self.ask("--to", "0", *(["--image-view-on"] if on else ["--standby"]))
        if on:
            self.ask("--active-source", f"phys-addr={self._place}")

    def stands(self, on: bool) -> bool | None:
        """Asked, not assumed: many TVs ignore what they are told. None: it does not answer."""
        try:
            said = self.ask("--to", "0", "--give-device-power-status")
        except DeviceFault as fault:
            if fault.code != "silent":
                raise
            said = ""
        told = re.search(r"pwr-state: ([\w-]+)", said)
        return told[1] in _STATES[on] if told else None

    def ask(self, *words: str) -> str:
        """What the command prints. Raises DeviceFault."""
        if self.gone:  # another one switches by now
            raise LinkLost(OSError("given up"))
        command = [*self.command, *words]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE, check=True
            ).stdout
        except subprocess.TimeoutExpired as error:
            raise DeviceFault("silent", again=5.0) from error
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise DeviceFault(self.broken, again=10.0) from error
