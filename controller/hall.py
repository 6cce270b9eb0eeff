"""The rules of the hall. Pure: no clock, no files, no threads.

`decide` answers a command with events or raises Refused; `evolve` folds one event into the state.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TypedDict

from controller import calendar
from controller import model as m
from controller.clock import Now, elapsed
from controller.settings import Settings

REPEAT_GUARD = 1.0  # s: the same key again so soon is a slip of the finger (domain.md §4.5)
BOARD_CALLS = 12  # the newest calls that boards may list


@dataclass(frozen=True, slots=True)
class State:
    """What is true now. `tickets`: those not finished, oldest first; `issued`: last number by
    service; `kiosks`: those that can print nothing, with the reason; `calls`: newest first; `by`: the
    clerk who opened a closed day; `shut`: services out of their own hours."""

    day: str = ""
    provisional: bool = False  # somebody was served today under a clock that nobody trusted
    open: bool = False
    by: str = ""
    shut: tuple[str, ...] = ()
    kiosks: Mapping[str, str] = field(default_factory=dict)
    issued: Mapping[str, int] = field(default_factory=dict)
    tickets: Mapping[str, m.Ticket] = field(default_factory=dict)
    windows: Mapping[str, m.Window] = field(default_factory=dict)
    calls: tuple[m.Call, ...] = ()
    rolls: Mapping[str, m.Roll] = field(default_factory=dict)

    def window(self, name: str) -> m.Window:
        return self.windows.get(name, m.Window())

    def waiting(self) -> Iterator[m.Ticket]:
        """Tickets that nobody has called yet, in the order they were issued."""
        at_windows = {window.ticket for window in self.windows.values()}
        return (t for t in self.tickets.values() if t.number not in at_windows)


def ahead(state: State, ticket: m.Ticket) -> int:
    """How many wait for the same service before `ticket`."""
    before = takewhile(lambda other: other.number != ticket.number, state.waiting())
    return sum(other.service == ticket.service for other in before)


def waits_for(plan: Settings, state: State, ticket: m.Ticket, window: str) -> bool:
    """May `window` call `ticket`? One that was transferred waits for its window while that is open."""
    if ticket.window and state.window(ticket.window).clerk:
        return ticket.window == window
    return ticket.service in plan.window[window].services


class Stamp(TypedDict):
    """What every event of one command shares."""

    at: Now
    actor: str
    press: str


def decide(plan: Settings, state: State, command: m.Command, now: Now) -> list[m.Event]:
    """The events that make `command` true. Raises Refused."""
    stamp = Stamp(at=now, actor=command.actor, press=command.press)
    # What the clock has brought about comes first, so that a press at 8:00:00 finds the hall open.
    events = list(_time(plan, state, now))
    for event in events:
        state = evolve(state, event)
    return events + list(_answer(plan, state, command, now, stamp))


def _time(plan: Settings, state: State, now: Now) -> Iterator[m.Event]:
    stamp = Stamp(at=now, actor="clock", press="")
    today = calendar.business_day(now.wall)
    if not state.day or (now.trusted and today > state.day):
        if state.open:
            yield m.SessionClosed(**stamp)
        kept = state if state.provisional else State()
        if state.day:
            unserved = () if state.provisional else tuple(state.tickets)
            yield m.DayClosed(state.day, unserved, **stamp)
        tickets = tuple(kept.tickets.values())
        rolls = {kiosk: m.Roll(roll.used) for kiosk, roll in state.rolls.items()}
        opened = (today, state.kiosks, kept.issued, tickets, kept.windows, kept.calls, rolls)
        yield m.DayOpened(*opened, **stamp)
        state = State()
    # A clock that nobody trusts locks nobody out.
    staffed = state.by and any(window.clerk for window in state.windows.values())
    opens = not now.trusted or calendar.is_open(plan, now.wall) or staffed
    if opens and not state.open:
        yield m.SessionOpened(**stamp)
    elif state.open and not opens:
        yield m.SessionClosed(**stamp)
    hours = {code: service.hours for code, service in plan.service.items() if service.hours and now.trusted}
    shut = tuple(code for code in hours if not calendar.within(hours[code], now.wall))
    if shut != state.shut:
        yield m.ServicesShut(shut, **stamp)


def _answer(plan: Settings, state: State, command: m.Command, now: Now, stamp: Stamp) -> Iterator[m.Event]:
    match command:
        case m.Tick():
            pass
        case m.LoadPlan(text):
            yield m.PlanLoaded(text, **stamp)
        case m.OpenKiosk(kiosk):
            if kiosk in state.kiosks:
                yield m.KioskOpened(kiosk, **stamp)
        case m.CloseKiosk(kiosk, reason):
            if state.kiosks.get(kiosk) != reason:
                yield m.KioskClosed(kiosk, reason, **stamp)
        case m.TakeTicket(service, kiosk):
            yield _issue(plan, state, service, kiosk, now, stamp)
        case m.ChangeRoll(printer):
            for name, place in plan.kiosk.items():
                if place.printer == printer:
                    yield m.RollChanged(name, **stamp)
        case m.ReportPaper(day, number, answer, millimetres):
            ticket = state.tickets.get(number)
            if day == state.day and ticket and ticket.paper != answer:
                yield m.TicketPrinted(number, answer, millimetres, **stamp)
        case m.Reprint(number):
            if number not in state.tickets:
                raise m.Refused("no_such_ticket", ticket=number)
            yield m.TicketReprinted(number, state.tickets[number].prints + 1, **stamp)
        case m.AtWindow(name):
            if name not in plan.window:
                raise m.Refused("no_such_window", window=name)
            yield from _at_window(plan, state, command, now, stamp)


def _issue(plan: Settings, state: State, service: str, kiosk: str, now: Now, stamp: Stamp) -> m.Event:
    if service not in plan.service:
        raise m.Refused("no_such_service", service=service)
    if not state.open:
        opening = calendar.next_opening(plan, now.wall)
        raise m.Refused("closed", opening=opening, now=now.wall)
    if service in state.shut:
        opening = calendar.next_opening(plan, now.wall, plan.service[service].hours)
        raise m.Refused("service_shut", name=plan.service[service].name, opening=opening, now=now.wall)
    if kiosk in state.kiosks:
        raise m.Refused("kiosk_closed", reason=state.kiosks[kiosk])
    number = f"{service}{state.issued.get(service, 0) + 1:03}"
    return m.TicketIssued(number, service, kiosk, **stamp)


def _at_window(
    plan: Settings, state: State, command: m.AtWindow, now: Now, stamp: Stamp
) -> Iterator[m.Event]:
    name, window = command.window, state.window(command.window)
    if isinstance(command, m.SignIn):
        if window.clerk:
            raise m.Refused("already_open", window=name, clerk=window.clerk)
        for other, there in state.windows.items():
            if there.clerk == command.clerk:
                raise m.Refused("clerk_elsewhere", clerk=command.clerk, window=other)
        yield m.ClerkSignedIn(name, command.clerk, **stamp)
        if not state.open and not calendar.sessions(plan, now.wall.date()):
            yield m.SessionOpened(command.clerk, **stamp)  # no calendar locks out a hall that works
        return
    if not window.clerk:
        raise m.Refused("not_open", window=name)
    finish = m.TicketCompleted(name, window.ticket, window.started, **stamp)
    match command:
        case m.SignOut():
            if window.ticket:
                yield finish
            yield m.ClerkSignedOut(name, window.clerk, **stamp)
        case m.Pause() if not window.paused:
            yield m.WindowPaused(name, **stamp)
        case m.Resume() if window.paused:
            yield m.WindowResumed(name, **stamp)
        case m.Pause() | m.Resume():
            pass
        case m.CallNext():
            if window.paused:
                raise m.Refused("paused", window=name)
            _guard(window, now)
            fitting = [t.number for t in state.waiting() if waits_for(plan, state, t, name)]
            if command.number:
                fitting = [t for t in fitting if int(t[1:]) == int(command.number)]
                if len(fitting) != 1:
                    raise m.Refused("not_one_ticket", number=command.number, window=name)
            if window.ticket:
                yield finish
            if fitting:
                yield m.TicketCalled(name, fitting[0], "by_number" if command.number else "", **stamp)
            elif not window.ticket:
                raise m.Refused("nobody_waiting", window=name)
        case _ if not window.ticket:
            raise m.Refused("nothing_called", window=name)
        case m.Recall():
            _guard(window, now)
            yield m.TicketRecalled(name, window.ticket, window.calls + 1, **stamp)
        case m.Start():
            if not window.started:
                yield m.TicketStarted(name, window.ticket, **stamp)
        case m.Complete():
            yield finish
        case m.Transfer(to=to):
            if to == name or not state.window(to).clerk:
                raise m.Refused("not_open", window=to)
            yield m.TicketTransferred(name, window.ticket, to, **stamp)
        case m.NoShow():
            yield m.TicketMissed(name, window.ticket, window.calls, **stamp)


def _guard(window: m.Window, now: Now) -> None:
    since = elapsed(window.called, now) if window.called else None
    if since is not None and since < REPEAT_GUARD:
        raise m.Refused("too_soon")


def evolve(state: State, event: m.Event) -> State:
    """The state after `event`. Never refuses: what is in the journal is true."""
    provisional = state.provisional
    if isinstance(event, m.TicketIssued | m.ClerkSignedIn) and not event.at.trusted:
        provisional = True
    state = replace(state, provisional=provisional)
    match event:
        case m.DayOpened():
            tickets = {ticket.number: ticket for ticket in event.tickets}
            day = State(event.day, kiosks=event.kiosks, issued=event.issued, rolls=event.rolls)
            return replace(day, tickets=tickets, windows=event.windows, calls=event.calls)
        case m.SessionOpened(by=by):
            return replace(state, open=True, by=by)
        case m.SessionClosed():
            return replace(state, open=False, by="")
        case m.ServicesShut(services=services):
            return replace(state, shut=services)
        case m.KioskClosed(kiosk=kiosk, reason=reason):
            # What is printed after the paper ended is printed on a new roll.
            rolls = _new_roll(state, kiosk) if reason == "paper_out" else state.rolls
            return replace(state, kiosks={**state.kiosks, kiosk: reason}, rolls=rolls)
        case m.RollChanged(kiosk=kiosk):
            return replace(state, rolls=_new_roll(state, kiosk))
        case m.KioskOpened(kiosk=kiosk):
            left = {name: reason for name, reason in state.kiosks.items() if name != kiosk}
            return replace(state, kiosks=left)
        case m.TicketIssued(ticket=number, service=service, kiosk=kiosk):
            ticket = m.Ticket(number, service, kiosk, event.at)
            issued = {**state.issued, service: int(number.removeprefix(service))}
            return replace(state, issued=issued, tickets={**state.tickets, number: ticket})
        case m.TicketPrinted(ticket=number, answer=answer) if number in state.tickets:
            ticket = replace(state.tickets[number], paper=answer)
            roll = state.rolls.get(ticket.kiosk, m.Roll())
            used, today = roll.used + event.millimetres, roll.today + event.millimetres
            rolls = {**state.rolls, ticket.kiosk: m.Roll(used, today, roll.first or event.at)}
            return _with_ticket(replace(state, rolls=rolls), ticket)
        case m.TicketReprinted(ticket=number, copy=copy) if number in state.tickets:
            ticket = replace(state.tickets[number], paper="printing", prints=copy)
            return _with_ticket(state, ticket)
        case m.WindowEvent(window=name):
            return _evolve_window(state, event, name)
    return state


def _new_roll(state: State, kiosk: str) -> Mapping[str, m.Roll]:
    return {**state.rolls, kiosk: replace(state.rolls.get(kiosk, m.Roll()), used=0)}


def _with_ticket(state: State, ticket: m.Ticket) -> State:
    return replace(state, tickets={**state.tickets, ticket.number: ticket})


def _evolve_window(state: State, event: m.WindowEvent, name: str) -> State:
    window = state.window(name)
    free = replace(window, ticket="", called=None, calls=0, started=False)
    match event:
        case m.ClerkSignedIn(clerk=clerk):
            window = m.Window(clerk)
        case m.ClerkSignedOut():
            window = m.Window()
        case m.WindowPaused() | m.WindowResumed():
            window = replace(window, paused=isinstance(event, m.WindowPaused))
        case m.TicketCalled(ticket=number):
            window = replace(free, ticket=number, called=event.at, calls=1)
            call = m.Call(number, name)
            state = replace(state, calls=(call, *state.calls)[:BOARD_CALLS])
        case m.TicketRecalled(ticket=number, calls=calls):
            window = replace(window, called=event.at, calls=calls)
            call = m.Call(number, name)
            rest = tuple(other for other in state.calls if other != call)
            state = replace(state, calls=(call, *rest))
        case m.TicketStarted():
            window = replace(window, started=True)
        case m.TicketTransferred(ticket=number, to=to):
            window = free
            state = _with_ticket(state, replace(state.tickets[number], window=to))
            state = replace(state, calls=tuple(call for call in state.calls if call.ticket != number))
        case m.TicketCompleted(ticket=number) | m.TicketMissed(ticket=number):
            window = free
            left = {key: ticket for key, ticket in state.tickets.items() if key != number}
            state = replace(state, tickets=left)
    return replace(state, windows={**state.windows, name: window})
