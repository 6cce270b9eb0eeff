"""The Pi's pins without a Pi: gpiozero's MockFactory, with contacts that bounce."""

from typing import Any

import gpiozero
from gpiozero.pins.mock import MockFactory


class _Factory(MockFactory):  # type: ignore[misc]
    """Refuses a pin that another program holds with lgpio's error, which is a plain Exception."""

    def __init__(self, held: set[int]) -> None:
        super().__init__()
        self._held = held

    def pin(self, name: Any) -> Any:
        if int(str(name).removeprefix("GPIO")) in self._held:
            raise Exception("'GPIO busy'")
        return super().pin(name)


class Pins:
    """All pins of one simulated Pi; becomes gpiozero's pin factory. Buttons connect to ground."""

    def __init__(self) -> None:
        self.bounces = 5  # how often a contact opens again before it stays closed
        self.held: set[int] = set()  # by another program
        self._factory = _Factory(self.held)
        gpiozero.Device.pin_factory = self._factory

    def press(self, pin: int) -> None:
        for level in [0, 1] * self.bounces + [0]:
            (self._factory.pin(pin).drive_high if level else self._factory.pin(pin).drive_low)()

    def release(self, pin: int) -> None:
        for level in [1, 0] * self.bounces + [1]:
            (self._factory.pin(pin).drive_high if level else self._factory.pin(pin).drive_low)()

    def lose_edges(self, pin: int) -> None:
        """A contact on `pin` wakes nobody any more."""
        self._factory.pin(pin).edges = "none"

    def lit(self, pin: int) -> bool:
        """Does the lamp on `pin` shine?"""
        return bool(self._factory.pin(pin).state)
