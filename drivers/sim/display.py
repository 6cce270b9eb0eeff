"""A Modbus number display: as many holding registers as it needs (devices.md §7.4)."""

import struct

from drivers.sim.modbus import ModbusUnit

_SEGMENTS = dict(
    zip((0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F), "0123456789", strict=True)
) | {0x00: " ", 0x77: "A", 0x7C: "b", 0x39: "C", 0x5E: "d", 0x79: "E", 0x71: "F", 0x40: "-"}  # fmt: skip


class Display(ModbusUnit):
    """Shows what stands in its registers; forgets it when the power goes."""

    knobs = ("deaf", "garbled", "power_off")

    def __init__(self, address: int, encoding: str = "number", tcp: bool = False) -> None:
        super().__init__(address, tcp)
        self.encoding, self.registers = encoding, [0] * 8

    def forget(self) -> None:
        self.registers = [0] * 8

    @property
    def text(self) -> str:
        """What people see."""
        if self.encoding == "number":
            return str(self.registers[0] or "")
        if self.encoding == "bcd":
            return f"{self.registers[0]:X}".lstrip("0")
        if self.encoding == "ascii":
            return struct.pack(">8H", *self.registers).decode("ascii").strip(" \0")
        return "".join(_SEGMENTS.get(register, "?") for register in self.registers).strip()

    def face(self) -> dict[str, object]:
        return {"text": self.text}

    def serve(self, function: int, start: int, count: int, request: bytes) -> bytes:
        if function not in (3, 16):
            raise LookupError(1)
        if start + count > 8:
            raise IndexError(2)
        if function == 3:
            return bytes([2 * count]) + struct.pack(f">{count}H", *self.registers[start : start + count])
        self.registers[start : start + count] = struct.unpack(f">{count}H", request[7 : 7 + 2 * count])
        return request[2:6]
