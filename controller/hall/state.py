"""What is true in the hall: the state, the fold of events into it, and the line at each window. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from controller.hall import calendar
from controller.hall.bounds import LAST_SLIP, PAUSE, ROLL, clamp
from controller.hall.events import (
    Call,
    ClerkSignedIn,
    ClerkSignedOut,
    CutOffLifted,
    DayClosed,
    DayOpened,
    DevicesTested,
    Event,
    HallFrozen,
    HallUnfrozen,
    HeldCalled,
    HelpAsked,
    HelpGiven,
    KioskClosed,
    KioskOpened,
    Left,
    PlanLoaded,
    Roll,
    RollChanged,
    ServiceCutOff,
    ServicesChanged,
    ServicesShut,
    SessionClosed,
    SessionOpened,
    SlipsRecorded,
    Ticket,
    TicketAnswered,
    TicketCalled,
    TicketCancelled,
    TicketEvent,
    TicketHeld,
    TicketIssued,
    TicketMissed,
    TicketParked,
    TicketPrinted,
    TicketRecalled,
    TicketReinstated,
    TicketReleased,
    TicketReprinted,
    TicketsAllowed,
    TicketsStopped,
    TicketStarted,
    TicketsUnserved,
    TicketTransferred,
    Window,
    WindowClosed,
    WindowEvent,
    WindowOpened,
    WindowPaused,
    WindowResumed,
    YearOpened,
)
from controller.hall.moment import Now

LONGEST = 1e12  # s: no two moments of a calendar are farther apart
BOARD_CALLS = 14  # the newest calls that boards may list
# What a day may hand on to the next, besides its tickets.
CARRIED = (
    *("kiosks", "issued", "windows", "calls", "rolls", "figures"),
    *("seconds", "lost", "frozen", "stopped", "believed", "left"),
)
PEOPLE = (TicketIssued, SlipsRecorded, ClerkSignedIn)  # who is here makes it a day
# What says something of a ticket; of one that the day does not know it says nothing.
_OF_TICKET = (TicketEvent, TicketPrinted, TicketReprinted, TicketReleased, TicketReinstated)
_TIMELESS = (
    *(TicketPrinted, KioskOpened, KioskClosed, PlanLoaded, RollChanged, YearOpened),
    *(TicketsStopped, TicketsAllowed, DevicesTested),
)


@dataclass(frozen=True, slots=True)
class State:
    """What is true now.

    `tickets`: those of today that are not done, oldest first; `issued`: last number by service, and
    of test tickets; `session`: tickets given by service since the session began; `figures`: the day's
    issued, served, missed, cancelled and unserved so far. `kiosks`: those that can print nothing, with
    the reason; `by`: the clerk who opened a closed day; `shut`: services out of their own hours;
    `cut`: services whose tickets have ended for this session; `calls`: newest first.

    `tested`: when the devices were tried before the opening, and the `faults` that were found then.
    `help`: kiosks at which somebody wants a person; `links`: the number of a ticket by the digest of
    its page's token.

    `seconds`: the hall's own clock, which only goes forward: monotonic time, across a reboot what the
    clocks can tell. `lost`: how many of them passed while the hall was frozen; the difference are the
    working seconds. `touched`: the second at which somebody last did something. `believed`: the newest
    wall time that was trusted. `left`: what was left of the day before.
    """

    day: str = ""
    provisional: bool = False  # somebody came today under a clock that nobody trusted
    open: bool = False
    opened: datetime | None = None  # when the session began
    done: bool = False
    by: str = ""
    frozen: str = ""
    stopped: str = ""
    shut: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    lifted: tuple[str, ...] = ()
    kiosks: Mapping[str, str] = field(default_factory=dict)
    issued: Mapping[str, int] = field(default_factory=dict)
    session: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, int] = field(default_factory=dict)
    tickets: Mapping[str, Ticket] = field(default_factory=dict)
    windows: Mapping[str, Window] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()
    rolls: Mapping[str, Roll] = field(default_factory=dict)
    last: Now | None = None
    seconds: float = 0.0
    lost: float = 0.0
    tested: Now | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    help: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    touched: float = 0.0
    believed: datetime | None = None
    left: Left | None = None

    def window(self, name: str) -> Window:
        return self.windows.get(name, Window())

    def waiting(self) -> Iterator[Ticket]:
        """Tickets in line, in the order they came to it."""
        return (t for t in self.tickets.values() if t.state == "waiting" and not t.test)

    @property
    def worked(self) -> float:
        return self.seconds - self.lost

    @property
    def staffed(self) -> bool:
        return any(window.clerk for window in self.windows.values())


def seen_at(state: State, now: Now) -> State:
    """`state` with its own clock put forward to `now`, and what that says about the time."""
    last, gone = state.last, 0.0
    if last and last.boot == now.boot:
        gone = now.mono - last.mono
    elif last:
        # Since this boot at least; since the last event if two wall times are to be believed.
        told = (now.wall - last.wall).total_seconds() if last.trusted and now.trusted else 0.0
        gone = max(now.mono, told)
    gone = clamp(gone, 0.0, LONGEST)
    lost = state.lost + (gone if state.frozen else 0.0)
    believed = now.wall if now.trusted else state.believed
    return replace(state, last=now, seconds=state.seconds + gone, lost=lost, believed=believed)


def account(state: State) -> dict[str, int]:
    """The day's account: issued = served + missed + cancelled + unserved + open."""
    names = ("issued", "served", "missed", "cancelled", "unserved")
    count = {name: state.figures.get(name, 0) for name in names}
    counted = [ticket for ticket in state.tickets.values() if not ticket.test]
    missed = sum(ticket.state == "missed" for ticket in counted)
    return {**count, "missed": count["missed"] + missed, "open": len(counted) - missed}


