"""Signs over a simple serial frame that a text profile describes (drivers/frame.py)."""

import time

from drivers.base import Device, DeviceFault, Latest
from drivers.frame import Frame, profile
from drivers.link import Link, gbk

RESEND = 60.0  # s: such signs do not answer, so nobody knows what they have forgotten
EVERY = 1.0  # s between looks whether the wire is still there


class Driver(Device):
    """One sign that shows what it is sent and answers nothing: only a lost wire is noticed."""

    def __init__(self, name: str, profile: str, address: int = 0) -> None:
        """`profile`: one of drivers/profiles, or the path of a file of your own."""
        super().__init__(name)
        self._profile, self._address = profile, bytes([address])
        self._text: Latest[str] = Latest()
        self._resend = 0.0

    def show(self, text: str) -> None:
        self._text.put(text)
        self.wake()

    def attach(self, link: Link) -> None:
        try:
            self._look = profile(self._profile)
            self._frame = Frame(self._look["show"])
        except (OSError, ValueError, KeyError) as error:
            raise DeviceFault("no_profile", again=10.0) from error
        self._resend = 0.0

    def turn(self, link: Link) -> float:
        if time.monotonic() >= self._resend:
            self._resend = time.monotonic() + RESEND
            self._text.again()
        if (text := self._text.take()) is not None:
            ascii_only = self._look.get("encoding") == "ascii"
            # What has no Latin letters is left out: a number is better than question marks.
            shown = " ".join(text.encode("ascii", "replace").decode().replace("?", " ").split())
            data = self._frame.build(address=self._address, text=gbk(shown if ascii_only else text))
            if self._look.get("even_parity"):
                data = bytes(byte | byte.bit_count() % 2 << 7 for byte in data)
            link.write(data)
        link.drain()
        return EVERY
