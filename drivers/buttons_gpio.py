"""Lit buttons on the Pi's own pins through gpiozero, with our own debounce.

gpiozero's thread only posts edges: with lgpio an exception in a callback stops all buttons, and
MockFactory ignores bounce times (hardware.md §5).
"""

import time
from collections import deque
from typing import Any

from drivers.base import Button, DeviceFault, Latest
from drivers.link import Link

DOWN, UP = 0.030, 0.050  # s a contact must be stable to count as pressed, as released


class Driver(Button):
    """Buttons to ground with pull-ups, by BCM pin, and their lamps."""

    wired = False

    def __init__(
        self,
        name: str,
        pins: dict[str, int],
        lamps: dict[str, int] | None = None,
        stuck: float = 10.0,
    ) -> None:
        """`pins` and `lamps`: BCM pin of each key; `stuck`: s after which a held button is ill."""
        super().__init__(name)
        self._pins, self._lamps, self._stuck = pins, lamps or {}, stuck
        self._lit: Latest[frozenset[str]] = Latest()
        self._edges: deque[tuple[float, str]] = deque(maxlen=10_000)
        self._contacts: dict[str, Any] = {}
        self._leds: dict[str, Any] = {}
        # By key: is it down, and since when has its contact been as it is now.
        self._down: dict[str, bool] = {}
        self._since: dict[str, float] = {}

    def show(self, lit: frozenset[str]) -> None:
        """Light the buttons of these keys, no others."""
        self._lit.put(lit)
        self.wake()

    def attach(self, link: Link) -> None:
        import gpiozero  # a laptop without its back-ends runs everything else

        self.close()
        try:
            for key, pin in self._pins.items():
                self._contacts[key] = gpiozero.Button(pin)
            for key, pin in self._lamps.items():
                self._leds[key] = gpiozero.LED(pin)
        except (gpiozero.GPIOZeroError, OSError) as error:
            self.close()
            raise DeviceFault("no_gpio", again=5.0) from error
        for key, contact in self._contacts.items():
            # The first reading is the base line: held at the start is no press.
            self._down[key], self._since[key] = contact.is_pressed, time.monotonic()
            contact.when_pressed = contact.when_released = lambda key=key: self._edge(key)
        self._lit.again()

    def _edge(self, key: str) -> None:
        self._edges.append((time.monotonic(), key))
        self.wake()

    def turn(self, link: Link) -> float:
        while self._edges:
            moment, key = self._edges.popleft()
            self._since[key] = moment
        now, pause = time.monotonic(), 1.0
        for key, contact in self._contacts.items():
            pressed, age = contact.is_pressed, now - self._since[key]
            if pressed != self._down[key]:
                wait = DOWN if pressed else UP
                if age < wait:
                    pause = min(pause, wait - age)
                else:
                    self._down[key] = pressed
                    if pressed:
                        self.press(key)
        held = any(d and now - self._since[key] > self._stuck for key, d in self._down.items())
        self.report("degraded" if held else "up", "stuck_button" if held else "")
        lit = self._lit.take()
        for key, led in self._leds.items() if lit is not None else ():
            led.value = key in (lit or ())
        return pause

    def close(self) -> None:
        for part in [*self._contacts.values(), *self._leds.values()]:
            part.close()
        self._contacts, self._leds = {}, {}
