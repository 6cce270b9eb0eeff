"""The rules at a window and of a ticket under way: who may do what to which, and what follows. Pure."""

from collections.abc import Iterator
from typing import TypedDict

from controller import calendar
from controller import model as m
from controller.clock import Now
from controller.hall import State, in_line, line, waits_for
from controller.settings.schema import CALL_REASONS, PAUSE_REASONS, Settings

REPEAT_GUARD = 1.0  # s: the same key again so soon is a slip of the finger (domain.md §4.5)
# What can be done to a ticket in which of its states.
FITTING: dict[type[m.OfTicket], tuple[str, ...]] = {
    m.Reprint: ("waiting", "called", "serving", "held", "parked", "missed"),
    m.CallHeld: ("held",),
    m.Answer: ("called",),
    m.Park: ("waiting", "called", "serving", "held"),
    m.Unpark: ("parked",),
    m.Transfer: ("waiting", "called", "serving", "held", "parked"),
    m.Reinstate: ("missed",),
    m.Cancel: ("waiting", "called", "held", "parked"),
}


class Stamp(TypedDict):
    """What every event of one command shares."""

    at: Now
    actor: str
    press: str


def finish(state: State, name: str, stamp: Stamp) -> m.Event:
    """The ticket at window `name` is done."""
    number = state.window(name).ticket
    return m.TicketCompleted(name, number, state.tickets[number].state == "serving", **stamp)


def known(plan: Settings, service: str) -> None:
    if service not in plan.service:
        raise m.Refused("no_such_service", service=service)


