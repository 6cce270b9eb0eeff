"""Every event that a journal can hold, as frozen data, and what stands inside them.

Events are what became true. A table, one class a line: subclassing Event makes a frozen dataclass. The
stored format is a promise: nothing here is renamed or removed (journal/rows.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from controller.hall.moment import Now
from controller.hall.record import Record


@dataclass(frozen=True, slots=True)
class Ticket:
    """One visit.

    `state`: waiting, called, serving, held, parked or missed. `window`: where it was called or is
    held, or the one that it was sent to. `place`: second of the hall's clock at which it took its
    place in line; `credit`: seconds by which it may come before that; `since`: working second at
    which its state began. `here`: called, and somebody answered for the visitor. `paper`: printing,
    screen (shown there), or the printer's last answer (see TicketPrinted).
    """

    number: str
    service: str
    kiosk: str
    issued: Now
    place: float
    credit: float = 0.0
    state: str = "waiting"
    window: str = ""
    since: float = 0.0
    returns: int = 0
    test: bool = False
    paper: str = "printing"
    prints: int = 1
    here: bool = False
    large: bool = False


@dataclass(frozen=True, slots=True)
class Roll:
    """Millimetres of paper that a kiosk has used: since its roll was new, and today since `first`."""

    used: int = 0
    today: int = 0
    first: Now | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A window's day: who sits there (工号), the ticket in front of it, how often it was called and at
    which working second last. `until`: the working second at which a pause should end, 0 for none;
    `shut`: it was closed for today; `services`: what it serves today instead of the plan's."""

    clerk: str = ""
    paused: str = ""
    until: float = 0.0
    ticket: str = ""
    called: float = 0.0
    calls: int = 0
    shut: bool = False
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A ticket that was called to a window, as the board lists it."""

    ticket: str
    window: str


@dataclass(frozen=True, slots=True)
class Left:
    """What was left of `day` as another one began: its numbers, its account, and the tickets that became
    unserved. They are in the hall after all if the clock is put right to that day."""

    day: str
    issued: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, int] = field(default_factory=dict)
    tickets: tuple[Ticket, ...] = ()


class Event(Record):
    """`at`: when, by which clocks; `actor` and `press`: those of the command."""

    at: Now = field(kw_only=True)
    actor: str = field(kw_only=True)
    press: str = field(kw_only=True)


class WindowEvent(Event):
    """Something became true at a window."""

    window: str


class TicketEvent(WindowEvent):
    """Something became true of a ticket at a window, or at the desk ("")."""

    ticket: str


class Stamp(TypedDict):
    """What every event of one command shares."""

    at: Now
    actor: str
    press: str


# fmt: off
class YearOpened(Event): before: str; seal: str  # a file begins: the one before it, and its last seal
class PlanLoaded(Event): text: str; reason: str = ""  # hall.toml from now on; why at once
class TimeConfirmed(Event): wall: datetime  # what it is at `at`, as somebody said
class DayClosed(Event):
    day: str; unserved: tuple[str, ...]  # tickets that nobody called or finished;
    figures: Mapping[str, int]  # issued = served + missed + cancelled + unserved + open
class SessionOpened(Event): by: str = ""  # hours began; or on a closed day a clerk (工号) signed in
class SessionClosed(Event): "Opening hours ended; who is in the hall is still served."
class ServicesShut(Event): services: tuple[str, ...]  # out of their own hours now
class ServiceCutOff(Event): service: str; finish: str  # no more tickets this session; by the fixed time: ""
class CutOffLifted(Event): service: str; reason: str  # tickets again
class TicketsStopped(Event): reason: str  # no more of any service: disk_full
class TicketsAllowed(Event): "Tickets again."
class HelpAsked(Event): kiosk: str  # by the page of a kiosk
class HelpGiven(Event): kiosk: str  # somebody went there
class HallFrozen(Event): reason: str  # evacuation, power or fault: tickets and calls stop
class HallUnfrozen(Event): "Tickets and calls go on."
class KioskOpened(Event): kiosk: str  # its printer is well
class KioskClosed(Event): kiosk: str; reason: str  # it can print no tickets; a code
class TicketIssued(Event):
    ticket: str; service: str; kiosk: str
    care: bool = False; test: bool = False; reason: str = ""  # why though tickets had ended;
    credit: float = 0.0  # in line, seconds;
    link: str = ""; screen: bool = False  # the digest of its page's token; shown, not printed;
    large: bool = False  # in large print
class TicketRefused(Event): service: str; kiosk: str; code: str  # what the visitor was told
class SlipsRecorded(Event): service: str; first: int; last: int; served: int  # written by hand
class RollChanged(Event): kiosk: str  # of paper
class DevicesTested(Event): faults: Mapping[str, str]  # before the opening: codes of those that are ill
class TicketPrinted(Event):
    ticket: str; answer: str  # confirmed, pending, unconfirmed or failed;
    millimetres: int = 0  # of paper used
class TicketReprinted(Event): ticket: str; copy: int; link: str = ""  # 2 is the first 补打
class TicketReleased(Event): ticket: str; reason: str  # back to its place: hold_over, unparked, signed_out
class TicketReinstated(Event): ticket: str; place: float; credit: float; returns: int  # its new place
class TicketsUnserved(Event): tickets: tuple[str, ...]  # the session ended, as the policy says

class ClerkSignedIn(WindowEvent): clerk: str  # 工号
class ClerkSignedOut(WindowEvent): clerk: str  # by "clock": left without a word
class WindowOpened(WindowEvent): "It may be used again."
class WindowClosed(WindowEvent): "Out of use for today."
class ServicesChanged(WindowEvent): services: tuple[str, ...]  # for today
class WindowPaused(WindowEvent): reason: str = "away"; minutes: int = 0  # 0: nobody said how long
class WindowResumed(WindowEvent): "Calls again."
class TicketCalled(TicketEvent): reason: str = ""  # out of order: as in CallNext
class TicketRecalled(TicketEvent): calls: int  # so far
class TicketAnswered(TicketEvent): "The visitor is in the hall and on the way to this window."
class TicketStarted(TicketEvent): "The visitor is at the window."
class TicketCompleted(TicketEvent): started: bool  # False: start key never pressed
class TicketMissed(TicketEvent): calls: int  # after so many, nobody came
class TicketHeld(TicketEvent): "To come back to this clerk."
class HeldCalled(TicketEvent): "Back from hold, to the same window."
class TicketParked(TicketEvent): "Outside any line."
class TicketTransferred(TicketEvent): to: str; service: str  # a window, or ""; keeps number and time
class TicketCancelled(TicketEvent): reason: str  # of the desk or the clerk
# fmt: on


class DayOpened(Event):
    """A business day begins, with everything that the day before hands on.

    Tickets, windows, numbers and figures go on only from a day whose date was never sure (its clock
    was not trusted), or from which the clock jumped: its people are still in the hall. Numbers also go on
    after a closed day while the date is not sure. `seconds`, `lost` and `believed`: see hall.State.
    """

    day: str
    kiosks: Mapping[str, str] = field(default_factory=dict)
    issued: Mapping[str, int] = field(default_factory=dict)
    tickets: tuple[Ticket, ...] = ()
    windows: Mapping[str, Window] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()
    rolls: Mapping[str, Roll] = field(default_factory=dict)
    figures: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    lost: float = 0.0
    frozen: str = ""
    stopped: str = ""
    believed: datetime | None = None
    left: Left | None = None
