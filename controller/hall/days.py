"""The turns of a day: it opens and closes, its hours, sessions and limits run out. Pure."""

from collections.abc import Iterator
from datetime import timedelta

from controller.hall import calendar, windows
from controller.hall.events import (
    ClerkSignedOut,
    DayClosed,
    DayOpened,
    Event,
    Roll,
    ServiceCutOff,
    ServicesShut,
    SessionClosed,
    SessionOpened,
    Stamp,
    TicketMissed,
    TicketReleased,
    TicketsUnserved,
)
from controller.hall.moment import Now
from controller.hall.state import CARRIED, State, account, account_at_close
from controller.settings.schema import Settings

ALWAYS = "seconds", "lost", "frozen", "stopped", "kiosks", "believed"  # what every day hands on


def open_day(before: State, state: State, day: str, wakes: bool, stamp: Stamp) -> Event:
    """`before`: the day that was, as it was before its clerks were signed out; `state`: as it is now;
    `wakes`: it goes on after a closed day under a clock that nobody trusts, so its numbers go on, too."""
    people = before if before.provisional else State(issued=before.issued if wakes else {})
    always = {name: getattr(state, name) for name in ALWAYS}
    rolls = {kiosk: Roll(roll.used) for kiosk, roll in state.rolls.items()}
    carried = {name: getattr(people, name) for name in CARRIED} | always | {"rolls": rolls}
    return DayOpened(day, tickets=tuple(people.tickets.values()), **carried, **stamp)


def leave(state: State, stamp: Stamp) -> Iterator[Event]:
    """Clerks who went home without a word: what was in front of them counts as done."""
    for name, window in state.windows.items():
        if window.ticket:
            yield windows.finish(state, name, stamp)
        if window.clerk:
            yield ClerkSignedOut(name, window.clerk, **stamp)


def close(state: State, stamp: Stamp, *, people_stay: bool) -> Iterator[Event]:
    """`people_stay`: they are still in the hall and go over into the next day."""
    left = [
        t.number for t in state.tickets.values() if t.state != "missed" and not t.test and not people_stay
    ]
    yield DayClosed(state.day, tuple(left), account_at_close(state, left), **stamp)


def is_over(plan: Settings, state: State, now: Now) -> bool:
    """Is the day's work done: nobody is left, or nobody has touched anything for the grace."""
    if state.done or state.open or not now.trusted or calendar.opens_again(plan, now.wall):
        return False
    busy = state.staffed or account(state)["open"]
    return not busy or state.seconds - state.touched >= 60 * plan.policy.grace_minutes


def turn_of_hours(plan: Settings, state: State, now: Now, stamp: Stamp) -> Iterator[Event]:
    # A clock that nobody trusts locks nobody out.
    opens = not now.trusted or calendar.is_open(plan, now.wall) or (state.by and state.staffed)
    end = calendar.closing(plan, state.opened) if state.opened and now.trusted else None
    passed = bool(end and now.wall >= end)  # perhaps the machine was off over noon
    if state.open and (passed or not opens):
        yield SessionClosed(**stamp)
        waiting = tuple(ticket.number for ticket in state.waiting())
        if waiting and plan.policy.end == "unserved":
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