def among(word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise m.Refused("unknown_reason", reason=word, reasons=" ".join(words))


def decide(
    plan: Settings, state: State, command: m.AtWindow | m.OfTicket, now: Now, stamp: Stamp
) -> Iterator[m.Event]:
    """The events of a command at a window. Raises Refused."""
    name, window = command.window, state.window(command.window)
    if name not in plan.window and not (isinstance(command, m.OfTicket) and not name):
        raise m.Refused("no_such_window", window=name)
    match command:
        case m.OfTicket():
            yield from _of_ticket(plan, state, command, stamp)
        case m.SignIn():
            yield from _sign_in(plan, state, command, now, stamp)
        case m.OpenWindow():
            if window.shut:
                yield m.WindowOpened(name, **stamp)
        case m.CloseWindow():
            yield from _leave(state, name, stamp)
            if not window.shut:
                yield m.WindowClosed(name, **stamp)
        case m.ChangeServices(services=services):
            for service in services:
                known(plan, service)
            if not services:
                raise m.Refused("no_services", window=name)
            yield m.ServicesChanged(name, tuple(services), **stamp)
        case _ if not window.clerk:
            raise m.Refused("not_open", window=name)
        case m.SignOut():
            yield from _leave(state, name, stamp)
        case m.Pause(reason=reason, minutes=minutes):
            among(reason, PAUSE_REASONS)
            if not window.paused:
                yield m.WindowPaused(name, reason, max(0, minutes), **stamp)
        case m.Resume():
            if window.paused:
                yield m.WindowResumed(name, **stamp)
        case m.CallNext():
            yield from _call(plan, state, command, now, stamp)
        case _ if not window.ticket:
            raise m.Refused("nothing_called", window=name)
        case _:
            yield from _with_visitor(plan, state, command, stamp)


def _sign_in(plan: Settings, state: State, command: m.SignIn, now: Now, stamp: Stamp) -> Iterator[m.Event]:
    name, window = command.window, state.window(command.window)
    if window.shut:
        raise m.Refused("window_shut", window=name)
    if window.clerk:
        raise m.Refused("already_open", window=name, clerk=window.clerk)
    for other, there in state.windows.items():
        if there.clerk == command.clerk:
            raise m.Refused("clerk_elsewhere", clerk=command.clerk, window=other)
    yield m.ClerkSignedIn(name, command.clerk, **stamp)
    if not state.open and not calendar.sessions(plan, now.wall.date()):
        yield m.SessionOpened(command.clerk, **stamp)  # no calendar locks out a hall that works


def _leave(state: State, name: str, stamp: Stamp) -> Iterator[m.Event]:
    """The clerk goes; who was to come back to this window goes back in line."""
    window = state.window(name)
    if window.ticket:
        yield finish(state, name, stamp)
    for ticket in state.tickets.values():
        if ticket.state == "held" and ticket.window == name:
            yield m.TicketReleased(ticket.number, "signed_out", **stamp)
    if window.clerk:
        yield m.ClerkSignedOut(name, window.clerk, **stamp)


def _call(plan: Settings, state: State, command: m.CallNext, now: Now, stamp: Stamp) -> Iterator[m.Event]:
    name, window = command.window, state.window(command.window)
    _may_call(state, name)
    if plan.policy.end == "carry" and not state.open and calendar.opens_again(plan, now.wall):
        opening = calendar.next_opening(plan, now.wall)
        raise m.Refused("carried", opening=opening, now=now.wall)
    reason, fitting = "", [ticket.number for ticket in line(plan, state, name)]
    if command.number:
        among(reason := command.reason, CALL_REASONS)
        fitting = _meant(plan, state, name, command.number)
        if len(fitting) != 1:
            raise m.Refused("not_one_ticket", number=command.number, window=name)
    if window.ticket:
        yield finish(state, name, stamp)
    if fitting:
        yield m.TicketCalled(name, fitting[0], reason, **stamp)
    elif not window.ticket:
        raise m.Refused("nobody_waiting", window=name)


def _may_call(state: State, name: str) -> None:
    window = state.window(name)
    if state.frozen:
        raise m.Refused("frozen", reason=state.frozen)
    if window.paused:
        raise m.Refused("paused", window=name)
    if window.ticket and state.worked - window.called < REPEAT_GUARD:
        raise m.Refused("too_soon")


def _meant(plan: Settings, state: State, name: str, number: str) -> list[str]:
    """The tickets in line that a clerk may mean by a whole number or its figures. Test tickets only
    whole, and at every window."""
    if not number.isdecimal():
        found = state.tickets.get(number.upper())
        may = found and found.state == "waiting" and (found.test or waits_for(plan, state, found, name))
        return [found.number] if found and may else []
    return [t.number for t in line(plan, state, name) if int(t.number[1:]) == int(number)]


def _with_visitor(plan: Settings, state: State, command: m.AtWindow, stamp: Stamp) -> Iterator[m.Event]:
    """What needs somebody called to the window."""
    name, window = command.window, state.window(command.window)
    serving, policy = state.tickets[window.ticket].state == "serving", plan.policy
    match command:
        case m.Recall():
            _may_call(state, name)
            seconds = policy.recall_seconds - (state.worked - window.called)
            if window.calls >= policy.calls:
                raise m.Refused("called_enough", ticket=window.ticket, calls=window.calls)
            if state.tickets[window.ticket].here:
                raise m.Refused("on_the_way", ticket=window.ticket)
            if seconds > 0:
                raise m.Refused("recall_soon", seconds=round(seconds) or 1)
            yield m.TicketRecalled(name, window.ticket, window.calls + 1, **stamp)
        case m.Start():
            if not serving:
                yield m.TicketStarted(name, window.ticket, **stamp)
        case m.Complete():
            yield finish(state, name, stamp)
        case m.NoShow():
            if serving:
                raise m.Refused("wrong_state", ticket=window.ticket)
            if window.calls < policy.calls:
                raise m.Refused("call_again", ticket=window.ticket, calls=policy.calls)
            yield m.TicketMissed(name, window.ticket, window.calls, **stamp)
        case m.Hold():
            yield m.TicketHeld(name, window.ticket, **stamp)


def _of_ticket(plan: Settings, state: State, command: m.OfTicket, stamp: Stamp) -> Iterator[m.Event]:
    name, window = command.window, state.window(command.window)
    if name and not window.clerk:
        raise m.Refused("not_open", window=name)
    number = command.ticket or window.ticket
    if isinstance(command, m.CallHeld) and not command.ticket:
        held = [t for t in state.tickets.values() if t.state == "held" and t.window == name]
        number = min(held, key=lambda t: t.since).number if held else ""
    if not number:
        raise m.Refused("nothing_called", window=name)
    ticket = state.tickets.get(number)
    if not ticket:
        raise m.Refused("no_such_ticket", ticket=number)
    if ticket.state not in FITTING[type(command)]:
        raise m.Refused("wrong_state", ticket=number)
    at = ticket.window if ticket.state in ("called", "serving", "held") else name
    match command:
        case m.Reprint():
            yield m.TicketReprinted(number, ticket.prints + 1, m.digest(command.token), **stamp)
        case m.CallHeld():
            _may_call(state, name)
            if name != ticket.window:
                raise m.Refused("held_elsewhere", ticket=number, window=ticket.window)
            if window.ticket:
                raise m.Refused("finish_first", ticket=window.ticket)
            yield m.HeldCalled(name, number, **stamp)
        case m.Answer():
            if not ticket.here:
                yield m.TicketAnswered(at, number, **stamp)
        case m.Park():
            yield m.TicketParked(at, number, **stamp)
        case m.Unpark():
            yield m.TicketReleased(number, "unparked", **stamp)
        case m.Transfer(to=to, service=service):
            if bool(to) == bool(service):
                raise m.Refused("transfer_where")
            if service:
                known(plan, service)
            if to and (to == at or not state.window(to).clerk):
                raise m.Refused("not_open", window=to)
            yield m.TicketTransferred(at, number, to, service or ticket.service, **stamp)
        case m.Reinstate():
            yield _reinstate(plan, state, ticket, stamp)
        case m.Cancel(reason=reason):
            yield m.TicketCancelled(at, number, reason, **stamp)


def _reinstate(plan: Settings, state: State, ticket: m.Ticket, stamp: Stamp) -> m.Event:
    """Back in line after the next few of the same service, never before its own old place."""
    policy = plan.policy
    if ticket.returns >= policy.reinstates:
        raise m.Refused("reinstated_enough", ticket=ticket.number, times=policy.reinstates)
    if state.worked - ticket.since > 60 * policy.missed_minutes:
        raise m.Refused("reinstate_late", ticket=ticket.number, minutes=policy.missed_minutes)
    others = in_line(t for t in state.waiting() if t.service == ticket.service)
    # It takes the place and the credit of the last of those few, and stands behind it.
    before = in_line([ticket, *others[: policy.reinstate_after][-1:]])[-1]
    return m.TicketReinstated(ticket.number, before.place, before.credit, ticket.returns + 1, **stamp)
