"""The proof of order: who came before whom, and the numbers of the events that say why. Pure.

Everything is read off the journal's rows (number, event), as anybody can who has a copy of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from controller.hall.events import (
    DayClosed,
    DayOpened,
    Event,
    SlipsRecorded,
    Ticket,
    TicketCalled,
    TicketsUnserved,
)
from controller.hall.moment import Now, elapsed
from controller.hall.state import State, evolve

Row = tuple[int, Event]
Marks = dict[tuple[str, str], int]  # by ticket and event, the newest one's number


@dataclass(frozen=True, slots=True)
class Overtaking:
    """`ticket` was called before `passed`, which had come `minutes` earlier for the same service.

    `reason`: by_number, special, papers or mistake as the clerk said; care; reinstated; sent_here or
    sent_elsewhere; missed, held, parked: `passed` was not in line. `rows`: the events that prove it.
    """

    ticket: str
    passed: str
    window: str
    clerk: str
    minutes: float
    reason: str
    rows: tuple[int, ...]


def _dated(rows: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    """Each row with its business day: a day that was put right to an earlier one was that all the time."""
    opened = [event.day for _, event in rows if isinstance(event, DayOpened)]
    for n in range(len(opened) - 1, 0, -1):
        opened[n - 1] = min(opened[n - 1], opened[n])
    following, day = iter(opened), ""
    for row in rows:
        if isinstance(row[1], DayOpened):
            day = next(following)
        yield day, row


def days(rows: Sequence[Row]) -> list[str]:
    """The business days in `rows`, in their order."""
    return list(dict.fromkeys(day for day, _ in _dated(rows) if day))


def of_day(rows: Sequence[Row], day: str) -> list[Row]:
    """The rows of one business day, also if it was opened more than once."""
    return [row for its_day, row in _dated(rows) if its_day == day]


def numbers(event: Event) -> tuple[str, ...]:
    """The tickets that an event is about."""
    match event:
        case TicketsUnserved(tickets=several) | DayClosed(unserved=several):
            return several
        case SlipsRecorded(service=service, first=first, last=last):
            return tuple(f"{service}{figure:03}" for figure in range(first, last + 1))
    number = getattr(event, "ticket", "")
    return (number,) if number else ()


def trail(rows: Sequence[Row], number: str) -> list[Row]:
    """Everything that happened to one ticket."""
    return [row for row in rows if number in numbers(row[1])]


def overtakings(rows: Sequence[Row]) -> Iterator[Overtaking]:
    """Every call of a ticket before another of its service that had come earlier, in and out of line."""
    state, begun, moved = State(), dict[str, int](), Marks()
    for seq, event in rows:
        if isinstance(event, TicketCalled) and not state.tickets[event.ticket].test:
            called = state.tickets[event.ticket]
            for other in state.tickets.values():
                earlier = begun[other.number] < begun[called.number] and not other.test
                if earlier and other.service == called.service and other.state not in ("called", "serving"):
                    reason, proofs = _why(state, event, called, other, begun, moved)
                    place = (called.number, other.number, event.window, state.window(event.window).clerk)
                    minutes = lasted(other.issued, called.issued)[0] / 60
                    yield Overtaking(*place, minutes, reason, tuple(sorted({*proofs, seq})))
        for number in numbers(event):
            begun.setdefault(number, seq)
            moved[number, type(event).__name__] = seq
        state = evolve(state, event)
        for number in state.tickets if isinstance(event, DayOpened) else ():
            begun.setdefault(number, seq)


def _why(
    state: State, call: TicketCalled, called: Ticket, other: Ticket, begun: dict[str, int], moved: Marks
) -> tuple[str, list[int]]:
    """The reason, and the numbers of the events that prove it besides the call itself."""

    def last(ticket: Ticket, kind: str) -> list[int]:
        return [moved.get((ticket.number, kind), begun[ticket.number])]

    if call.reason:
        return call.reason, []
    if other.state != "waiting":
        return other.state, last(other, f"Ticket{other.state.capitalize()}")
    if other.window and other.window != call.window and state.window(other.window).clerk:
        return "sent_elsewhere", last(other, "TicketTransferred")
    if called.window == call.window:
        return "sent_here", last(called, "TicketTransferred")
    if other.returns or called.returns:
        return "reinstated", last(other if other.returns else called, "TicketReinstated")
    reason = "care" if called.credit > other.credit else "unexplained"
    return reason, [begun[called.number], begun[other.number]]


def why(rows: Sequence[Row], number: str, before: str = "") -> list[Overtaking]:
    """Who was called before `number` though it had come earlier; only `before`, if one is named."""
    return [o for o in overtakings(rows) if o.passed == number and before in ("", o.ticket)]


def lasted(start: Now, end: Now) -> tuple[float, bool]:
    """Seconds from `start` to `end`, and whether that is an estimate: across a reboot only the wall
    clocks can tell, and of two that are not both believed only the seconds since the boot. Never negative."""
    exact = elapsed(start, end)
    if exact is not None:
        return max(0.0, exact), False
    wall = (end.wall - start.wall).total_seconds() if start.trusted and end.trusted else 0.0
    return max(end.mono, wall), True


def after(rows: Sequence[Row]) -> State:
    """The hall after all of `rows`."""
    state = State()
    for _, event in rows:
        state = evolve(state, event)
    return state


def at(rows: Sequence[Row], wall: datetime) -> State:
    """The hall when a believed clock showed `wall`, the last time if it did so more than once.

    Rows are in the order of their numbers, and their wall times need not be: a clock is set back, or wakes
    in 1970. So what counts is where in that order the believed ones pass `wall`.
    """
    believed = [n for n, (_, event) in enumerate(rows, 1) if event.at.trusted] or range(1, len(rows) + 1)
    reached = [(n, rows[n - 1][1].at.wall <= wall) for n in believed]
    passed = [n for (n, before), (_, then) in pairwise(reached) if before and not then]
    ended = [n for n, before in reached[-1:] if before]
    return after(rows[: (passed or ended or [0])[-1]])
