"""The figures of one day, read off its events: who came, how long they waited, what the windows did. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.hall.events import (
    DayClosed,
    Event,
    TicketCalled,
    TicketCompleted,
    TicketIssued,
    TicketStarted,
)
from controller.hall.moment import elapsed


@dataclass(frozen=True, slots=True)
class Figures:
    """What a day was like. `waits`: seconds from ticket to first call by service; `windows`: tickets
    and seconds of serving; `last`: when the last visitor was done."""

    account: Mapping[str, int]
    waits: Mapping[str, list[float]]
    windows: Mapping[str, tuple[int, float]]
    last: datetime | None


def figures(events: Iterator[Event]) -> Figures:
    """The figures of the events of one day."""
    issued: dict[str, TicketIssued] = {}
    waits: dict[str, list[float]] = {}
    windows: dict[str, tuple[int, float]] = {}
    started: dict[str, Event] = {}
    last, account = None, dict[str, int]()
    for event in events:
        match event:
            case TicketIssued(ticket=number):
                issued[number] = event
            case TicketCalled(ticket=number) if number in issued:
                before = issued.pop(number)
                waits.setdefault(before.service, []).append(elapsed(before.at, event.at) or 0.0)
            case TicketStarted(window=window):
                started[window] = event
            case TicketCompleted(window=window):
                count, seconds = windows.get(window, (0, 0.0))
                served = elapsed(started[window].at, event.at) if window in started else 0.0
                windows[window], last = (count + 1, seconds + (served or 0.0)), event.at.wall
            case DayClosed(figures=counted):
                account = dict(counted)
    return Figures(account, waits, windows, last)
