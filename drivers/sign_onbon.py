"""Window signs with an Onbon BX-5K or 6K card: one dynamic text area over a shared line or TCP.

Source: the vendor's bx.k protocol, devices.md §7.2, golden frames included.

Maturity: sketch.
"""

import struct
import time
from typing import Literal

from drivers.base.device import DeviceFault
from drivers.base.kinds import Sign
from drivers.base.link import WRITE, Link, crc16, gbk

SCREEN_ON = b"\xa3\x00\x01\x00\x00\x01"
_ESCAPES = {0xA5: b"\xa6\x02", 0xA6: b"\xa6\x01", 0x5A: b"\x5b\x02", 0x5B: b"\x5b\x01"}
LONGEST = 60  # bytes of an answer, each of them an escape
RESENDS = 3  # within the time after which a sign goes dark; areas are lost at power-off, too


def frame(address: int, data: bytes) -> bytes:
    """The bytes on the wire; 'Z' and '[' are control bytes here: ticket Z001 needs the escape."""
    head = struct.pack("<HH3xBBBBBH", address, 0x8000, 0, 0, 0, 0xFE, 2, len(data))
    inner = head + data + crc16(head + data, 0)
    return b"\xa5" * 8 + b"".join(_ESCAPES.get(b, bytes([b])) for b in inner) + b"\x5a"


def text_area(text: str, width: int, height: int, card: str = "6K", blank: int = 0) -> bytes:
    """The command that shows `text` (GBK) in area 0 and forgets what was there; after `blank` seconds
    in which it is not sent again the card goes dark by itself (0: never)."""
    shown = gbk(text.replace("\\", "/"))  # a backslash starts a colour code on this card
    across = width // 8 if card == "5K" else width  # a 5K counts columns in eights
    mode = (2, blank) if blank else (0, 5)  # run mode 2: in a loop, blank after the timeout
    record = struct.pack("<x4H2xBH3x", 0, 0, across, height, *mode)
    record += b"\x02\x01\x01\x00\x00\x08" + struct.pack("<I", len(shown)) + shown
    return b"\xa3\x06\x01\x00\x00\x00\x01" + struct.pack("<H", len(record)) + record


def parse(answer: bytes, address: int) -> int:
    """The error number in a card's answer, 0 for an acknowledgement. Raises ValueError."""
    inner = answer[answer.rfind(b"\xa5") + 1 :].removesuffix(b"\x5a")
    for byte, escape in reversed(_ESCAPES.items()):
        inner = inner.replace(escape, bytes([byte]))
    if len(inner) < 19 or crc16(inner[:-2], 0) != inner[-2:] or inner[14] != 0xA0:
        raise ValueError("not a card's answer")
    if inner[2:4] != struct.pack("<H", address):
        raise ValueError("another card's answer")
    return inner[16] or inner[15]


class Driver(Sign):
    """One sign. The heartbeat switches the screen on, which is harmless and acknowledged."""

    def __init__(
        self,
        name: str,
        address: int = 0xFFFE,
        width: int = 128,
        height: int = 16,
        card: Literal["6K", "5K"] = "6K",
        timeout: float = 0.3,
        every: float = 1.5,
        blank: int = 60,
    ) -> None:
        """`width` and `height` in dots; `timeout` and the heartbeat `every` in seconds; `blank`: s
        after which a sign that hears nothing goes dark, as an old number is a false one."""
        super().__init__(name)
        self.columns = width // 8
        self._address, self._size = address, (width, height, str(card), blank)
        self._timeout, self._every = timeout, every
        # Sent twice, in two pieces on a line of 1200 bit/s, and each byte of the answer in the last moment.
        self.longest = 2 * (2 * WRITE + 6.0 + (LONGEST - 28) * timeout)
        self._resend = 0.0

    def turn(self, link: Link) -> float:
        if time.monotonic() >= self._resend or self.health.state != "up":
            self._resend = time.monotonic() + (self._size[-1] or 60) / RESENDS
            self.text.again()
        text = self.text.take()
        data = SCREEN_ON if text is None else text_area(text, *self._size)
        try:
            self._send(link, data)
        except DeviceFault:
            self.text.again()
            raise
        return min(self._every, self._resend - time.monotonic())

    def _send(self, link: Link, data: bytes) -> None:
        for fault in ("", "garbled"):  # the second attempt reports what goes wrong
            link.drain()
            link.write(frame(self._address, data))
            answer = link.read(30, self._timeout + link.seconds_for(len(data) + 60))
            while answer and answer[-1:] != b"\x5a" and len(answer) < LONGEST:
                if not (more := link.read(1, self._timeout)):
                    break
                answer += more  # escapes make an answer longer
            try:
                error = parse(answer, self._address)
            except ValueError:
                if fault:
                    raise DeviceFault(fault if answer else "silent", again=2.0) from None
                continue
            if error:
                raise DeviceFault("refused", again=5.0)
            return
