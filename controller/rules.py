"""The rules of the hall: a command becomes events, or is Refused. Pure: no clock, no files, no threads."""

from collections.abc import Iterator
from datetime import timedelta

from controller import calendar, windows
from controller import model as m
from controller.clock import Now
from controller.hall import CARRIED, State, evolve, figures, seen_at
from controller.settings.schema import FREEZE_REASONS, Settings
from controller.windows import Stamp, among, known


def decide(plan: Settings, state: State, command: m.Command, now: Now) -> list[m.Event]:
    """The events that make `command` true. Raises Refused."""
    events: list[m.Event] = []
    state = seen_at(state, now)

    def add(found: Iterator[m.Event]) -> None:
        nonlocal state
        for event in found:
            events.append(event)
            state = evolve(state, event)

    # What the clock has brought about comes first, so that a press at 8:00:00 finds the hall open.
    clock = Stamp(at=now, actor="clock", press="")
    today, before = calendar.business_day(now.wall), state
    rolls = not state.day or (now.trusted and today > state.day)
    # Under a clock that nobody trusts the first person begins a day after one that was closed.
    comes = isinstance(command, m.TakeTicket | m.RecordSlips | m.SignIn)
    wakes = comes and not rolls and state.done and not now.trusted
    if rolls and state.day and not state.done:
        if state.open:
            add(iter([m.SessionClosed(**clock)]))
            before = state
        if not state.provisional:
            add(_leave(state, clock))
        add(_close(state, clock, before.provisional))
    if rolls or wakes:
        add(iter([_open_day(before, state, today if rolls else state.day, wakes, clock)]))
    add(_hours(plan, state, now, clock))
    add(_shut(plan, state, now, clock))
    if not state.frozen:
        add(_limits(plan, state, clock))
    if _over(plan, state, now):
        add(_leave(state, clock))
        add(_close(state, clock, False))
    stamp = Stamp(at=now, actor=command.actor, press=command.press)
    return events + list(_answer(plan, state, command, now, stamp))


def refused(command: m.Command, refusal: m.Refused, now: Now) -> list[m.Event]:
    """What the journal keeps of a refusal: visitors who were sent away, and why."""
    if not isinstance(command, m.TakeTicket):
        return []
    stamp = Stamp(at=now, actor=command.actor, press=command.press)
    return [m.TicketRefused(command.service, command.kiosk, refusal.code, **stamp)]


def _open_day(before: State, state: State, day: str, wakes: bool, stamp: Stamp) -> m.Event:
    kept = before if before.provisional else State(issued=before.issued if wakes else {})
    rolls = {kiosk: m.Roll(roll.used) for kiosk, roll in state.rolls.items()}
    kept_on = ("seconds", "lost", "frozen", "stopped", "kiosks")
    clocks = {name: getattr(state, name) for name in kept_on}
    carried = {name: getattr(kept, name) for name in CARRIED} | clocks | {"rolls": rolls}
    return m.DayOpened(day, tickets=tuple(kept.tickets.values()), **carried, **stamp)


def _leave(state: State, stamp: Stamp) -> Iterator[m.Event]:
    """Clerks who went home without a word: what was in front of them counts as done."""
    for name, window in state.windows.items():
        if window.ticket:
            yield windows.finish(state, name, stamp)
        if window.clerk:
            yield m.ClerkSignedOut(name, window.clerk, **stamp)


def _close(state: State, stamp: Stamp, kept: bool) -> Iterator[m.Event]:
    """`kept`: its people are still in the hall and go over into the next day."""
    counted = figures(state)
    left = [t for t in state.tickets.values() if t.state != "missed" and not t.test and not kept]
    counted["unserved"] += len(left)
    counted["open"] -= len(left)
    yield m.DayClosed(state.day, tuple(ticket.number for ticket in left), counted, **stamp)