def evolve(state: State, event: Event) -> State:
    """The state after `event`. Never refuses nor raises: what is in the journal is true, and what an older
    version has let in beyond the bounds of today counts as the bound."""
    state = seen_at(state, event.at)
    if (event.actor != "clock" and not isinstance(event, _TIMELESS)) or isinstance(event, SessionClosed):
        state = replace(state, touched=state.seconds)
    if isinstance(event, PEOPLE):
        state = replace(state, done=False, provisional=state.provisional or not event.at.trusted)
    if event.at.trusted and calendar.business_day(event.at.wall) == state.day:
        state = replace(state, provisional=False)
    if isinstance(event, _OF_TICKET) and event.ticket not in state.tickets:
        return state
    match event:
        case DayOpened():
            return _opened(state, event)
        case DayClosed():
            return _closed(state, event)
        case SessionOpened(by=by):
            return replace(state, open=True, by=by, opened=event.at.wall, session={}, cut=(), lifted=())
        case SessionClosed():
            return replace(state, open=False, by="")
        case ServicesShut(services=shut):
            return replace(state, shut=shut)
        case ServiceCutOff(service=service):
            return replace(state, cut=(*state.cut, service))
        case CutOffLifted(service=service):
            left = tuple(other for other in state.cut if other != service)
            return replace(state, cut=left, lifted=(*state.lifted, service))
        case HelpAsked(kiosk=kiosk):
            return replace(state, help=(*state.help, kiosk))
        case HelpGiven(kiosk=kiosk):
            return replace(state, help=tuple(other for other in state.help if other != kiosk))
        case HallFrozen(reason=reason):
            return replace(state, frozen=reason)
        case HallUnfrozen():
            return replace(state, frozen="")
        case TicketsStopped(reason=reason):
            return replace(state, stopped=reason)
        case DevicesTested(faults=faults):
            return replace(state, tested=event.at, faults=faults)
        case TicketsAllowed():
            return replace(state, stopped="")
        case KioskClosed(kiosk=kiosk, reason=reason):
            # What is printed after the paper ended is printed on a new roll.
            rolls = _new_roll(state, kiosk) if reason == "paper_out" else state.rolls
            return replace(state, kiosks={**state.kiosks, kiosk: reason}, rolls=rolls)
        case RollChanged(kiosk=kiosk):
            return replace(state, rolls=_new_roll(state, kiosk))
        case KioskOpened(kiosk=kiosk):
            others = {name: reason for name, reason in state.kiosks.items() if name != kiosk}
            return replace(state, kiosks=others)
        case SlipsRecorded(service=service, first=first, last=last, served=served):
            last = min(last, LAST_SLIP)
            for figure in range(max(first, served + 1, 0), last + 1):
                slip = Ticket(f"{service}{figure:03}", service, "", event.at, state.seconds, paper="slip")
                state = _with(state, slip)
            counts = _more(state, issued=last - first + 1, served=max(0, served - first + 1))
            return replace(counts, issued={**state.issued, service: last})
        case TicketIssued():
            return _issued(state, event)
        case TicketPrinted(ticket=number, answer=answer):
            ticket = replace(state.tickets[number], paper=answer)
            roll = state.rolls.get(ticket.kiosk, Roll())
            length = max(0, min(event.millimetres, ROLL))
            roll = Roll(roll.used + length, roll.today + length, roll.first or event.at)
            rolls = {**state.rolls, ticket.kiosk: roll}
            return _with(replace(state, rolls=rolls), ticket)
        case TicketReprinted(ticket=number, copy=copy, link=link):
            state = replace(state, links={**state.links, link: number} if link else state.links)
            return _with(state, replace(state.tickets[number], paper="printing", prints=copy))
        case TicketReleased(ticket=number):
            return _moved(state, number, "waiting")
        case TicketReinstated(ticket=number, place=place, credit=credit, returns=returns):
            ticket = replace(state.tickets[number], place=place, credit=credit, returns=returns)
            ticket = _bounded(ticket)
            # To the end of the table: of two with one place it comes second.
            return _moved(_with(_without(state, number), ticket), number, "waiting")
        case TicketsUnserved(tickets=numbers):
            for number in numbers:
                state = _without(state, number)
            return _more(state, unserved=len(numbers))
        case WindowEvent(window=name):
            return _at_window(state, event, name)
    return state


