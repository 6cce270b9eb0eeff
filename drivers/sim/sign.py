"""An Onbon BX-6K card with its LED panel, from the vendor's protocol (devices.md §7.2)."""

import re
import time

from drivers.base.link import crc16
from drivers.sim.wire import Machine

_PLAIN = {b"\xa6\x02": b"\xa5", b"\xa6\x01": b"\xa6", b"\x5b\x02": b"\x5a", b"\x5b\x01": b"\x5b"}


class Sign(Machine):
    """Shows `text`, the content of its dynamic area; forgets it when the power goes."""

    knobs = ("deaf", "power_off", "nack", "garbled")

    def __init__(self, address: int) -> None:
        self.address, self._area, self._on, self._heard = address, "", True, b""
        self._dark = float("inf")  # when its area goes blank by itself
        self.nack = self.garbled = False

    def forget(self) -> None:
        self._area, self._heard = "", b""

    @property
    def text(self) -> str:
        return self._area if self._on and time.monotonic() < self._dark else ""

    def face(self) -> dict[str, object]:
        return {"text": self.text}

    def feed(self, data: bytes) -> bytes:
        self._heard += data
        answer = b""
        while b"\x5a" in self._heard:
            raw, _, self._heard = self._heard.partition(b"\x5a")
            escaped = raw[raw.rfind(b"\xa5") + 1 :]
            inner = re.sub(rb"[\xa6\x5b][\x01\x02]", lambda pair: _PLAIN[pair[0]], escaped)
            if len(inner) >= 16 and crc16(inner[:-2], 0) == inner[-2:]:
                to = int.from_bytes(inner[:2], "little")
                # The any-address is for a card alone on its wire.
                if to in (self.address, 0xFFFE) and inner[2:4] == b"\x00\x80":
                    answer += self._obey(inner[14:-2])
        return answer

    def _obey(self, data: bytes) -> bytes:
        error = 3 if self.nack else 0
        if not error and data[:2] == b"\xa3\x00":
            self._on = data[5] == 1
        elif not error and data[:2] == b"\xa3\x10":
            self._area = ""
        elif not error and data[:2] == b"\xa3\x06":
            area = data[7 + data[5] + 2 :]  # after the ids to delete, the count and the length
            self._area = area[27:].decode("gbk", "replace") if data[6 + data[5]] else ""
            after = int.from_bytes(area[12:14], "little") if area[11:12] == b"\x02" else float("inf")
            self._dark = time.monotonic() + after
        head = b"\x00\x80" + self.address.to_bytes(2, "little") + bytes(6) + b"\xfe\x02\x05\x00"
        body = head + bytes([0xA0, 1 if error else 0, error, 0, 0])
        crc = crc16(body, 0 if not self.garbled else 0x5555)
        escapes = {plain[0]: pair for pair, plain in _PLAIN.items()}
        sealed = body + crc
        return b"\xa5" * 8 + b"".join(escapes.get(b, bytes([b])) for b in sealed) + b"\x5a"
