"""Lit buttons on the Pi's own pins through gpiozero, with our own debounce.

gpiozero's thread only posts edges: with lgpio an exception in a callback stops all buttons, and
MockFactory ignores bounce times (devices.md §5).

Maturity: sketch.
"""

import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from drivers.base.device import DeviceFault
from drivers.base.kinds import Button
from drivers.base.link import Link, LinkLost
from drivers.base.mailboxes import Latest
from drivers.base.options import PIN, Range

DOWN, UP = 0.030, 0.050  # s a contact must be stable to count as pressed, as released


@dataclass(slots=True)
class Contact:
    """A button: its raw level since when (monotonic), and whether it counts as pressed."""

    part: Any
    level: bool
    since: float
    down: bool


class Driver(Button):
    """Buttons to ground with pull-ups, by BCM pin, and their lamps. A pin that something else holds is
    named, and the others go on."""

    wired = False

    def __init__(
        self,
        name: str,
        pins: dict[str, Annotated[int, PIN]],
        lamps: dict[str, Annotated[int, PIN]] | None = None,
        stuck: Annotated[float, Range(1, 3600)] = 10.0,
        host: str = "",
    ) -> None:
        """`pins` and `lamps`: BCM pin of each key; `stuck`: s after which a held button is ill;
        `host`: another Pi, in the kiosk, whose pins pigpiod serves."""
        super().__init__(name)
        self._host = host
        self.longest = 45.0 if host else 10.0  # a name that no server knows (30 s), a knock, a first import
        self._factory: Any = None
        self._pins, self._lamps, self._stuck = pins, lamps or {}, stuck
        self._lit: Latest[frozenset[str]] = Latest()
        self._edges: deque[tuple[float, str, bool]] = deque(maxlen=10_000)
        self._contacts: dict[str, Contact] = {}
        self._leds: dict[str, Any] = {}
        self._busy: list[str] = []  # the pins that could not be taken, with their keys
        self._try_pins = 0.0
        self.again = 5.0  # s until a pin that something else holds is tried again

    def show(self, lit: frozenset[str]) -> None:
        """Light the buttons of these keys, no others."""
        self._lit.put(lit)
        self.wake()

    def attach(self, link: Link) -> None:
        import gpiozero  # a laptop without its back-ends runs everything else

        self.close()
        try:
            self._factory = self._remote() if self._host else None
            self._take_pins()
        except (gpiozero.GPIOZeroError, OSError, struct.error) as error:
            self.close()
            raise DeviceFault("no_pigpiod" if self._host else "no_gpio", again=5.0) from error
        if not self._contacts:
            raise DeviceFault("device_busy", again=self.again)

    def _take_pins(self) -> None:
        """Take every pin that is not ours yet; `_busy` names those that could not be taken."""
        self._busy, self._try_pins = [], time.monotonic() + self.again
        for key, pin in self._pins.items():
            if key not in self._contacts:
                self._take(self._contact, key, pin)
        for key, pin in self._lamps.items():
            if key not in self._leds:
                self._take(self._lamp, key, pin)
        self._lit.again()

    def _take(self, make: Callable[[str, int], None], key: str, pin: int) -> None:
        import gpiozero

        try:
            make(key, pin)
        except (gpiozero.BadPinFactory, gpiozero.PinUnknownPi):
            raise  # there are no pins at all
        except Exception as error:  # lgpio's and pigpio's own errors share no other base
            if self._host and isinstance(error, OSError | struct.error):
                raise  # the other Pi has gone
            self._busy.append(f"{key} = {pin}")

    def _contact(self, key: str, pin: int) -> None:
        import gpiozero

        # Not a gpiozero.Button: each has a thread for holding, slow to stop.
        part = gpiozero.DigitalInputDevice(pin, pull_up=True, pin_factory=self._factory)
        # The first reading is the base line: held at the start is no press.
        level = part.is_active
        self._contacts[key] = Contact(part, level, time.monotonic(), level)
        part.when_activated = partial(self._edge, key, True)
        part.when_deactivated = partial(self._edge, key, False)

    def _lamp(self, key: str, pin: int) -> None:
        import gpiozero

        self._leds[key] = gpiozero.LED(pin, pin_factory=self._factory)

    def _remote(self) -> Any:
        from gpiozero.pins.pigpio import PiGPIOFactory

        host, _, port = self._host.partition(":")
        # First a knock of our own: pigpio waits for ever, and says on the console why it failed.
        socket.create_connection((host, int(port or 8888)), timeout=2.0).close()
        return PiGPIOFactory(host, int(port or 8888))

    def _edge(self, key: str, pressed: bool) -> None:
        self._edges.append((time.monotonic(), key, pressed))
        self.wake()

    def turn(self, link: Link) -> float:
        try:
            return self._look()
        except (OSError, struct.error) as error:  # the other Pi has gone
            raise LinkLost(error) from error

    def _look(self) -> float:
        # By the moments of the edges, not by the moment of this turn: a press that is over before
        # a busy machine comes to look is a press all the same.
        while self._edges:
            moment, key, pressed = self._edges.popleft()
            contact = self._contacts[key]
            self._settle(key, contact, moment)
            contact.level, contact.since = pressed, moment
        now, pause = time.monotonic(), 1.0
        for key, contact in self._contacts.items():
            if contact.part.is_active != contact.level:  # its edge was lost, or is yet to come
                contact.level, contact.since = not contact.level, now
            pause = min(pause, self._settle(key, contact, now))
        if self._busy and now >= self._try_pins:
            self._take_pins()
        held = any(c.down and now - c.since > self._stuck for c in self._contacts.values())
        if self._busy:
            self.report("degraded", "busy_pins", ", ".join(self._busy))
        else:
            self.report("degraded" if held else "up", "stuck_button" if held else "")
        lit = self._lit.take()
        for key, led in self._leds.items() if lit is not None else ():
            led.value = key in (lit or ())
        return pause

    def _settle(self, key: str, contact: Contact, now: float) -> float:
        """What a contact that was stable until `now` counts as; seconds until that may change."""
        if contact.level == contact.down:
            return 1.0
        left = contact.since + (DOWN if contact.level else UP) - now
        if left > 0:
            return left
        contact.down = contact.level
        if contact.down:
            self.press(key)
        return 1.0

    def close(self) -> None:
        parts = [*(contact.part for contact in self._contacts.values()), *self._leds.values()]
        for part in parts:
            with suppress(OSError, struct.error):  # nothing is left to close on a Pi that has gone
                part.close()
        while self._factory and self._factory.connection:  # the first attempt may end half-way
            with suppress(OSError):
                self._factory.connection.stop()
        self._contacts, self._leds, self._busy = {}, {}, []
        self._edges.clear()
