"""The rules at a window: who may call, recall, pause or leave, and what follows. Pure."""

from collections.abc import Iterator

from controller.hall import calendar
from controller.hall.commands import (
    AtWindow,
    CallNext,
    ChangeServices,
    CloseWindow,
    Complete,
    Hold,
    NoShow,
    OpenWindow,
    Pause,
    Recall,
    Resume,
    SignIn,
    SignOut,
    Start,
)
from controller.hall.events import (
    ClerkSignedIn,
    ClerkSignedOut,
    Event,
    ServicesChanged,
    SessionOpened,
    Stamp,
    TicketCalled,
    TicketCompleted,
    TicketHeld,
    TicketMissed,
    TicketRecalled,
    TicketReleased,
    TicketStarted,
    WindowClosed,
    WindowOpened,
    WindowPaused,
    WindowResumed,
)
from controller.hall.line import line, waits_for
from controller.hall.moment import Now
from controller.hall.outcome import Refused, among, known
from controller.hall.state import State
from controller.settings.schema import CALL_REASONS, PAUSE_REASONS, Settings

REPEAT_GUARD = 1.0  # s: the same key again so soon is a slip of the finger (hall.md §4.5)


def finish(state: State, name: str, stamp: Stamp) -> Event:
    """The ticket at window `name` is done."""
    number = state.window(name).ticket
    return TicketCompleted(name, number, state.tickets[number].state == "serving", **stamp)


def decide(plan: Settings, state: State, command: AtWindow, now: Now, stamp: Stamp) -> Iterator[Event]:
    """The events of a command at a window. Raises Refused."""
    name, window = command.window, state.window(command.window)
    if name not in plan.window:
        raise Refused("no_such_window", window=name)
    match command:
        case SignIn():
            yield from _sign_in(plan, state, command, now, stamp)
        case OpenWindow():
            if window.shut:
                yield WindowOpened(name, **stamp)
        case CloseWindow():
            yield from _leave(state, name, stamp)
            if not window.shut:
                yield WindowClosed(name, **stamp)
        case ChangeServices(services=services):
            for service in services:
                known(plan, service)
            if not services:
                raise Refused("no_services", window=name)
            yield ServicesChanged(name, tuple(services), **stamp)
        case _ if not window.clerk:
            raise Refused("not_open", window=name)
        case SignOut():
            yield from _leave(state, name, stamp)
        case Pause(reason=reason, minutes=minutes):
            among(reason, PAUSE_REASONS)
            if not window.paused:
                yield WindowPaused(name, reason, minutes, **stamp)
        case Resume():
            if window.paused:
                yield WindowResumed(name, **stamp)
        case CallNext():
            yield from _call(plan, state, command, now, stamp)
        case _ if not window.ticket:
            raise Refused("nothing_called", window=name)
        case _:
            yield from _with_visitor(plan, state, command, stamp)


def _sign_in(plan: Settings, state: State, command: SignIn, now: Now, stamp: Stamp) -> Iterator[Event]:
    name, window = command.window, state.window(command.window)
    if window.shut:
        raise Refused("window_shut", window=name)
    if window.clerk:
        raise Refused("already_open", window=name, clerk=window.clerk)
    for other, there in state.windows.items():
        if there.clerk == command.clerk:
            # Whoever forgot to sign out there is here now: a box without digits can sign in nobody else.
            # With somebody called there it may be a colleague's hand at the wrong box.
            if there.ticket:
                raise Refused("clerk_elsewhere", clerk=command.clerk, window=other)
            yield from _leave(state, other, stamp)
    yield ClerkSignedIn(name, command.clerk, **stamp)
    if not state.open and not calendar.sessions(plan, now.wall.date()):
        yield SessionOpened(command.clerk, **stamp)  # no calendar locks out a hall that works


def _leave(state: State, name: str, stamp: Stamp) -> Iterator[Event]:
    """The clerk goes; who was to come back to this window goes back in line."""
    window = state.window(name)
    if window.ticket:
        yield finish(state, name, stamp)
    for ticket in state.tickets.values():
        if ticket.state == "held" and ticket.window == name:
            yield TicketReleased(ticket.number, "signed_out", **stamp)
    if window.clerk:
        yield ClerkSignedOut(name, window.clerk, **stamp)


def _call(plan: Settings, state: State, command: CallNext, now: Now, stamp: Stamp) -> Iterator[Event]:
    name, window = command.window, state.window(command.window)
    may_call(state, name)
    if plan.policy.end == "carry" and not state.open and calendar.opens_again(plan, now.wall):
        opening = calendar.next_opening(plan, now.wall)
        raise Refused("carried", opening=opening, now=now.wall)
    reason, fitting = "", [ticket.number for ticket in line(plan, state, name)]
    if command.number:
        among(reason := command.reason, CALL_REASONS)
        fitting = _meant(plan, state, name, command.number)
        if len(fitting) != 1:
            raise Refused("not_one_ticket", number=command.number, window=name)
    if window.ticket:
        yield finish(state, name, stamp)
    if fitting:
        yield TicketCalled(name, fitting[0], reason, **stamp)
    elif not window.ticket:
        raise Refused("nobody_waiting", window=name)


def may_call(state: State, name: str) -> None:
    window = state.window(name)
    if state.frozen:
        raise Refused("frozen", reason=state.frozen)
    if window.paused:
        raise Refused("paused", window=name)
    if window.ticket and state.worked - window.called < REPEAT_GUARD:
        raise Refused("too_soon")


def _meant(plan: Settings, state: State, name: str, number: str) -> list[str]:
    """The tickets in line that a clerk may mean by a whole number or its figures. Test tickets only
    whole, and at every window."""
    if not number.isdecimal():
        found = state.tickets.get(number.upper())
        may = found and found.state == "waiting" and (found.test or waits_for(plan, state, found, name))
        return [found.number] if found and may else []
    return [t.number for t in line(plan, state, name) if int(t.number[1:]) == int(number)]


def _with_visitor(plan: Settings, state: State, command: AtWindow, stamp: Stamp) -> Iterator[Event]:
    """What needs somebody called to the window."""
    name, window = command.window, state.window(command.window)
    serving, policy = state.tickets[window.ticket].state == "serving", plan.policy
    match command:
        case Recall():
            may_call(state, name)
            seconds = policy.recall_seconds - (state.worked - window.called)
            if window.calls >= policy.calls:
                raise Refused("called_enough", ticket=window.ticket, calls=window.calls)
            if state.tickets[window.ticket].here:
                raise Refused("on_the_way", ticket=window.ticket)
            if seconds > 0:
                raise Refused("recall_soon", seconds=round(seconds) or 1)
            yield TicketRecalled(name, window.ticket, window.calls + 1, **stamp)
        case Start():
            if not serving:
                yield TicketStarted(name, window.ticket, **stamp)
        case Complete():
            yield finish(state, name, stamp)
        case NoShow():
            if serving:
                raise Refused("wrong_state", ticket=window.ticket)
            if window.calls < policy.calls:
                raise Refused("call_again", ticket=window.ticket, calls=policy.calls)
            yield TicketMissed(name, window.ticket, window.calls, **stamp)
        case Hold():
            yield TicketHeld(name, window.ticket, **stamp)
