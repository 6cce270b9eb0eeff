"""Every command that the hall can be given, as frozen data. Commands ask; nothing is true yet.

A table, one class a line: subclassing Command makes a frozen dataclass. Every field has a type with
bounds, which `decide` checks (bounds.py).
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from controller.hall.bounds import LAST_SLIP, PAUSE, ROLL, Length, Range
from controller.hall.record import Record

Name = Annotated[str, Length(1, 64)]  # of a window, kiosk or device, as hall.toml has it
Place = Annotated[str, Length(0, 64)]  # the same, or "" for none
Clerk = Annotated[str, Length(1, 20)]  # a 工号
Service = Annotated[str, Length(1, 8)]  # its code
Number = Annotated[str, Length(0, 12)]  # a ticket's, its figures, or "" for none
Word = Annotated[str, Length(0, 64)]  # a code of ours: what a device has, why somebody pauses
Reason = Annotated[str, Length(0, 200)]  # in somebody's own words


def digest(token: str) -> str:
    """How a random token is kept: who reads the digest cannot use it."""
    return hashlib.sha256(token.encode()).hexdigest()


def secret() -> Any:
    """A field with 128 random bits, which no log shows: the link to a ticket's page."""
    return field(default_factory=partial(secrets.token_urlsafe, 16), repr=False, compare=False, kw_only=True)


class Command(Record):
    """`actor`: who asks (工号, device, page, system); `press`: the press or request behind it."""

    actor: Annotated[str, Length(0, 80)] = field(kw_only=True)
    press: Annotated[str, Length(0, 200)] = field(default="", kw_only=True)


class AtWindow(Command):
    """A clerk's command; `window` is its name, such as "3"."""

    window: Name


class OfTicket(Command):
    """`ticket`: its number; if none is said, the one at the window. `window`: "" for the desk."""

    ticket: Number = ""
    window: Place = ""


# fmt: off
class Tick(Command): "The engine to itself: see whether the time has opened or closed something."
class LoadPlan(Command):
    text: Annotated[str, Length(1, 500_000, lines=True)]  # of hall.toml
    reason: Reason = ""  # with one it counts at once
class ConfirmTime(Command): wall: datetime; sure: bool = False  # also if it is odd
class OpenKiosk(Command): kiosk: Name
class CloseKiosk(Command): kiosk: Name; reason: Word  # it can print no tickets; reason is a code
class TakeTicket(Command):
    service: Service; kiosk: Name  # whose printer prints it
    care: bool = False  # 70 years and more, disabled, pregnant, soldiers: said by the visitor
    test: bool = False  # a technician's: outside every figure, never called by next
    reason: Reason = ""  # the desk's, to give one though the day's tickets are used up
    screen: bool = False  # the visitor reads the number there: no paper is needed
    large: bool = False  # large print
    token: Annotated[str, Length(1, 64)] = secret()
class RecordSlips(Command):
    service: Service; last: Annotated[int, Range(1, LAST_SLIP)]  # written by hand, up to this one;
    served: Annotated[int, Range(0, LAST_SLIP)] = 0  # called so far
class ReportPaper(Command):
    day: Annotated[str, Length(0, 10)]; ticket: Number
    answer: Word; millimetres: Annotated[int, Range(0, ROLL)] = 0  # as in TicketPrinted
class ReportTest(Command): faults: Annotated[Mapping[Word, Word], Length(0, 500)]  # as in DevicesTested
class ChangeRoll(Command): printer: Name  # somebody put in a new one before the old one ended
class CutOff(Command): service: Service; finish: datetime  # nobody who comes now would be served in time
class LiftCutOff(Command): service: Service; reason: Reason
class StopTickets(Command): reason: Word  # a code: disk_full
class AllowTickets(Command): "What stopped them is mended."
class AskHelp(Command): kiosk: Name  # somebody there wants a person
class GiveHelp(Command): kiosk: Name  # a person went there
class Freeze(Command): reason: Word  # an emergency: evacuation, power or fault
class Unfreeze(Command): "The emergency is over."

class SignIn(AtWindow): clerk: Clerk
class SignOut(AtWindow): "The clerk leaves."
class OpenWindow(AtWindow): "It may be used again."
class CloseWindow(AtWindow): "Out of use for today; its clerk is signed out."
class ChangeServices(AtWindow):
    services: Annotated[tuple[Service, ...], Length(0, 100)]  # for today
class Pause(AtWindow):
    reason: Word = "away"  # or copy, training, lunch, fault
    minutes: Annotated[int, Range(0, PAUSE)] = 0  # 0: nobody said how long
class Resume(AtWindow): "Goes on after a pause."
class CallNext(AtWindow):
    "Ends the ticket at the window and calls the first in line, or the one of this number."
    number: Number = ""  # or its figures
    reason: Word = "by_number"  # of a call out of order: by_number, special, papers or mistake
class Recall(AtWindow): "Says the same call again."
class Start(AtWindow): "The visitor is here."
class Complete(AtWindow): "Done (办结)."
class NoShow(AtWindow): "Called, and nobody came (过号)."
class Hold(AtWindow): "The visitor stays with this clerk and comes back (挂起)."

class CallHeld(OfTicket): "Back to what was held here, the oldest first (回呼)."
class Answer(OfTicket): "The visitor is here, at the wrong window: not called again, not missed (代答)."
class Park(OfTicket): "Set aside, outside any line (暂存)."
class Unpark(OfTicket): "Back to its old place in line."
class Transfer(OfTicket):
    to: Place = ""; service: Annotated[str, Length(0, 8)] = ""  # keeps number and time (转移)
class Reinstate(OfTicket): "A missed visitor is back: after the next few tickets (过号恢复)."
class Cancel(OfTicket): reason: Reason = ""  # the visitor needs it no more (作废)
class Reprint(OfTicket):
    "Once more, marked 补打."
    token: Annotated[str, Length(1, 64)] = secret()
# fmt: on
