"""Every command and every event, as frozen data. Commands ask; events are what became true.

Tables, one class a line: subclassing Command or Event makes a frozen dataclass.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, dataclass_transform

from controller.clock import Now


def digest(token: str) -> str:
    """How a random token is kept: who reads the digest cannot use it."""
    return hashlib.sha256(token.encode()).hexdigest()


def secret() -> Any:
    """A field with 128 random bits, which no log shows: the link to a ticket's page."""
    return field(default_factory=partial(secrets.token_urlsafe, 16), repr=False, compare=False, kw_only=True)


class Refused(Exception):
    """The hall says no. `code` and `arguments` make a polite sentence in display/words."""

    def __init__(self, code: str, **arguments: Any) -> None:
        super().__init__(code, arguments)
        self.code, self.arguments = code, arguments


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


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record:
    """Makes every subclass a frozen dataclass."""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True)(cls)


class Command(Record):
    """`actor`: who asks (工号, device, page, system); `press`: the press or request behind it."""

    actor: str = field(kw_only=True)
    press: str = field(default="", kw_only=True)


class AtWindow(Command):
    """A clerk's command; `window` is its name, such as "3"."""

    window: str


class OfTicket(Command):
    """`ticket`: its number; if none is said, the one at the window. `window`: "" for the desk."""

    ticket: str = ""
    window: str = ""


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


# fmt: off
class Tick(Command): "The engine to itself: see whether the time has opened or closed something."
class LoadPlan(Command): text: str; reason: str = ""  # of hall.toml; with a reason it counts at once
class ConfirmTime(Command): wall: datetime; sure: bool = False  # also if it is odd
class OpenKiosk(Command): kiosk: str
class CloseKiosk(Command): kiosk: str; reason: str  # it can print no tickets; reason is a code
class TakeTicket(Command):
    service: str; kiosk: str  # whose printer prints it
    care: bool = False  # 70 years and more, disabled, pregnant, soldiers: said by the visitor
    test: bool = False  # a technician's: outside every figure, never called by next
    reason: str = ""  # the desk's, to give one though the day's tickets are used up
    screen: bool = False  # the visitor reads the number there: no paper is needed
    large: bool = False  # large print
    token: str = secret()
class RecordSlips(Command): service: str; last: int; served: int = 0  # by hand: up to last; called so far
class ReportPaper(Command): day: str; ticket: str; answer: str; millimetres: int = 0  # as in TicketPrinted
class ReportTest(Command): faults: Mapping[str, str]  # as in DevicesTested
class ChangeRoll(Command): printer: str  # somebody put in a new one before the old one ended
class CutOff(Command): service: str; finish: datetime  # nobody who comes now would be served in time
class LiftCutOff(Command): service: str; reason: str
class StopTickets(Command): reason: str  # a code: disk_full
class AllowTickets(Command): "What stopped them is mended."
class AskHelp(Command): kiosk: str  # somebody there wants a person
class GiveHelp(Command): kiosk: str  # a person went there
class Freeze(Command): reason: str  # an emergency: evacuation, power or fault
class Unfreeze(Command): "The emergency is over."

class SignIn(AtWindow): clerk: str  # a 工号
class SignOut(AtWindow): "The clerk leaves."
class OpenWindow(AtWindow): "It may be used again."
class CloseWindow(AtWindow): "Out of use for today; its clerk is signed out."
class ChangeServices(AtWindow): services: tuple[str, ...]  # for today
class Pause(AtWindow): reason: str = "away"; minutes: int = 0  # away, copy, training, lunch or fault
class Resume(AtWindow): "Goes on after a pause."
class CallNext(AtWindow):
    "Ends the ticket at the window and calls the first in line, or the one of this number."
    number: str = ""  # or its figures
    reason: str = "by_number"  # of a call out of order: by_number, special, papers or mistake
class Recall(AtWindow): "Says the same call again."
class Start(AtWindow): "The visitor is here."
class Complete(AtWindow): "Done (办结)."
class NoShow(AtWindow): "Called, and nobody came (过号)."
class Hold(AtWindow): "The visitor stays with this clerk and comes back (挂起)."

class CallHeld(OfTicket): "Back to what was held here, the oldest first (回呼)."
class Answer(OfTicket): "The visitor is here, at the wrong window: not called again, not missed (代答)."
class Park(OfTicket): "Set aside, outside any line (暂存)."
class Unpark(OfTicket): "Back to its old place in line."
class Transfer(OfTicket): to: str = ""; service: str = ""  # keeps number and time (转移)
class Reinstate(OfTicket): "A missed visitor is back: after the next few tickets (过号恢复)."
class Cancel(OfTicket): reason: str = ""  # the visitor needs it no more (作废)
class Reprint(OfTicket):
    "Once more, marked 补打."
    token: str = secret()

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
    was not trusted): its people are still in the hall. `seconds` and `lost`: see hall.State.
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