def _opened(state: State, event: DayOpened) -> State:
    kept = {name: getattr(event, name) for name in CARRIED}
    kept["believed"] = event.believed or state.believed  # journals of before have it of their rows only
    kept["seconds"] = seconds = clamp(event.seconds, 0.0, LONGEST)
    kept["lost"] = lost = clamp(event.lost, 0.0, seconds)
    latest = seconds - lost + 60.0 * PAUSE
    tickets = {ticket.number: _bounded(ticket) for ticket in event.tickets}
    windows = {name: replace(it, until=clamp(it.until, 0.0, latest)) for name, it in event.windows.items()}
    kept["windows"] = {name: it if it.ticket in tickets else _free(it) for name, it in windows.items()}
    return State(event.day, tickets=tickets, last=event.at, touched=seconds, **kept)


def _bounded(ticket: Ticket) -> Ticket:
    """With seconds that can be reckoned with."""
    place, credit, since = (clamp(it, 0.0, LONGEST) for it in (ticket.place, ticket.credit, ticket.since))
    return replace(ticket, place=place, credit=credit, since=since)


def account_at_close(state: State, left: Collection[str]) -> dict[str, int]:
    """The account of a day that closes now: those that nobody called or finished count as unserved."""
    counted = account(state)
    return {**counted, "unserved": counted["unserved"] + len(left), "open": counted["open"] - len(left)}


def _closed(state: State, event: DayClosed) -> State:
    # Journals up to a9e50c9 kept no account.
    counted = event.figures or account_at_close(state, event.unserved)
    if counted.get("open") or state.staffed:
        # Its people go over into the day that opens now; if the mains are cut in between, it goes on.
        return state
    closed = replace(state, done=True, provisional=False, figures=counted)
    return replace(closed, tickets={}, windows={}, calls=())


def _new_roll(state: State, kiosk: str) -> Mapping[str, Roll]:
    return {**state.rolls, kiosk: replace(state.rolls.get(kiosk, Roll()), used=0)}


def _more(state: State, **counts: int) -> State:
    return replace(
        state, figures={**state.figures, **{k: state.figures.get(k, 0) + n for k, n in counts.items()}}
    )


def _with(state: State, ticket: Ticket) -> State:
    return replace(state, tickets={**state.tickets, ticket.number: ticket})


