"""A USB number pad as the kernel reports it: 24-byte records (linux/input.h, devices.md §6.6)."""

import struct

from drivers.sim.wire import Machine

CODES = {
    **{"next": 96, "recall": 78, "start": 55, "complete": 83, "no_show": 74, "pause": 98, "sign_out": 69},
    **{"0": 82, "1": 79, "2": 80, "3": 81, "4": 75, "5": 76, "6": 77, "7": 71, "8": 72, "9": 73, "erase": 14},
}


class Keypad(Machine):
    """Speaks when a key moves; hears nothing. `repeat`: a key held long, `half`: records in halves."""

    knobs = ("deaf", "repeat", "half")

    def __init__(self) -> None:
        self.repeat = self.half = False
        self.unsaid: list[bytes] = []

    def tap(self, key: str) -> None:
        code = CODES[key]
        down, up = self._move(code, 1), self._move(code, 0)
        held = down + self._move(code, 2) * (20 if self.repeat else 0) + up
        self.unsaid += [held[:31], held[31:]] if self.half else [held]

    @staticmethod
    def _move(code: int, value: int) -> bytes:
        # The key's scan code (EV_MSC), the key (EV_KEY), the end of the report (EV_SYN).
        report = ((4, 4, 0x70000 + code), (1, code, value), (0, 0, 0))
        return b"".join(struct.pack("llHHi", 0, 0, *record) for record in report)

    def face(self) -> dict[str, object]:
        return {"digits": "0123456789"}

    def feed(self, data: bytes) -> bytes:
        return self.unsaid.pop(0) if self.unsaid else b""
