"""What a driver says of its parameters beside their types: `address: Annotated[int, Range(1, 247)]`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both included; with `step` only every so many from `low` on."""

    low: float
    high: float
    step: float = 0

    def refuses(self, value: float) -> tuple[str, Mapping[str, Any]] | None:
        """Why `value` cannot be: code and arguments of a sentence of display/words, group check."""
        if not self.low <= value <= self.high:
            return "range", {"value": value, "low": self.low, "high": self.high}
        if self.step and (value - self.low) % self.step:
            return "step", {"value": value, "low": self.low, "high": self.high, "step": self.step}
        return None


PIN = Range(0, 27)  # BCM, on the Pi's header
