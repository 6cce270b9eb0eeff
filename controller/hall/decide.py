"""The rules of the hall: a command becomes events, or is Refused. Pure: no clock, no files, no threads.

The order of things. Time passes between two commands, and nobody says so; so each command first makes true
what the clock has brought about meanwhile, and a press at 8:00:00 finds the hall open:

1. *The day turns* (days.py). A day that was left open is closed: its session ends, clerks who went without a
   word are signed out, who still waits is unserved. Then the new day opens, with all that the old one hands
   on. A clock that nobody trusts turns no day; under it a day that was closed is followed by a
   new one as soon as somebody comes, though its date is not sure. A day to which somebody came under such a
   clock is provisional: its people, windows and numbers go over into the next one. So they do where the
   clock jumps, and where it is put right to before the day, which then turns back.
2. *Hours*: the session begins or ends; services open and shut by hours of their own; tickets end.
3. *Limits*: called often enough and nobody came; held for too long. Not while the hall is frozen.
4. *The day is over* when nobody is left, or nobody has touched anything for the grace.

Only then comes the command itself: what is about the hall as a whole is answered here, what is about a
window by windows.py, about a ticket by tickets.py. Each step sees the state that the steps before have made,
as its events are folded in (state.py) before the next one looks. If the command is refused, all of it is:
the next command, or the engine's own Tick, brings the clock's part about.
"""

from collections.abc import Iterator
from datetime import timedelta

from controller.hall import bounds, calendar, days, tickets, windows
from controller.hall.commands import (
    AllowTickets,
    AskHelp,
    AtWindow,
    ChangeRoll,
    CloseKiosk,
    Command,
    ConfirmTime,
    CutOff,
    Freeze,
    GiveHelp,
    LiftCutOff,
    LoadPlan,
    OfTicket,
    OpenKiosk,
    RecordSlips,
    ReportPaper,
    ReportTest,
    SignIn,
    StopTickets,
    TakeTicket,
    Tick,
    Unfreeze,
)
from controller.hall.events import (
    CutOffLifted,
    DevicesTested,
    Event,
    HallFrozen,
    HallUnfrozen,
    HelpAsked,
    HelpGiven,
    KioskClosed,
    KioskOpened,
    PlanLoaded,
    RollChanged,
    ServiceCutOff,
    SessionClosed,
    SlipsRecorded,
    Stamp,
    TicketPrinted,
    TicketRefused,
    TicketsAllowed,
    TicketsStopped,
    TimeConfirmed,
)
from controller.hall.moment import Now
from controller.hall.outcome import Refused, among, known
from controller.hall.state import State, evolve, seen_at
from controller.settings.schema import FREEZE_REASONS, STOP_REASONS, Settings

SLIPS = 100  # that are recorded in one go: those of a morning without a machine
YEARS = range(2000, 2100)  # in which a hall can be
FAR, TOO_FAR = timedelta(days=14), timedelta(days=400)  # of a time that somebody says, from the newest known


def decide(plan: Settings, state: State, command: Command, now: Now) -> list[Event]:
    """The events that make `command` true. Raises Refused."""
    bounds.check(command)
    events: list[Event] = []
    last, state = state.last, seen_at(state, now)

    def add(found: Iterator[Event]) -> None:
        nonlocal state
        for event in found:
            events.append(event)
            state = evolve(state, event)

    # What the clock has brought about comes first, so that a press at 8:00:00 finds the hall open.
    clock = Stamp(at=now, actor="clock", press="")
    today, before = calendar.business_day(now.wall), state
    rolls = not state.day or (now.trusted and days.turns(state, today))
    stay = days.stays(state, last, today, now)
    # Under a clock that nobody trusts the first person begins a day after one that was closed.
    somebody_comes = isinstance(command, TakeTicket | RecordSlips | SignIn)  # as state.PEOPLE, of events
    wakes = somebody_comes and not rolls and state.done and not now.trusted
    over = state
    if rolls and state.day and not state.done:
        if state.open:
            add(iter([SessionClosed(**clock)]))
            before = state  # what the new day may get: as it was before its clerks were signed out
        if not stay:
            add(days.leave(state, clock))
        over = state
        add(days.close(state, clock, people_stay=stay))
    if rolls or wakes:
        add(iter([days.open_day(before, over, today if rolls else state.day, stay, wakes, clock)]))
    add(days.turn_of_hours(plan, state, now, clock, people_stay=days.jumped(last, now) > days.JUMP))
    add(days.turn_of_services(plan, state, now, clock))
    if not state.frozen:
        add(days.limits(plan, state, clock))
    if days.is_over(plan, state, now):
        add(days.leave(state, clock))
        add(days.close(state, clock, people_stay=False))
    stamp = Stamp(at=now, actor=command.actor, press=command.press)
    return events + list(_answer(plan, state, command, now, stamp))