def _over(plan: Settings, state: State, now: Now) -> bool:
    """Is the day's work done: nobody is left, or nobody has touched anything for the grace."""
    if state.done or state.open or not now.trusted or calendar.opens_again(plan, now.wall):
        return False
    busy = state.staffed or figures(state)["open"]
    return not busy or state.seconds - state.touched >= 60 * plan.policy.grace_minutes


def _hours(plan: Settings, state: State, now: Now, stamp: Stamp) -> Iterator[m.Event]:
    # A clock that nobody trusts locks nobody out.
    opens = not now.trusted or calendar.is_open(plan, now.wall) or (state.by and state.staffed)
    end = calendar.closing(plan, state.opened) if state.opened and now.trusted else None
    passed = bool(end and now.wall >= end)  # perhaps the machine was off over noon
    if state.open and (passed or not opens):
        yield m.SessionClosed(**stamp)
        waiting = tuple(ticket.number for ticket in state.waiting())
        if waiting and plan.policy.end == "unserved":
            yield m.TicketsUnserved(waiting, **stamp)
    if opens and (passed or not state.open):
        yield m.SessionOpened(**stamp)


def _shut(plan: Settings, state: State, now: Now, stamp: Stamp) -> Iterator[m.Event]:
    """Services whose own hours began or ended, and the fixed last ticket of a session."""
    hours = {code: service.hours for code, service in plan.service.items() if service.hours and now.trusted}
    shut = tuple(code for code in hours if not calendar.within(hours[code], now.wall))
    if shut != state.shut:
        yield m.ServicesShut(shut, **stamp)
    end = calendar.closing(plan, now.wall)
    last = timedelta(minutes=plan.policy.last_ticket_minutes)
    if plan.policy.cut_off == "fixed" and state.open and now.trusted and end and now.wall >= end - last:
        for service in plan.service.keys() - {*state.cut, *state.lifted}:
            yield m.ServiceCutOff(service, "", **stamp)


def _limits(plan: Settings, state: State, stamp: Stamp) -> Iterator[m.Event]:
    """Called often enough and nobody came; held for too long."""
    policy = plan.policy
    for name, window in state.windows.items():
        ticket = state.tickets.get(window.ticket)
        called = ticket and ticket.state == "called" and not ticket.here
        waited = state.worked - window.called >= policy.no_show_seconds > 0
        if called and waited and window.calls >= policy.calls:
            yield m.TicketMissed(name, window.ticket, window.calls, **stamp)
    for ticket in state.tickets.values():
        if ticket.state == "held" and state.worked - ticket.since >= 60 * policy.hold_minutes:
            yield m.TicketReleased(ticket.number, "hold_over", **stamp)


def _answer(plan: Settings, state: State, command: m.Command, now: Now, stamp: Stamp) -> Iterator[m.Event]:
    match command:
        case m.Tick():
            pass
        case m.LoadPlan(text, reason):
            if not reason and (state.tickets or state.staffed):
                raise m.Refused("plan_tomorrow")
            yield m.PlanLoaded(text, reason, **stamp)
        case m.ConfirmTime():
            yield _confirm(plan, state, command, now, stamp)
        case m.OpenKiosk(kiosk):
            if kiosk in state.kiosks:
                yield m.KioskOpened(kiosk, **stamp)
        case m.CloseKiosk(kiosk, reason):
            if state.kiosks.get(kiosk) != reason:
                yield m.KioskClosed(kiosk, reason, **stamp)
        case m.TakeTicket():
            yield _issue(plan, state, command, now, stamp)
        case m.RecordSlips(service, last, served):
            first = state.issued.get(service, 0) + 1
            known(plan, service)
            if not first <= last < 1000 or not 0 <= served <= last:
                raise m.Refused("slips", first=first)
            yield m.SlipsRecorded(service, first, last, served, **stamp)
        case m.ChangeRoll(printer):
            for name, place in plan.kiosk.items():
                if place.printer == printer:
                    yield m.RollChanged(name, **stamp)
        case m.ReportPaper(day, number, answer, millimetres):
            ticket = state.tickets.get(number)
            if day == state.day and ticket and ticket.paper != answer:
                yield m.TicketPrinted(number, answer, millimetres, **stamp)
        case m.CutOff(service, finish):
            if state.open and service not in (*state.cut, *state.lifted):
                yield m.ServiceCutOff(service, f"{finish:%H:%M}", **stamp)
        case m.LiftCutOff(service, reason):
            if not reason.strip():
                raise m.Refused("needs_reason")
            if service not in state.cut:
                raise m.Refused("not_cut", service=service)
            yield m.CutOffLifted(service, reason, **stamp)
        case m.ReportTest(faults):
            yield m.DevicesTested(faults, **stamp)
        case m.StopTickets(reason) if state.stopped != reason:
            yield m.TicketsStopped(reason, **stamp)
        case m.AllowTickets() if state.stopped:
            yield m.TicketsAllowed(**stamp)
        case m.AskHelp(kiosk) if kiosk not in state.help:
            yield m.HelpAsked(kiosk, **stamp)
        case m.GiveHelp(kiosk) if kiosk in state.help:
            yield m.HelpGiven(kiosk, **stamp)
        case m.Freeze(reason):
            among(reason, FREEZE_REASONS)
            if state.frozen != reason:
                yield m.HallFrozen(reason, **stamp)
        case m.Unfreeze():
            if state.frozen:
                yield m.HallUnfrozen(**stamp)
        case m.AtWindow() | m.OfTicket():
            yield from windows.decide(plan, state, command, now, stamp)


