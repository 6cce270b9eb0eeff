"""A small Modbus master on the shared link, RTU or TCP. Sources: Modbus over serial line V1.02,
Modbus messaging on TCP/IP V1.0b, devices.md §6.2.

An answer is looked for, not awaited at a place: whatever comes before, between and behind is noise, a
neighbour's late answer, or the echo of an adapter that hears itself. What begins as the answer to this
request must, is as long and has a right check, is the answer.
"""

import itertools
import struct
import time
from collections.abc import Callable

from drivers.base.device import DeviceFault
from drivers.base.link import WRITE, Link, crc16

READ_COILS, READ_INPUTS, READ_HOLDING, READ_COUNTERS = 1, 2, 3, 4
WRITE_COIL, WRITE_COILS, WRITE_REGISTERS = 5, 15, 16
_ENOUGH = 512  # bytes without an answer: a unit that babbles
_ECHOES = 2  # echoes that were heard: from then on they are expected (devices.md §6.2)


def rtu(body: bytes) -> bytes:
    """The frame on a serial line: address, function, data, CRC."""
    return body + crc16(body, 0xFFFF)


def find(heard: bytes, begin: bytes, size: int, check: int) -> tuple[bytes, int]:
    """The frame of `size` bytes in what was `heard` that begins with `begin` and whose last `check` bytes
    are the CRC of the others (0: it has none); without one, how many bytes are missing at least."""
    missing = size
    for start in range(len(heard)):
        frame = heard[start : start + size]
        if not begin.startswith(frame[: len(begin)]):
            continue
        if len(frame) < size:
            missing = min(missing, size - len(frame))
        elif not check or rtu(frame[:-2]) == frame:
            return frame, 0
    return b"", missing


class Master:
    """Talks to one unit; `framing` is rtu (also through a transparent TCP gateway) or tcp."""

    _numbers = itertools.count(1)

    def __init__(self, address: int, timeout: float, framing: str) -> None:
        self.address, self._timeout, self._tcp = address, timeout, framing == "tcp"
        self._owed: set[int] = set()  # functions whose answer may come late, and look like the next one's

    @property
    def longest(self) -> float:
        """s that an exchange may take: what is owed, then the question, each answered at the last moment in
        three times two pieces, on a line of 600 bit/s."""
        return 2 * (WRITE + 3 * (2 * self._timeout + 0.15) + 0.1)

    def exchange(self, link: Link, function: int, data: bytes, size: int) -> bytes:
        """Send a request; the `size` bytes of the answer after its function code.

        Raises DeviceFault: silent, garbled, or refused (an exception answer).
        """
        if function in self._owed and not self._tcp:
            self._settle(link, READ_INPUTS if function == READ_COILS else READ_COILS)
        return self._ask(link, function, data, size)

    def keep(
        self,
        link: Link,
        tell: tuple[int, bytes],
        ask: tuple[int, bytes, int],
        right: Callable[[bytes], bool],
        fresh: bool,
    ) -> bool:
        """Tell what is `fresh` (function, data), then ask (function, data, size) whether it stands: what
        is not `right` is told again. False: the unit takes orders and answers no question.

        Raises DeviceFault as `exchange`.
        """
        if fresh:
            self.exchange(link, *tell, 4)
        try:
            stands = right(self.exchange(link, *ask))
        except DeviceFault:
            self.exchange(link, *tell, 4)  # a dead unit raises here
            return False
        if not stands:
            self.exchange(link, *tell, 4)
        return True

    def _settle(self, link: Link, other: int) -> None:
        """Units answer in order: once another function is answered, nothing is owed any more."""
        try:
            self._ask(link, other, bytes([0, 0, 0, 1]), 2)
        except DeviceFault as fault:
            if fault.code == "silent":
                # Twice its time is over. A unit that does not know the other function never answers it.
                self._owed = {other}
            if fault.code != "refused":
                raise

    def _ask(self, link: Link, function: int, data: bytes, size: int) -> bytes:
        body = bytes([self.address, function]) + data
        # A read's answer names its length, a write's repeats what was written where.
        begin = body[:2] + bytes([size - 1]) if function < WRITE_COIL else body[:6]
        refusal = bytes([self.address, function | 0x80])
        if self._tcp:  # a late answer has another number
            number = struct.pack(">HH", next(self._numbers) & 0xFFFF, 0)
            request = number + struct.pack(">H", len(body)) + body
            looks = [(number + bytes([0, size + 2]) + begin, size + 8), (number + b"\0\3" + refusal, 9)]
        else:
            request, looks = rtu(body), [(begin, size + 4), (refusal, 5)]
        self._owed.add(function)
        answer = self._hear(link, request, looks)
        self._owed.clear()
        if not self._tcp:
            time.sleep(max(0.00175, link.seconds_for(4)))  # 3.5 characters of silence end a frame
        if answer.startswith(looks[1][0]):
            raise DeviceFault("refused")
        return answer[8:] if self._tcp else answer[2:-2]

    def _hear(self, link: Link, request: bytes, looks: list[tuple[bytes, int]]) -> bytes:
        """Send `request`; the first frame that is one of `looks`: how it begins, and its size."""
        check = 0 if self._tcp else 2
        alike = bool(find(request, *looks[0], check)[0])  # its echo would look like its answer
        echo = request if link.echoes >= _ECHOES or not alike else b""
        longest = max(len(request), *(size for _, size in looks))
        missing = min(size for _, size in looks) + len(request) * (link.echoes >= _ECHOES)
        wait = self._timeout + link.seconds_for(len(request) + longest)
        link.drain()  # an answer that came too late belongs to nobody
        link.write(request)
        heard, count, deadline = b"", 0, time.monotonic() + wait
        # Behind the deadline a busy machine still takes what is there already.
        while count < _ENOUGH and (more := link.read(missing, deadline - time.monotonic())):
            if not count:
                deadline = time.monotonic() + wait
            heard += more
            count += len(more)
            if echo and echo in heard:
                heard, count, echo = heard.replace(echo, b"", 1), count - len(echo), b""
                link.echoes += 1
            found = [find(heard, begin, size, check) for begin, size in looks]
            for frame, _ in found:
                if frame:
                    return frame
            missing = min(lacking for _, lacking in found)
            heard = heard[-longest:]
        raise DeviceFault("garbled" if count else "silent")
