"""An Alpha / EZ-Key II sign, from the maker's protocol (devices.md §7.1): 7 data bits, even parity."""

import re

from drivers.sim.wire import Machine


class AlphaSign(Machine):
    """Shows `text`, the content of file A; takes only frames whose parity and sum are right."""

    knobs = ("deaf", "power_off")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.text, self._heard = "", b""

    def face(self) -> dict[str, object]:
        return {"text": self.text}

    def feed(self, data: bytes) -> bytes:
        # A character of wrong parity is lost; the sum then finds the gap.
        good = bytes(byte & 0x7F for byte in data if byte.bit_count() % 2 == 0)
        self._heard += good
        *frames, self._heard = self._heard.split(b"\x04")
        for frame in frames:
            found = re.search(rb"\x00{5}\x01[Z^]00(\x02(A)(A.*)\x03)([0-9A-F]{4})$", frame, re.DOTALL)
            if found and int(found[4], 16) == sum(found[1]) % 65536:
                # The label, then ESC, a position and a mode, then the text.
                self.text = re.sub(rb"^A(\x1b..)?", b"", found[3]).decode("ascii")
        return b""
