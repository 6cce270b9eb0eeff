"""Number displays that are Modbus units: the ticket's number in their registers (devices.md §7.4).

Maturity: sketch.
"""

import struct
from typing import Annotated, Literal

from drivers.base.kinds import Sign
from drivers.base.link import Link
from drivers.base.options import Range
from drivers.parts.modbus import READ_HOLDING, WRITE_REGISTERS, Master

_SEGMENTS = {
    **dict(zip("0123456789", (0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F), strict=True)),
    **{"A": 0x77, "B": 0x7C, "C": 0x39, "D": 0x5E, "E": 0x79, "F": 0x71, "-": 0x40},
}


def registers(number: str, encoding: str, width: int) -> list[int]:
    """`number`, such as A001, as the 16-bit words of a display of `width` figures."""
    figures = "".join(c for c in number if c.isdigit())
    match encoding:
        case "number":
            return [int(figures or "0") & 0xFFFF]
        case "bcd":
            return [int(figures[-4:] or "0", 16)]
        case "ascii":
            text = number.ljust(width + width % 2)[: width + width % 2].encode("ascii", "replace")
            return list(struct.unpack(f">{len(text) // 2}H", text))
    # A letter that seven segments cannot show is left dark: it must not look like another one.
    return [_SEGMENTS.get(c, 0) for c in number.rjust(width)[-width:]]


class Driver(Sign):
    """One display. It is written, then read again and again, so that one that lost its power is written
    anew; one that cannot be read is written every time."""

    urls = ("path", "socket", "rfc2217")
    numbers = True  # shows the number alone, no sentence

    def __init__(
        self,
        name: str,
        address: Annotated[int, Range(1, 247)],
        register: Annotated[int, Range(0, 65535)] = 0,
        width: Annotated[int, Range(1, 32)] = 4,
        encoding: Literal["number", "bcd", "ascii", "segments"] = "number",
        framing: Literal["rtu", "tcp"] = "rtu",
        every: Annotated[float, Range(0.01, 60)] = 2.0,
        timeout: Annotated[float, Range(0.01, 10)] = 0.2,
    ) -> None:
        """`register`: the first one; `width` in figures; `every` and `timeout` in seconds."""
        super().__init__(name)
        self._unit, self._register, self._width = Master(address, timeout, framing), register, width
        self.longest = 2 * self._unit.longest  # a question and a command
        self._encoding, self._every = str(encoding), every
        self._words: list[int] | None = None

    def turn(self, link: Link) -> float:
        if fresh := (number := self.text.take()) is not None:
            self._words = registers(number or "", self._encoding, self._width)
        words = self._words or [0]  # before there is any, it is asked all the same
        count, data = len(words), struct.pack(f">{len(words)}H", *words)
        place = struct.pack(">HH", self._register, count)
        ask = (READ_HOLDING, place, 1 + 2 * count)
        if self._words is None:
            self._unit.exchange(link, *ask)
            return self._every
        tell = (WRITE_REGISTERS, place + bytes([2 * count]) + data)
        if self._unit.keep(link, tell, ask, lambda there: there[1:] == data, fresh):
            self.report("up")
        else:
            self.report("degraded", "not_confirmed")
        return self._every
