"""Window signs with an Onbon BX-5K or 6K card: one dynamic text area over a shared line or TCP.

Source: the vendor's bx.k protocol, devices.md §7.2, golden frames included.

Maturity: sketch.
"""

import re
import struct
import time
from contextlib import suppress
from typing import Annotated, Literal

from drivers.base.device import DeviceFault
from drivers.base.kinds import Sign
from drivers.base.link import WRITE, Link, crc16, gbk
from drivers.base.options import Range

SCREEN_ON = b"\xa3\x00\x01\x00\x00\x01"
_ESCAPES = {0xA5: b"\xa6\x02", 0xA6: b"\xa6\x01", 0x5A: b"\x5b\x02", 0x5B: b"\x5b\x01"}
_PLAIN = {pair: bytes([byte]) for byte, pair in _ESCAPES.items()}
_ESCAPED = re.compile(rb"[\xa6\x5b][\x01\x02]")  # undone in one pass
ANY = 0xFFFE  # every card obeys it: for one that is alone on its line
_SHORTEST = 28  # bytes of an answer without escapes
_ENOUGH = 1024  # bytes without an answer: a card that babbles
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
    escaped = answer[answer.rfind(b"\xa5") + 1 :].removesuffix(b"\x5a")
    inner = _ESCAPED.sub(lambda pair: _PLAIN[pair[0]], escaped)
    if len(inner) < 19 or crc16(inner[:-2], 0) != inner[-2:] or inner[14] != 0xA0:
        raise ValueError("not a card's answer")
    # A card asked by the any-address may answer with its own (devices.md §7.3).
    if address not in (ANY, int.from_bytes(inner[2:4], "little")):
        raise ValueError("another card's answer")
    return inner[16] or inner[15]


def found(heard: bytes, address: int) -> int | None:
    """What the card answered in `heard`, whatever comes before, between and behind: noise, another card's
    late answer, our own question from an adapter that echoes. None: nothing yet."""
    for end in re.finditer(b"\x5a", heard):
        with suppress(ValueError):
            return parse(heard[: end.end()], address)
    return None


class Driver(Sign):
    """One sign. The heartbeat switches the screen on, which is harmless and acknowledged."""

    urls = ("path", "socket", "rfc2217")

    def __init__(
        self,
        name: str,
        address: Annotated[int, Range(1, ANY)] = ANY,
        width: Annotated[int, Range(16, 4096)] = 128,
        height: Annotated[int, Range(8, 1024)] = 16,
        card: Literal["6K", "5K"] = "6K",
        timeout: Annotated[float, Range(0.01, 10)] = 0.3,
        every: Annotated[float, Range(0.05, 60)] = 1.5,
        blank: Annotated[int, Range(0, 3600)] = 60,
    ) -> None:
        """`width` and `height` in dots; `timeout` and the heartbeat `every` in seconds; `blank`: s
        after which a sign that hears nothing goes dark, as an old number is a false one."""
        super().__init__(name)
        self.columns = width // 8
        self._address, self._size = address, (width, height, str(card), blank)
        self._timeout, self._every = timeout, every
        # Sent twice, in two pieces on a line of 1200 bit/s, each answered at the last moment.
        self.longest = 2 * (2 * WRITE + 6.0 + timeout)
        self._resend, self._heard = 0.0, b""

    def turn(self, link: Link) -> float:
        if time.monotonic() >= self._resend or self.health.state in ("starting", "down"):
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
        """Sent again once if it is not answered. A card that refuses the heartbeat lives and shows texts."""
        error = self._asked(link, data)
        if error is None:
            error = self._asked(link, data)
        if error is None:
            raise DeviceFault("garbled" if self._heard else "silent", again=2.0)
        if data == SCREEN_ON:
            self.report("degraded" if error else "up", "refused" if error else "")
        elif error:
            raise DeviceFault("refused", again=5.0)

    def _asked(self, link: Link, data: bytes) -> int | None:
        """What the card answers to `data`; None if it says nothing that is an answer."""
        request = frame(self._address, data)
        link.drain()
        link.write(request)
        self._heard, error, missing = b"", None, _SHORTEST
        wait = self._timeout + link.seconds_for(2 * len(request) + 60)
        deadline = time.monotonic() + wait
        # Behind the deadline a busy machine still takes what is there already.
        while error is None and len(self._heard) < _ENOUGH:
            if not (more := link.read(missing, deadline - time.monotonic())):
                break
            self._heard, missing = self._heard + more, 1  # escapes make an answer longer
            error = found(self._heard, self._address)
        self._heard = self._heard.replace(request, b"")  # an echo is no answer, and no noise
        return error
