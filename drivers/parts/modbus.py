"""A small Modbus master on the shared link, RTU or TCP. Sources: Modbus over serial line V1.02,
Modbus messaging on TCP/IP V1.0b, devices.md §6.2."""

import itertools
import struct
import time

from drivers.base.device import DeviceFault
from drivers.base.link import WRITE, Link, crc16

READ_COILS, READ_INPUTS, READ_HOLDING, READ_COUNTERS = 1, 2, 3, 4
WRITE_COIL, WRITE_COILS, WRITE_REGISTERS = 5, 15, 16


def rtu(body: bytes) -> bytes:
    """The frame on a serial line: address, function, data, CRC."""
    return body + crc16(body, 0xFFFF)


class Master:
    """Talks to one unit; `framing` is rtu (also through a transparent TCP gateway) or tcp."""

    _numbers = itertools.count(1)

    def __init__(self, address: int, timeout: float, framing: str) -> None:
        self.address, self._timeout, self._tcp = address, timeout, framing == "tcp"
        self._owes = False  # an answer that may come late, and would look like the next one's

    @property
    def longest(self) -> float:
        """s that an exchange may take: what is owed, then the question, each answered at the last moment in
        three times two pieces, on a line of 600 bit/s."""
        return 2 * (WRITE + 3 * (2 * self._timeout + 0.15) + 0.1)

    def exchange(self, link: Link, function: int, data: bytes, size: int) -> bytes:
        """Send a request; the `size` bytes of the answer after its function code.

        Raises DeviceFault: silent, garbled, or refused (an exception answer).
        """
        link.drain()  # an answer that came too late belongs to nobody
        body = bytes([self.address, function]) + data
        if self._tcp:
            return self._over_tcp(link, body, size)
        if self._owes:
            # Units answer in order: once another function is answered, nothing is owed any more.
            other = READ_INPUTS if function == READ_COILS else READ_COILS
            self._over_rtu(link, bytes([self.address, other, 0, 0, 0, 1]))
        return self.unpacked(self._over_rtu(link, body), body, size)

    def _over_rtu(self, link: Link, body: bytes) -> bytes:
        """The frame that answers `body` on a serial line; another unit's or function's came too late."""
        self._owes = True
        link.write(rtu(body))
        for n in range(3):
            answer = link.read(5, self._timeout + link.seconds_for(8))  # none is shorter
            if not answer:
                raise DeviceFault("garbled" if n else "silent")
            function, length = (answer + bytes(5))[1:3]
            # A read's length stands in its answer; a refusal is no longer than five bytes.
            answer += link.read(length if function < 5 else 3 * (function < 0x80), self._timeout)
            self._owes = answer[:1] != body[:1] or function & 0x7F != body[1]
            if len(answer) < 5 or not self._owes:
                break
        time.sleep(max(0.00175, link.seconds_for(4)))  # 3.5 characters of silence end a frame
        return answer

    @classmethod
    def unpacked(cls, answer: bytes, body: bytes, size: int) -> bytes:
        """What follows the function code in a serial line's answer to the request `body`."""
        if rtu(answer[:-2]) != answer:
            raise DeviceFault("garbled")
        return cls._checked(answer[:-2], body, size)

    def _over_tcp(self, link: Link, body: bytes, size: int) -> bytes:
        number = next(self._numbers) & 0xFFFF
        link.write(struct.pack(">HHH", number, 0, len(body)) + body)
        head = link.read(6, self._timeout)
        if not head:
            raise DeviceFault("silent")
        if len(head) < 6 or head[:5] != struct.pack(">HHB", number, 0, 0) or head[5] < 3:
            raise DeviceFault("garbled")  # a late answer has another number
        answer = link.read(head[5], self._timeout)
        return self._checked(answer, body, size)

    @staticmethod
    def _checked(answer: bytes, body: bytes, size: int) -> bytes:
        if answer[:1] != body[:1]:
            raise DeviceFault("garbled")
        if answer[1:2] == bytes([body[1] | 0x80]):
            raise DeviceFault("refused")
        if answer[1:2] != body[1:2] or len(answer) != size + 2:
            raise DeviceFault("garbled")
        return answer[2:]
