"""A Modbus relay that cuts the power of TVs and signs after work (devices.md §6.2).

Maturity: sketch.
"""

import struct
from typing import Annotated, Literal

from drivers.base.kinds import Switch
from drivers.base.link import Link
from drivers.base.options import Range
from drivers.parts.modbus import READ_COILS, WRITE_COIL, Master


class Driver(Switch):
    """One coil. It is told, then read again and again, so that a relay that fell off is switched anew;
    one that cannot be read is told every time."""

    urls = ("path", "socket", "rfc2217")

    def __init__(
        self,
        name: str,
        address: Annotated[int, Range(1, 247)],
        coil: Annotated[int, Range(0, 65535)] = 0,
        framing: Literal["rtu", "tcp"] = "rtu",
        every: Annotated[float, Range(0.01, 60)] = 5.0,
        timeout: Annotated[float, Range(0.01, 10)] = 0.2,
    ) -> None:
        """`coil`: closed means power; `every` and `timeout` in seconds."""
        super().__init__(name)
        self._unit, self._coil, self._every = Master(address, timeout, framing), coil, every
        self.longest = 2 * self._unit.longest  # a question and a command
        self._told: bool | None = None  # what the relay was told last

    def turn(self, link: Link) -> float:
        ask = (READ_COILS, struct.pack(">HH", self._coil, 1), 2)
        self.wanted.again()
        on = self.wanted.take()
        if on is None:
            self._unit.exchange(link, *ask)
            return self._every
        tell = (WRITE_COIL, struct.pack(">HH", self._coil, 0xFF00 * on))
        confirmed = self._unit.keep(link, tell, ask, lambda coils: coils[1] & 1 == on, on is not self._told)
        self._told = on
        if confirmed:
            self.report("up")
        else:
            self.report("degraded", "not_confirmed")
        return self._every
