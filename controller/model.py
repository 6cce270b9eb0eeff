"""Every command and every event, as frozen data. Commands ask; events are what became true.

Tables, one class a line: subclassing Command or Event makes a frozen dataclass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, dataclass_transform

from controller.clock import Now


class Refused(Exception):
    """The hall says no. `code` and `arguments` make a polite sentence in display/words."""

    def __init__(self, code: str, **arguments: Any) -> None:
        super().__init__(code, arguments)
        self.code, self.arguments = code, arguments


@dataclass(frozen=True, slots=True)
class Ticket:
    """One visit. `paper`: printing, or the printer's last answer (see TicketPrinted); `window`: the
    one that it was transferred to."""

    number: str
    service: str
    kiosk: str
    issued: Now
    paper: str = "printing"
    prints: int = 1
    window: str = ""


@dataclass(frozen=True, slots=True)
class Roll:
    """Millimetres of paper that a kiosk has used: since its roll was new, and today since `first`."""

    used: int = 0
    today: int = 0
    first: Now | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A window's day: who sits there (工号), and the ticket in front of it."""

    clerk: str = ""
    paused: bool = False
    ticket: str = ""
    called: Now | None = None
    calls: int = 0
    started: bool = False


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


class Event(Record):
    """`at`: when, by which clocks; `actor` and `press`: those of the command."""

    at: Now = field(kw_only=True)
    actor: str = field(kw_only=True)
    press: str = field(kw_only=True)


class WindowEvent(Event):
    """Something became true at a window."""

    window: str


# fmt: off
class Tick(Command): "The engine to itself: see whether the time has opened or closed something."
class LoadPlan(Command): text: str  # of hall.toml
class OpenKiosk(Command): kiosk: str
class CloseKiosk(Command): kiosk: str; reason: str  # it can print no tickets; reason is a code
class TakeTicket(Command): service: str; kiosk: str  # whose printer prints it
class ReportPaper(Command): day: str; ticket: str; answer: str; millimetres: int = 0  # as in TicketPrinted
class ChangeRoll(Command): printer: str  # somebody put in a new one before the old one ended
class Reprint(Command): ticket: str  # once more, marked 补打

class SignIn(AtWindow): clerk: str  # a 工号
class SignOut(AtWindow): "The clerk leaves."
class Pause(AtWindow): "No calls for a while."
class Resume(AtWindow): "Goes on after a pause."
class CallNext(AtWindow):
    "Ends the ticket at the window, calls the one that has waited longest, or the one of this number."
    number: str = ""  # its figures
class Transfer(AtWindow): to: str  # a window; the ticket keeps its number and its time (转移)
class Recall(AtWindow): "Says the same call again."
class Start(AtWindow): "The visitor is here."
class Complete(AtWindow): "Done (办结)."
class NoShow(AtWindow): "Called, and nobody came (过号)."

class PlanLoaded(Event): text: str
class DayClosed(Event): day: str; unserved: tuple[str, ...]  # numbers nobody called or finished
class SessionOpened(Event): by: str = ""  # hours began; or on a closed day a clerk (工号) signed in
class SessionClosed(Event): "Opening hours ended; who is in the hall is still served."
class ServicesShut(Event): services: tuple[str, ...]  # out of their own hours now
class KioskOpened(Event): kiosk: str
class KioskClosed(Event): kiosk: str; reason: str
class TicketIssued(Event): ticket: str; service: str; kiosk: str
class RollChanged(Event): kiosk: str
class TicketPrinted(Event):
    ticket: str; answer: str  # confirmed pending unconfirmed failed
    millimetres: int = 0  # of paper
class TicketReprinted(Event): ticket: str; copy: int  # 2 is the first 补打

class ClerkSignedIn(WindowEvent): clerk: str
class ClerkSignedOut(WindowEvent): clerk: str
class WindowPaused(WindowEvent): "No calls."
class WindowResumed(WindowEvent): "Calls again."
class TicketCalled(WindowEvent): ticket: str; reason: str = ""  # by_number: out of order
class TicketTransferred(WindowEvent): ticket: str; to: str
class TicketRecalled(WindowEvent): ticket: str; calls: int  # so far
class TicketStarted(WindowEvent): ticket: str
class TicketCompleted(WindowEvent): ticket: str; started: bool  # False: start key never pressed
class TicketMissed(WindowEvent): ticket: str; calls: int
# fmt: on


class DayOpened(Event):
    """A business day begins, with everything that the day before hands on.

    Tickets, windows and numbers go on only from a day whose date was never sure (its clock was
    not trusted): its people are still in the hall.
    """

    day: str
    kiosks: Mapping[str, str] = field(default_factory=dict)
    issued: Mapping[str, int] = field(default_factory=dict)
    tickets: tuple[Ticket, ...] = ()
    windows: Mapping[str, Window] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()
    rolls: Mapping[str, Roll] = field(default_factory=dict)