def _confirm(plan: Settings, state: State, command: m.ConfirmTime, now: Now, stamp: Stamp) -> m.Event:
    """A person says what time it is. What is odd is asked back once."""
    wall = command.wall if command.wall.tzinfo else command.wall.replace(tzinfo=now.wall.tzinfo)
    if not command.sure and now.trusted:
        raise m.Refused("time_trusted")
    if not command.sure and state.last and wall < state.last.wall:
        raise m.Refused("time_before", wall=wall, last=state.last.wall)
    if not command.sure and not calendar.sessions(plan, wall.date()):
        raise m.Refused("time_holiday", wall=wall)
    return m.TimeConfirmed(wall, **stamp)


def _issue(plan: Settings, state: State, command: m.TakeTicket, now: Now, stamp: Stamp) -> m.Event:
    service, kiosk, care = command.service, command.kiosk, command.care
    known(plan, service)
    if kiosk not in plan.kiosk:
        raise m.Refused("no_such_kiosk", kiosk=kiosk)
    if command.test:
        number = f"{service}T{state.issued.get(f'{service}T', 0) + 1:02}"
        return m.TicketIssued(number, service, kiosk, test=True, link=m.digest(command.token), **stamp)
    name = plan.service[service].name
    if state.frozen:
        raise m.Refused("frozen", reason=state.frozen)
    if state.stopped:
        raise m.Refused(state.stopped)
    if not state.open:
        opening = calendar.next_opening(plan, now.wall)
        raise m.Refused("closed", opening=opening, now=now.wall)
    if service in state.shut:
        opening = calendar.next_opening(plan, now.wall, plan.service[service].hours)
        raise m.Refused("service_shut", name=name, opening=opening, now=now.wall)
    if kiosk in state.kiosks and not command.screen:
        raise m.Refused("kiosk_closed", reason=state.kiosks[kiosk])
    if not command.reason.strip():
        opening = calendar.next_opening(plan, now.wall)
        if service in state.cut:
            raise m.Refused("cut_off", name=name, opening=opening, now=now.wall)
        if state.session.get(service, 0) >= calendar.quota(plan, service, now.wall):
            raise m.Refused("used_up", name=name, opening=opening, now=now.wall)
    number = f"{service}{state.issued.get(service, 0) + 1:03}"
    credit = 60.0 * plan.policy.care_minutes * care
    return m.TicketIssued(
        *(number, service, kiosk, care, False, command.reason, credit),
        link=m.digest(command.token),
        screen=command.screen,
        large=command.large,
        **stamp,
    )