def _without(state: State, number: str) -> State:
    """No window goes on with a ticket that is gone."""
    tickets = {key: ticket for key, ticket in state.tickets.items() if key != number}
    windows = {
        name: _free(there) if there.ticket == number else there for name, there in state.windows.items()
    }
    return replace(state, tickets=tickets, windows=windows)


def _free(window: Window) -> Window:
    return replace(window, ticket="", called=0.0, calls=0)


def _moved(state: State, number: str, to: str, window: str = "") -> State:
    """A ticket in another state; off the board unless it is called again."""
    ticket = replace(state.tickets[number], state=to, window=window, since=state.worked, here=False)
    calls = state.calls
    if to in ("waiting", "held", "parked"):
        calls = tuple(call for call in calls if call.ticket != number)
    return replace(_with(state, ticket), calls=calls)


def _issued(state: State, event: TicketIssued) -> State:
    number, service = event.ticket, event.service
    ticket = Ticket(number, service, event.kiosk, event.at, state.seconds, event.credit, test=event.test)
    ticket = replace(
        ticket, since=state.worked, paper="screen" if event.screen else "printing", large=event.large
    )
    if event.link:
        state = replace(state, links={**state.links, event.link: number})
    ticket = _bounded(ticket)
    counter = f"{service}T" if event.test else service
    # Only figures that we could have given: the next number is the one after them.
    figures = number.removeprefix(counter)
    if figures.isascii() and figures.isdecimal() and len(figures) < 9:
        state = replace(state, issued={**state.issued, counter: int(figures)})
    if not event.test:
        session = {**state.session, service: state.session.get(service, 0) + 1}
        state = _more(replace(state, session=session), issued=1)
    return _with(state, ticket)


def _called(state: State, window: Window, name: str, number: str, calls: int) -> tuple[State, Window]:
    """`number` is shown and said: the newest call of the board."""
    call = Call(number, name)
    others = tuple(other for other in state.calls if other.ticket != number)
    state = replace(state, calls=(call, *others)[:BOARD_CALLS])
    return state, replace(window, ticket=number, called=state.worked, calls=calls)


def _at_window(state: State, event: WindowEvent, name: str) -> State:
    window = state.window(name)
    match event:
        case ClerkSignedIn(clerk=clerk):
            window = replace(Window(clerk), services=window.services)
        case ClerkSignedOut():
            window = Window(services=window.services)
        case WindowClosed() | WindowOpened():
            window = Window(shut=isinstance(event, WindowClosed), services=window.services)
        case ServicesChanged(services=changed):
            window = replace(window, services=changed)
        case WindowPaused(reason=reason, minutes=minutes):
            until = state.worked + 60 * min(minutes, PAUSE) if minutes > 0 else 0.0
            window = replace(window, paused=reason, until=until)
        case WindowResumed():
            window = replace(window, paused="", until=0.0)
        case TicketCalled(ticket=number) | HeldCalled(ticket=number):
            state, window = _called(_moved(state, number, "called", name), window, name, number, 1)
        case TicketRecalled(ticket=number, calls=calls):
            state, window = _called(state, window, name, number, calls)
        case TicketAnswered(ticket=number):
            state = _with(state, replace(state.tickets[number], here=True))
        case TicketStarted(ticket=number):
            state = _moved(state, number, "serving", name)
        case TicketEvent(ticket=number):
            if window.ticket == number:
                window = _free(window)
            state = _left(state, event, name, number)
    windows = {**state.windows, name: window} if name else state.windows
    return replace(state, windows=windows)


def _left(state: State, event: TicketEvent, name: str, number: str) -> State:
    """What becomes of a ticket that leaves a window, or the line."""
    match event:
        case TicketMissed():
            return _moved(state, number, "missed")
        case TicketHeld():
            return _moved(state, number, "held", name)
        case TicketParked():
            return _moved(state, number, "parked")
        case TicketTransferred(to=to, service=service):
            state = _with(state, replace(state.tickets[number], service=service))
            return _moved(state, number, "waiting", to)
    if not state.tickets[number].test:
        state = _more(state, **{"cancelled" if isinstance(event, TicketCancelled) else "served": 1})
    return _without(state, number)
