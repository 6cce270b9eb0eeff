"""A moment, as the clocks of one machine tell it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Now:
    """A moment: `wall` is a label (aware), `mono` seconds since `boot` began, never going back; both
    to the microsecond, as the journal writes them.

    `trusted`: the wall time is believed to be right. Order is by sequence, never by `wall`.
    """

    wall: datetime
    mono: float
    boot: str
    trusted: bool


def elapsed(start: Now, end: Now) -> float | None:
    """Seconds from `start` to `end`; None across a reboot, where no clock can tell."""
    return end.mono - start.mono if start.boot == end.boot else None
