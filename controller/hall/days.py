"""The turns of a day: it opens and closes, its hours, sessions and limits run out. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from controller.hall import calendar, windows
from controller.hall.events import (
    ClerkSignedOut,
    DayClosed,
    DayOpened,
    Event,
    Left,
    Roll,
    ServiceCutOff,
    ServicesShut,
    SessionClosed,
    SessionOpened,
    Stamp,
    Ticket,
    TicketMissed,
    TicketReleased,
    TicketsUnserved,
)
from controller.hall.moment import Now, elapsed
from controller.hall.state import CARRIED, State, account, account_at_close
from controller.settings.schema import Settings

ALWAYS = "seconds", "lost", "frozen", "stopped", "kiosks", "believed"  # what every day hands on
JUMP = timedelta(hours=1)  # by which a clock is ahead of the seconds that passed; no server corrects by more


def turns(state: State, today: str) -> bool:
    """Does the day turn under a clock that is believed? Also back, where a wrong clock had opened a later
    one; but not behind the day before, as then the clock of now must be the wrong one."""
    return today > state.day or (state.left.day if state.left else "") <= today < state.day


def stays(state: State, last: Now | None, today: str, now: Now) -> bool:
    """Are the people of the day still in the hall, though it turns to `today`? So they are where its date
    was never sure, where it turns back, and where it would not turn by the seconds since `last`, the
    newest event: then the clock has jumped (hall.md §2.8)."""
    if state.provisional or today < state.day:
        return True
    jump = jumped(last, now)
    return jump > JUMP and calendar.business_day(now.wall - jump) <= state.day


def jumped(last: Now | None, now: Now) -> timedelta:
    """By how much the wall clock is ahead of the seconds since `last`; by nothing where nobody can tell."""
    gone = elapsed(last, now) if last and last.trusted and now.trusted else None
    if last is None or gone is None:
        return timedelta()
    return timedelta(seconds=now.wall.timestamp() - last.wall.timestamp() - gone)


def open_day(before: State, state: State, day: str, stay: bool, wakes: bool, stamp: Stamp) -> Event:
    """`before`: the day that was, as it was before its clerks were signed out; `state`: before it was closed;
    `stay`: its people are still here; `wakes`: it goes on after a closed day under a clock that nobody
    trusts, so its numbers go on, too."""
    people = before if stay and not state.done else State(issued=before.issued if stay or wakes else {})
    left = state.left
    if "" < state.day < day:
        left = Left(state.day) if stay else _left(state)
    elif left and left.day == day < state.day:
        people, left = (
            _returned(people, replace(left, figures={}, tickets=()) if state.done else left),
            Left(day),
        )
    always = {name: getattr(state, name) for name in ALWAYS}
    rolls = {kiosk: Roll(roll.used) for kiosk, roll in state.rolls.items()}
    carried = {name: getattr(people, name) for name in CARRIED} | always | {"rolls": rolls, "left": left}
    return DayOpened(day, tickets=tuple(people.tickets.values()), **carried, **stamp)


def _left(state: State) -> Left:
    """What is left of a day that is over, or that closes now with all that is open."""
    if state.done:
        return Left(state.day, state.issued)
    figures = {name: count for name, count in account(state).items() if name != "open"}
    return Left(state.day, state.issued, figures, tuple(_open(state)))


def _returned(people: State, left: Left) -> State:
    """The people of now, and before them those who were left; but one number is one ticket."""
    back = [ticket for ticket in left.tickets if ticket.number not in people.tickets]
    figures = {name: left.figures.get(name, 0) + people.figures.get(name, 0) for name in left.figures}
    if figures:
        figures["unserved"] += len(left.tickets) - len(back)
    issued = dict(people.issued)
    for service, number in left.issued.items():
        issued[service] = max(number, issued.get(service, 0))
    tickets = {ticket.number: ticket for ticket in (*back, *people.tickets.values())}
    return replace(people, issued=issued, figures=figures or people.figures, tickets=tickets)


def _open(state: State) -> Iterator[Ticket]:
    """Tickets whose visit is not over."""
    return (ticket for ticket in state.tickets.values() if ticket.state != "missed" and not ticket.test)


def leave(state: State, stamp: Stamp) -> Iterator[Event]:
    """Clerks who went home without a word: what was in front of them counts as done."""
    for name, window in state.windows.items():
        if window.ticket:
            yield windows.finish(state, name, stamp)
        if window.clerk:
            yield ClerkSignedOut(name, window.clerk, **stamp)


def close(state: State, stamp: Stamp, *, people_stay: bool) -> Iterator[Event]:
    """`people_stay`: they are still in the hall and go over into the next day."""
    left = [] if people_stay else [ticket.number for ticket in _open(state)]
    yield DayClosed(state.day, tuple(left), account_at_close(state, left), **stamp)


def is_over(plan: Settings, state: State, now: Now) -> bool:
    """Is the day's work done: nobody is left, or nobody has touched anything for the grace."""
    if state.done or state.open or not now.trusted or calendar.opens_again(plan, now.wall):
        return False
    busy = state.staffed or account(state)["open"]
    return not busy or state.seconds - state.touched >= 60 * plan.policy.grace_minutes


def turn_of_hours(
    plan: Settings, state: State, now: Now, stamp: Stamp, *, people_stay: bool
) -> Iterator[Event]:
    """`people_stay`: the clock has jumped, and who waits is served to the end whatever the policy says."""
    # A clock that nobody trusts locks nobody out.
    opens = not now.trusted or calendar.is_open(plan, now.wall) or (state.by and state.staffed)
    end = calendar.closing(plan, state.opened) if state.opened and now.trusted else None
    passed = bool(end and now.wall >= end)  # perhaps the machine was off over noon
    if state.open and (passed or not opens):
        yield SessionClosed(**stamp)
        waiting = tuple(ticket.number for ticket in state.waiting())
        if waiting and plan.policy.end == "unserved" and not people_stay:
            yield TicketsUnserved(waiting, **stamp)
    if opens and (passed or not state.open):
        yield SessionOpened(**stamp)


def turn_of_services(plan: Settings, state: State, now: Now, stamp: Stamp) -> Iterator[Event]:
    """Services whose own hours began or ended, and the fixed last ticket of a session."""
    hours = {code: service.hours for code, service in plan.service.items() if service.hours and now.trusted}
    shut = tuple(code for code in hours if not calendar.within(hours[code], now.wall))
    if shut != state.shut:
        yield ServicesShut(shut, **stamp)
    end = calendar.closing(plan, now.wall)
    last = timedelta(minutes=plan.policy.last_ticket_minutes)
    if plan.policy.cut_off == "fixed" and state.open and now.trusted and end and now.wall >= end - last:
        for service in plan.service.keys() - {*state.cut, *state.lifted}:
            yield ServiceCutOff(service, "", **stamp)


def limits(plan: Settings, state: State, stamp: Stamp) -> Iterator[Event]:
    """Called often enough and nobody came; held for too long."""
    policy = plan.policy
    for name, window in state.windows.items():
        ticket = state.tickets.get(window.ticket)
        called = ticket and ticket.state == "called" and not ticket.here
        waited = state.worked - window.called >= policy.no_show_seconds > 0
        if called and waited and window.calls >= policy.calls:
            yield TicketMissed(name, window.ticket, window.calls, **stamp)
    for ticket in state.tickets.values():
        if ticket.state == "held" and state.worked - ticket.since >= 60 * policy.hold_minutes:
            yield TicketReleased(ticket.number, "hold_over", **stamp)
