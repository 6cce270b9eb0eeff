"""Call units that are Modbus modules: keys on inputs or counters, lamps on coils (devices.md §6.2).

The keys are what it is for. A module without coils, or one whose lamps fail, is told once and calls on.

Maturity: sketch.
"""

import struct
import time
from typing import Annotated, Literal

from drivers.base.device import DeviceFault
from drivers.base.kinds import Button
from drivers.base.link import Link
from drivers.base.mailboxes import Latest
from drivers.base.options import Range
from drivers.parts.modbus import READ_COUNTERS, READ_INPUTS, WRITE_COILS, Master

KEYS = ("next", "recall", "start", "complete", "no_show", "pause", "sign_out")
# Coils 0 green, 1 white, 2 red; green and red together are amber (hall.md §4.5). By lamp: what shines
# in turn, each for how many seconds.
LAMPS = {
    "off": (0b000, 0b000, 1.0),
    "free": (0b001, 0b001, 1.0),
    "waiting": (0b001, 0b000, 0.5),
    "crowded": (0b001, 0b000, 0.2),
    "serving": (0b010, 0b010, 1.0),
    "over": (0b101, 0b101, 1.0),
    "paused": (0b100, 0b100, 1.0),
    "wait": (0b010, 0b000, 0.15),
    "fault": (0b100, 0b000, 0.15),
}
BLINK = 0.4  # s
MISSES, AGAIN = 3, 10.0  # failures in a row until something is told; s until absent lamps are tried again


class Driver(Button):
    """One call unit on a bus. An input that rises, or a counter that grows, is a press."""

    urls = ("path", "socket", "rfc2217")

    def __init__(
        self,
        name: str,
        address: Annotated[int, Range(1, 247)],
        keys: list[str] = list(KEYS),  # noqa: B006 - read only
        mode: Literal["inputs", "counters"] = "inputs",
        framing: Literal["rtu", "tcp"] = "rtu",
        every: Annotated[float, Range(0.01, 60)] = 0.05,
        timeout: Annotated[float, Range(0.01, 10)] = 0.1,
    ) -> None:
        """`keys`: the key at input 0, 1, ...; `mode`: inputs or counters (input registers, which
        catch presses shorter than `every` seconds); `timeout` in seconds."""
        super().__init__(name)
        self._unit, self._keys, self._counters = Master(address, timeout, framing), keys, mode == "counters"
        self.longest = 2 * self._unit.longest  # a question and a command
        self._every = every
        self._lamp: Latest[str] = Latest()
        self._coils = LAMPS["off"]
        self._written: int | None = None
        self._blink_until = 0.0
        self._before: list[int] | None = None
        self._misses = self._dark = 0  # failures in a row: of the keys, of the lamps
        self._try_lamps = 0.0

    def show(self, lamp: str) -> None:
        """Light the lamp that LAMPS has under this name."""
        self._lamp.put(lamp)
        self.wake()

    def refuse(self) -> None:
        """One red blink, or one dark one where red is lit: this press did nothing."""
        self._blink_until = time.monotonic() + BLINK
        self.wake()

    def attach(self, link: Link) -> None:
        self._forget()

    def _forget(self) -> None:
        # The first reading is the base line: a press made while nobody listened is never executed.
        self._before = self._written = None

    def turn(self, link: Link) -> float:
        try:
            self._poll(link)
        except DeviceFault as fault:
            self._misses += 1
            if self.health.state in ("up", "degraded") and self._misses < MISSES:
                return self._every
            self._forget()
            # A dead unit must not slow the bus (devices.md §6.5).
            raise DeviceFault(fault.code, again=5.0 if fault.code == "silent" else 1.0) from fault
        self._misses = 0
        self._light(link)
        return self._every

    def _poll(self, link: Link) -> None:
        count = len(self._keys)
        ask = struct.pack(">HH", 0, count)
        if self._counters:
            data = self._unit.exchange(link, READ_COUNTERS, ask, 1 + 2 * count)
            now = list(struct.unpack(f">{count}H", data[1:]))
        else:
            data = self._unit.exchange(link, READ_INPUTS, ask, 1 + (count + 7) // 8)
            now = [data[1 + i // 8] >> i % 8 & 1 for i in range(count)]
        before, self._before = self._before or now, now
        for key, old, new in zip(self._keys, before, now, strict=True):
            if new > old:
                self.press(key)

    def _light(self, link: Link) -> None:
        lamp = self._lamp.take()
        if lamp is not None:
            self._coils = LAMPS[lamp]
        now = time.monotonic()
        coils = int(self._coils[int(now / self._coils[2]) % 2])
        if now < self._blink_until:
            coils ^= 0b100
        if coils != self._written and now >= self._try_lamps:
            try:
                self._unit.exchange(link, WRITE_COILS, bytes([0, 0, 0, 3, 1, coils]), 4)
                self._written, self._dark = coils, 0
            except DeviceFault as fault:
                self._written = None  # it may have been carried out all the same
                self._dark = MISSES if fault.code == "refused" else self._dark + 1
                if self._dark >= MISSES:  # each try costs the bus a silence
                    self._try_lamps = now + AGAIN
        if self._dark >= MISSES:
            self.report("degraded", "no_lamps")
        elif self.health.state == "degraded" and not self._dark:
            self.report("up")
