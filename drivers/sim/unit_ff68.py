"""A window unit that sends `FF 68 L L 68 address function data sum 16` at each press (devices.md §6.1)."""

from drivers.sim.wire import Machine

CODES = {"next": b"\x0c", "recall": b"\x0d", "pause": b"\x12", "no_show": b"\x06\x0f"}


class Unit(Machine):
    """Speaks when pressed, one frame a look of its wire; hears nothing. `late`: in two halves."""

    knobs = ("deaf", "garbled", "late")

    def __init__(self, address: int) -> None:
        self.address, self.garbled, self.late = address, False, False
        self.unsaid: list[bytes] = []

    def tap(self, key: str) -> None:
        self.send(CODES.get(key, b"\x7f"))

    def send(self, code: bytes) -> None:
        body = bytes([self.address]) + code
        frame = b"\xff\x68" + bytes([len(body)] * 2) + b"\x68" + body + bytes([sum(body) & 0xFF, 0x16])
        if self.garbled:
            frame = frame[:5] + bytes([frame[5] ^ 1]) + frame[6:]
        self.unsaid += [frame[:6], frame[6:]] if self.late else [frame]

    def feed(self, data: bytes) -> bytes:
        return self.unsaid.pop(0) if self.unsaid else b""
