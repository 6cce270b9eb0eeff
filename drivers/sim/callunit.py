"""A Modbus RTU module with push buttons and lamps, from the Modbus standard (hardware.md §6.2)."""

import struct
from typing import Any

from drivers.link import crc16
from drivers.sim.wire import Machine

_LENGTHS = {1: 8, 2: 8, 4: 8, 5: 8}  # whole requests; function 15 tells its own


class CallUnit(Machine):
    """Eight discrete inputs, a counter behind each, eight coils."""

    knobs = ("deaf", "garbled")

    def __init__(self, address: int) -> None:
        self.address, self.garbled = address, False
        self.inputs, self.counters, self.lamps = [False] * 8, [0] * 8, [False] * 8
        self._heard = b""
        self._taps: list[int] = []  # inputs to press and let go, each long enough to be polled
        self._polls = 0

    def tap(self, number: int) -> None:
        """Press a key like a finger does: two polls down, two polls up before the next."""
        self._taps.append(number)

    def _finger(self) -> None:
        self._polls = self._polls + 1 if self._taps else 0
        if self._polls == 1:
            self.press(self._taps[0])
        elif self._polls == 3:
            self.release(self._taps[0])
        elif self._polls == 5:
            del self._taps[0]
            self._polls = 0

    def press(self, number: int) -> None:
        self.inputs[number] = True
        self.counters[number] = (self.counters[number] + 1) % 65536

    def release(self, number: int) -> None:
        self.inputs[number] = False

    def face(self) -> dict[str, object]:
        return {"lamps": self.lamps[:3]}

    def feed(self, data: bytes) -> bytes:
        self._heard += data
        answer = b""
        while len(self._heard) >= 8:
            size = _LENGTHS.get(self._heard[1], 9 + self._heard[6] if self._heard[1] == 15 else 8)
            if len(self._heard) < size:
                break
            request, rest = self._heard[:size], self._heard[size:]
            if crc16(request[:-2], 0xFFFF) != request[-2:]:
                self._heard = self._heard[1:]  # an answer of a neighbour, or noise
                continue
            self._heard = rest
            if request[0] == self.address:
                answer += self._answer(request)
        return answer

    def _answer(self, request: bytes) -> bytes:
        function, start, count = struct.unpack(">BHH", request[1:6])
        body = self._serve(function, start, count, request)
        crc = crc16(body, 0xFFFF if not self.garbled else 0x5555)
        return body + crc

    def _serve(self, function: int, start: int, count: int, request: bytes) -> bytes:
        head = bytes([self.address, function])
        last = start + (1 if function == 5 else count)
        if function not in (1, 2, 4, 5, 15):
            return bytes([self.address, function | 0x80, 1])
        if last > 8:
            return bytes([self.address, function | 0x80, 2])
        if function in (2, 4):
            self._finger()
        if function in (1, 2):
            bits: list[Any] = (self.lamps if function == 1 else self.inputs)[start:last]
            return head + bytes([1, sum(bool(bit) << i for i, bit in enumerate(bits))])
        if function == 4:
            words = self.counters[start:last]
            return head + bytes([2 * count]) + struct.pack(f">{count}H", *words)
        if function == 5:
            self.lamps[start] = count == 0xFF00
        else:
            self.lamps[start:last] = [bool(request[7] >> i & 1) for i in range(count)]
        return request[:6]
