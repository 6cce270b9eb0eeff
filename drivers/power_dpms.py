"""A TV that knows no CEC: the Pi stops sending a picture and it goes to sleep (wlr-randr, DPMS).

Maturity: sketch.
"""

import re

from drivers import power_cec
from drivers.base.device import DeviceFault
from drivers.base.link import Link


class Driver(power_cec.Driver):
    """One output of the kiosk's Wayland screen, such as HDMI-A-1."""

    broken = "no_wlr"

    def __init__(self, name: str, url: str = "exec:wlr-randr", output: str = "HDMI-A-1") -> None:
        """`url`: the command; `exec:env XDG_RUNTIME_DIR=... WAYLAND_DISPLAY=... wlr-randr` from a service."""
        super().__init__(name, url)
        self._output = output

    def attach(self, link: Link) -> None:
        self.ask()

    def switch(self, on: bool) -> None:
        try:
            self.ask("--output", self._output, "--on" if on else "--off")
        except DeviceFault:
            self.stands(on)  # may know better why: there is no such output
            raise

    def stands(self, on: bool) -> bool:
        told = re.search(
            rf"^{re.escape(self._output)} .*?^  Enabled: (\w+)", self.ask(), re.DOTALL | re.MULTILINE
        )
        if not told:
            raise DeviceFault("no_output", again=10.0)
        return told[1] == ("yes" if on else "no")