def refused(command: Command, refusal: Refused, now: Now) -> list[Event]:
    """What the journal keeps of a refusal: visitors who were sent away, and why. What is beyond all bounds
    never enters it."""
    if not isinstance(command, TakeTicket) or refusal.code in bounds.BAD:
        return []
    stamp = Stamp(at=now, actor=command.actor, press=command.press)
    return [TicketRefused(command.service, command.kiosk, refusal.code, **stamp)]


def _answer(plan: Settings, state: State, command: Command, now: Now, stamp: Stamp) -> Iterator[Event]:
    match command:
        case Tick():
            pass
        case LoadPlan(text, reason):
            if not reason and (state.tickets or state.staffed):
                raise Refused("plan_tomorrow")
            yield PlanLoaded(text, reason, **stamp)
        case ConfirmTime():
            yield _confirm(plan, state, command, now, stamp)
        case OpenKiosk(kiosk):
            if kiosk in state.kiosks:
                yield KioskOpened(kiosk, **stamp)
        case CloseKiosk(kiosk, reason):
            if state.kiosks.get(kiosk) != reason:
                yield KioskClosed(kiosk, reason, **stamp)
        case TakeTicket():
            yield tickets.issue(plan, state, command, now, stamp)
        case RecordSlips(service, last, served):
            first = state.issued.get(service, 0) + 1
            known(plan, service)
            if not first <= last or served > last:
                raise Refused("slips", first=first)
            if last - first >= SLIPS:  # 999 for 9 would make people of whom nobody has heard
                raise Refused("slips_many", most=SLIPS, last=first + SLIPS - 1)
            yield SlipsRecorded(service, first, last, served, **stamp)
        case ChangeRoll(printer):
            for name, place in plan.kiosk.items():
                if place.printer == printer:
                    yield RollChanged(name, **stamp)
        case ReportPaper(day, number, answer, millimetres):
            ticket = state.tickets.get(number)
            if day == state.day and ticket and ticket.paper != answer:
                yield TicketPrinted(number, answer, millimetres, **stamp)
        case CutOff(service, finish):
            if state.open and service not in (*state.cut, *state.lifted):
                yield ServiceCutOff(service, f"{finish:%H:%M}", **stamp)
        case LiftCutOff(service, reason):
            if not reason.strip():
                raise Refused("needs_reason")
            if service not in state.cut:
                raise Refused("not_cut", service=service)
            yield CutOffLifted(service, reason, **stamp)
        case ReportTest(faults):
            yield DevicesTested(faults, **stamp)
        case StopTickets(reason):
            among(reason, STOP_REASONS)
            if state.stopped != reason:
                yield TicketsStopped(reason, **stamp)
        case AllowTickets() if state.stopped:
            yield TicketsAllowed(**stamp)
        case AskHelp(kiosk) if kiosk not in state.help:
            yield HelpAsked(kiosk, **stamp)
        case GiveHelp(kiosk) if kiosk in state.help:
            yield HelpGiven(kiosk, **stamp)
        case Freeze(reason):
            among(reason, FREEZE_REASONS)
            if state.frozen != reason:
                yield HallFrozen(reason, **stamp)
        case Unfreeze():
            if state.frozen:
                yield HallUnfrozen(**stamp)
        case AtWindow():
            yield from windows.decide(plan, state, command, now, stamp)
        case OfTicket():
            yield from tickets.decide(plan, state, command, stamp)


def _confirm(plan: Settings, state: State, command: ConfirmTime, now: Now, stamp: Stamp) -> Event:
    """A person says what time it is. What is odd is asked back once; what is far from the newest moment that
    is known to be true is refused to all but the technician, whose journal may be the one that is wrong."""
    wall = command.wall if command.wall.tzinfo else command.wall.replace(tzinfo=now.wall.tzinfo)
    if wall.year in YEARS:
        # Said by the clocks of another zone, it is a moment all the same; days and hours are the hall's own.
        wall = wall.astimezone(now.wall.tzinfo)
    if wall.year not in YEARS:
        raise Refused("time_never", first=YEARS[0], last=YEARS[-1])
    known = state.believed
    far = abs(wall - known) if known else timedelta()
    if known and far > TOO_FAR and command.actor != "technician":
        raise Refused("time_too_far", wall=wall, last=known)
    if command.sure:
        return TimeConfirmed(wall, **stamp)
    if now.trusted:
        raise Refused("time_trusted")
    if known and wall < known.replace(second=0, microsecond=0):  # people say minutes
        raise Refused("time_before", wall=wall, last=known)
    if known and far > FAR:
        raise Refused("time_far", wall=wall, last=known, days=far.days)
    if not calendar.sessions(plan, wall.date()):
        raise Refused("time_holiday", wall=wall)
    return TimeConfirmed(wall, **stamp)
