"""The rules of a ticket: how it is given, and what may be done to it on its way. Pure."""

from collections.abc import Iterator

from controller.hall import calendar
from controller.hall.commands import (
    Answer,
    CallHeld,
    Cancel,
    OfTicket,
    Park,
    Reinstate,
    Reprint,
    TakeTicket,
    Transfer,
    Unpark,
    digest,
)
from controller.hall.events import (
    Event,
    HeldCalled,
    Stamp,
    Ticket,
    TicketAnswered,
    TicketCancelled,
    TicketIssued,
    TicketParked,
    TicketReinstated,
    TicketReleased,
    TicketReprinted,
    TicketTransferred,
)
from controller.hall.line import in_line
from controller.hall.moment import Now
from controller.hall.outcome import Refused, known
from controller.hall.state import State
from controller.hall.windows import may_call
from controller.settings.schema import Settings


def issue(plan: Settings, state: State, command: TakeTicket, now: Now, stamp: Stamp) -> Event:
    service, kiosk, care = command.service, command.kiosk, command.care
    known(plan, service)
    if kiosk not in plan.kiosk:
        raise Refused("no_such_kiosk", kiosk=kiosk)
    if command.test:
        number = f"{service}T{state.issued.get(f'{service}T', 0) + 1:02}"
        return TicketIssued(number, service, kiosk, test=True, link=digest(command.token), **stamp)
    name = plan.service[service].name
    if state.frozen:
        raise Refused("frozen", reason=state.frozen)
    if state.stopped:
        raise Refused(state.stopped)
    if not state.open:
        opening = calendar.next_opening(plan, now.wall)
        raise Refused("closed", opening=opening, now=now.wall)
    if service in state.shut:
        opening = calendar.next_opening(plan, now.wall, plan.service[service].hours)
        raise Refused("service_shut", name=name, opening=opening, now=now.wall)
    if kiosk in state.kiosks and not command.screen:
        raise Refused("kiosk_closed", reason=state.kiosks[kiosk])
    if not command.reason.strip():
        opening = calendar.next_opening(plan, now.wall)
        if service in state.cut:
            raise Refused("cut_off", name=name, opening=opening, now=now.wall)
        if state.session.get(service, 0) >= calendar.quota(plan, service, now.wall):
            raise Refused("used_up", name=name, opening=opening, now=now.wall)
    number = f"{service}{state.issued.get(service, 0) + 1:03}"
    credit = 60.0 * plan.policy.care_minutes * care
    return TicketIssued(
        ticket=number,
        service=service,
        kiosk=kiosk,
        care=care,
        reason=command.reason,
        credit=credit,
        link=digest(command.token),
        screen=command.screen,
        large=command.large,
        **stamp,
    )


# What can be done to a ticket in which of its states.
FITTING: dict[type[OfTicket], tuple[str, ...]] = {
    Reprint: ("waiting", "called", "serving", "held", "parked", "missed"),
    CallHeld: ("held",),
    Answer: ("called",),
    Park: ("waiting", "called", "serving", "held"),
    Unpark: ("parked",),
    Transfer: ("waiting", "called", "serving", "held", "parked"),
    Reinstate: ("missed",),
    Cancel: ("waiting", "called", "held", "parked"),
}


def decide(plan: Settings, state: State, command: OfTicket, stamp: Stamp) -> Iterator[Event]:
    """The events of a command about a ticket. Raises Refused."""
    name, window = command.window, state.window(command.window)
    if name and name not in plan.window:
        raise Refused("no_such_window", window=name)
    if name and not window.clerk:
        raise Refused("not_open", window=name)
    number = command.ticket or window.ticket
    if isinstance(command, CallHeld) and not command.ticket:
        held = [t for t in state.tickets.values() if t.state == "held" and t.window == name]
        number = min(held, key=lambda t: t.since).number if held else ""
    if not number:
        raise Refused("nothing_called", window=name)
    ticket = state.tickets.get(number)
    if not ticket:
        raise Refused("no_such_ticket", ticket=number)
    if ticket.state not in FITTING[type(command)]:
        raise Refused("wrong_state", ticket=number)
    # The window that the ticket leaves; else the one that asks, "" for the desk.
    at = ticket.window if ticket.state in ("called", "serving", "held") else name
    match command:
        case Reprint():
            yield TicketReprinted(number, ticket.prints + 1, digest(command.token), **stamp)
        case CallHeld():
            may_call(state, name)
            if name != ticket.window:
                raise Refused("held_elsewhere", ticket=number, window=ticket.window)
            if window.ticket:
                raise Refused("finish_first", ticket=window.ticket)
            yield HeldCalled(name, number, **stamp)
        case Answer():
            if not ticket.here:
                yield TicketAnswered(at, number, **stamp)
        case Park():
            yield TicketParked(at, number, **stamp)
        case Unpark():
            yield TicketReleased(number, "unparked", **stamp)
        case Transfer(to=to, service=service):
            if bool(to) == bool(service):
                raise Refused("transfer_where")
            if service:
                known(plan, service)
            if to and (to == at or not state.window(to).clerk):
                raise Refused("not_open", window=to)
            yield TicketTransferred(at, number, to, service or ticket.service, **stamp)
        case Reinstate():
            yield _reinstate(plan, state, ticket, stamp)
        case Cancel(reason=reason):
            yield TicketCancelled(at, number, reason, **stamp)


def _reinstate(plan: Settings, state: State, ticket: Ticket, stamp: Stamp) -> Event:
    """Back in line after the next few of the same service, never before its own old place."""
    policy = plan.policy
    if ticket.returns >= policy.reinstates:
        raise Refused("reinstated_enough", ticket=ticket.number, times=policy.reinstates)
    if state.worked - ticket.since > 60 * policy.missed_minutes:
        raise Refused("reinstate_late", ticket=ticket.number, minutes=policy.missed_minutes)
    others = in_line(t for t in state.waiting() if t.service == ticket.service)
    # It takes the place and the credit of the last of those few, and stands behind it.
    before = in_line([ticket, *others[: policy.reinstate_after][-1:]])[-1]
    return TicketReinstated(ticket.number, before.place, before.credit, ticket.returns + 1, **stamp)
