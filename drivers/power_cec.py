"""A TV switched on and off over its HDMI cable by cec-ctl (devices.md §8).

Maturity: sketch.
"""

import re
import shlex
import subprocess

from drivers.base.device import DeviceFault
from drivers.base.kinds import Switch
from drivers.base.link import Link, LinkLost

PATIENCE, AGAIN = 20.0, 60.0  # s: a TV wakes slowly; between looks, as people have remote controls
_STATES = {True: ("on", "to-on"), False: ("standby", "to-standby")}


class Driver(Switch):
    """One TV. `url`: `exec:` and the command of the Pi's socket, cec0 or cec1."""

    wired = False
    longest = 4 * PATIENCE + 5.0  # it is asked, told twice, and asked again
    broken = "no_cec"  # the command is missing or fails

    def __init__(self, name: str, url: str = "exec:cec-ctl -d/dev/cec0") -> None:
        super().__init__(name)
        self.command = shlex.split(url.removeprefix("exec:"))

    def attach(self, link: Link) -> None:
        told = re.search(r"Physical Address *: ([\d.]+)", self.ask("--playback", "-S"))
        self._place = told[1] if told else "1.0.0.0"

    def turn(self, link: Link) -> float:
        self.wanted.again()
        on = self.wanted.take()
        if on is None:
            return AGAIN
        if not self.stands(on):
            self.switch(on)
            if not self.stands(on):
                raise DeviceFault("not_switched", again=5.0)
        return AGAIN

    def switch(self, on: bool) -> None:
        """Tell the TV."""
        self.ask("--to", "0", *(["--image-view-on"] if on else ["--standby"]))
        if on:
            self.ask("--active-source", f"phys-addr={self._place}")

    def stands(self, on: bool) -> bool:
        """Asked, not assumed: many TVs ignore what they are told."""
        told = re.search(r"pwr-state: ([\w-]+)", self.ask("--to", "0", "--give-device-power-status"))
        if not told:
            raise DeviceFault("silent", again=5.0)
        return told[1] in _STATES[on]

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
