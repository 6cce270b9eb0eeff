"""A Modbus module with push buttons and lamps (devices.md §6.2)."""

import struct

from drivers.sim.modbus import ModbusUnit


class CallUnit(ModbusUnit):
    """Eight discrete inputs, a counter behind each, eight coils. `no_coils`: a module of inputs alone,
    which refuses what concerns coils."""

    knobs = (*ModbusUnit.knobs, "no_coils")

    def __init__(self, address: int, tcp: bool = False) -> None:
        super().__init__(address, tcp)
        self.no_coils = False
        self.inputs, self.counters, self.lamps = [False] * 8, [0] * 8, [False] * 8
        self.taps: list[int] = []  # inputs to press and let go, each long enough to be polled
        self._polls = 0

    def tap(self, number: int) -> None:
        """Press a key like a finger does: two polls down, two polls up before the next."""
        self.taps.append(number)

    def _finger(self) -> None:
        self._polls = self._polls + 1 if self.taps else 0
        if self._polls == 1:
            self.press(self.taps[0])
        elif self._polls == 3:
            self.release(self.taps[0])
        elif self._polls == 5:
            del self.taps[0]
            self._polls = 0

    def press(self, number: int) -> None:
        self.inputs[number] = True
        self.counters[number] = (self.counters[number] + 1) % 65536

    def release(self, number: int) -> None:
        self.inputs[number] = False

    def face(self) -> dict[str, object]:
        return {"lamps": self.lamps[:3]}

    def serve(self, function: int, start: int, count: int, request: bytes) -> bytes:
        if function not in (1, 2, 4, 5, 15) or (self.no_coils and function not in (2, 4)):
            raise LookupError(1)
        last = start + (1 if function == 5 else count)
        if last > 8:
            raise IndexError(2)
        if function in (2, 4):
            self._finger()
        if function in (1, 2):
            bits = (self.lamps if function == 1 else self.inputs)[start:last]
            return bytes([1, sum(bit << i for i, bit in enumerate(bits))])
        if function == 4:
            return bytes([2 * count]) + struct.pack(f">{count}H", *self.counters[start:last])
        if function == 5:
            self.lamps[start] = count == 0xFF00
        else:
            self.lamps[start:last] = [bool(request[7] >> i & 1) for i in range(count)]
        return request[2:6]
