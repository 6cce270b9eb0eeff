"""Call units that send a frame at each press, described by a text profile (drivers/parts/frame.py).

The addresses and keys of an unknown unit are read from the status page: press, and it tells.

Maturity: sketch.
"""

import time
from typing import Annotated

from drivers.base.device import DeviceFault
from drivers.base.kinds import Button
from drivers.base.link import Link
from drivers.base.options import Range
from drivers.parts.frame import Frame, Profile, profile

EVERY, TOLD = 0.02, 60.0  # s between looks at the wire; s that an unknown key stays on the page


class Driver(Button):
    """One unit on a wire where units speak unasked. Presses made while it was away are gone."""

    longest = 5.0  # it only reads what is there, and its profile
    urls = ("path", "socket", "rfc2217")

    def __init__(
        self,
        name: str,
        profile: Annotated[str, Profile("press", "keys")],
        address: Annotated[int, Range(0, 255)] = 0,
    ) -> None:
        """`profile`: one of drivers/profiles, or the path of a file of your own."""
        super().__init__(name)
        self._profile, self._address = profile, bytes([address])
        self._forget = 0.0

    def attach(self, link: Link) -> None:
        try:
            look = profile(self._profile)
            self._frame, self._keys = Frame(look["press"]), look["keys"]
        except (OSError, ValueError, KeyError) as error:
            raise DeviceFault("no_profile", again=10.0) from error
        if not link.letters:  # what was said while nobody listened is no press
            link.drain()
        link.letters[self._address] = []

    def turn(self, link: Link) -> float:
        link.heard += link.drain()  # the next look may be another unit's
        unknown = ""
        for frame in self._frame.take(link.heard):
            unit, key = frame.get("address", self._address), frame["key"].hex()
            if unit in link.letters and self._meaning(key):
                link.letters[unit].append(frame["key"])
            else:
                unknown = f"{unit[0]} / {key}"
        for key_bytes in link.letters[self._address]:
            self.press(self._meaning(key_bytes.hex()))
        link.letters[self._address].clear()
        if unknown:
            self._forget = time.monotonic() + TOLD
            self.report("degraded", "unknown_unit", unknown)
        elif time.monotonic() > self._forget:
            self.report("up")
        return EVERY

    def _meaning(self, key: str) -> str:
        """The key of that code: the longest one that its first bytes are; empty if there is none."""
        codes = sorted((code for code in self._keys if key.startswith(code)), key=len)
        return str(self._keys[codes[-1]]) if codes else ""
