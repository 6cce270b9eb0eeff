"""What every Modbus unit does, RTU or TCP, from the Modbus standard (devices.md §6.2)."""

import struct

from drivers.base.link import crc16
from drivers.sim.wire import Machine

_GROWING = (15, 16)  # requests whose length stands in their seventh byte


class ModbusUnit(Machine):
    """Takes requests to its address, with a right CRC or MBAP head, and answers them."""

    knobs: tuple[str, ...] = ("deaf", "garbled")

    def __init__(self, address: int, tcp: bool = False) -> None:
        self.address, self.garbled, self._tcp, self._heard = address, False, tcp, b""

    def serve(self, function: int, start: int, count: int, request: bytes) -> bytes:
        """What follows the function code in the answer. Raises LookupError (no such function, args 1)
        or IndexError (no such place, args 2). `request`: from the unit's address on."""
        raise LookupError(1)

    def feed(self, data: bytes) -> bytes:
        self._heard += data
        return self._over_tcp() if self._tcp else self._over_rtu()

    def _over_rtu(self) -> bytes:
        answer = b""
        while len(self._heard) >= 8:
            size = 9 + self._heard[6] if self._heard[1] in _GROWING else 8
            if len(self._heard) < size:
                break
            request, rest = self._heard[:size], self._heard[size:]
            if crc16(request[:-2], 0xFFFF) != request[-2:]:
                self._heard = self._heard[1:]  # an answer of a neighbour, or noise
                continue
            self._heard = rest
            if request[0] == self.address:
                body = self._answer(request[:-2])
                answer += body + crc16(body, 0x5555 if self.garbled else 0xFFFF)
        return answer

    def _over_tcp(self) -> bytes:
        answer = b""
        while len(self._heard) >= 12 and len(self._heard) >= (size := 6 + self._heard[5]):
            head, request, self._heard = self._heard[:4], self._heard[6:size], self._heard[size:]
            if len(request) >= 6 and request[0] == self.address:
                body = self._answer(request)
                number = bytes([head[0] ^ 0x55]) + head[1:] if self.garbled else head
                answer += number + struct.pack(">H", len(body)) + body
        return answer

    def _answer(self, request: bytes) -> bytes:
        function, start, count = struct.unpack(">BHH", request[1:6])
        try:
            return bytes([self.address, function]) + self.serve(function, start, count, request)
        except LookupError as error:
            return bytes([self.address, function | 0x80, error.args[0]])
