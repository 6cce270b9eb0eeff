"""Signs over a simple serial frame that a text profile describes (drivers/parts/frame.py).

Maturity: sketch.
"""

import time
from typing import Annotated, Any

from drivers.base.device import DeviceFault
from drivers.base.kinds import Sign
from drivers.base.link import Link, gbk
from drivers.base.options import Range
from drivers.parts.frame import Frame, Profile
from drivers.parts.frame import profile as _load

RESEND = 60.0  # s: such signs do not answer, so nobody knows what they have forgotten
EVERY = 1.0  # s between looks whether the wire is still there


class Driver(Sign):
    """One sign that shows what it is sent and answers nothing: only a lost wire is noticed."""

    longest = 5.0  # a frame is written, or nothing takes it
    urls = ("path", "socket", "rfc2217")

    def __init__(
        self,
        name: str,
        profile: Annotated[str, Profile("show")],
        address: Annotated[int, Range(0, 255)] = 0,
        width: Annotated[int, Range(8, 4096)] = 128,
    ) -> None:
        """`profile`: one of drivers/profiles, or the path of a file of your own; `width` in dots."""
        super().__init__(name)
        self.columns = width // 8
        self._profile, self._address = profile, bytes([address])
        self._look: dict[str, Any] = {}
        try:
            # A sign without Chinese shows the number alone: what is left of a sentence would mislead.
            self.numbers = _load(profile).get("encoding") == "ascii"
        except (OSError, ValueError):
            self.numbers = False  # attach says it
        self._resend = 0.0

    def attach(self, link: Link) -> None:
        try:
            self._look = _load(self._profile)
            self._frame = Frame(self._look["show"])
        except (OSError, ValueError, KeyError) as error:
            raise DeviceFault("no_profile", again=10.0) from error
        self._resend = 0.0

    def turn(self, link: Link) -> float:
        if time.monotonic() >= self._resend:
            self._resend = time.monotonic() + RESEND
            self.text.again()
        if (text := self.text.take()) is not None:
            data = self._frame.build(address=self._address, text=gbk(text))
            if self._look.get("even_parity"):
                data = bytes(byte | byte.bit_count() % 2 << 7 for byte in data)
            link.write(data)
        link.drain()
        return EVERY
