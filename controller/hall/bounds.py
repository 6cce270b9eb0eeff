"""How large a value may be that comes in: the bounds of a command's fields, and their check. Pure.

Whoever asks, a box, a pad, a page, a program or a file, is measured here before a rule sees the command; what
an old journal holds beyond the bounds is clamped when it is folded (state.py).
"""

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from controller.hall.outcome import Refused
from controller.settings.schema import CONTROL

PAUSE = 480  # minutes: a working day
LAST_SLIP = 999  # the highest number of a slip that is written by hand
ROLL = 20_000  # millimetres of paper for one ticket: nobody's is as long
BAD = ("bad_number", "bad_text", "bad_things", "bad_value")  # what is refused here


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `low` to `high`."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Length:
    """Texts of `low` to `high` characters, blanks at the ends not counted for `low`; of a list or a table:
    how many things are in it. `lines`: a whole document, in which any character may stand."""

    low: int
    high: int
    lines: bool = False

    def holds(self, value: Sized) -> bool:
        least = value.strip() if isinstance(value, str) else value
        return self.low <= len(least) and len(value) <= self.high


def clamp(value: float, low: float, high: float) -> float:
    """`value` within the bounds; what is no number at all (NaN) is `low`."""
    return max(low, min(value, high))


@cache
def declared(kind: type) -> Mapping[str, Any]:
    """The fields of a kind of command, those that every command has last: type and bounds."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in sorted(hints, key=lambda name: name in ("actor", "press"))}


def check(command: Any) -> None:
    """Is every field of a command of its type and within its bounds? Raises Refused with the first that
    is not."""
    for name, kind in declared(type(command)).items():  # type: ignore[arg-type]
        _fits(name, kind, getattr(command, name))


def _fits(name: str, kind: Any, value: Any) -> None:
    bounds = next(iter(getattr(kind, "__metadata__", ())), None)
    plain = get_args(kind)[0] if bounds else kind
    inner = get_args(plain)
    # True is an int for Python, and nobody means it as one.
    right = isinstance(value, get_origin(plain) or plain) and (plain is bool or not isinstance(value, bool))
    if isinstance(bounds, Range) and not (right and bounds.low <= value <= bounds.high):
        raise Refused("bad_number", field=name, low=bounds.low, high=bounds.high)
    if isinstance(bounds, Length) and not (right and bounds.holds(value)):
        code = "bad_things" if inner else "bad_text"
        raise Refused(code, field=name, low=bounds.low, high=bounds.high)
    lines = isinstance(bounds, Length) and bounds.lines
    if not right or (isinstance(value, str) and not lines and CONTROL.search(value)):
        raise Refused("bad_value", field=name)
    if inner:  # a list, or a table whose names and values are alike
        for thing in (*value, *value.values()) if isinstance(value, Mapping) else value:
            _fits(name, inner[0], thing)
