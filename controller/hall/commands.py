"""Every command that the hall can be given, as frozen data. Commands ask; nothing is true yet.

A table, one class a line: subclassing Command makes a frozen dataclass.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from functools import partial
from typing import Any

from controller.hall.record import Record


def digest(token: str) -> str:
    """How a random token is kept: who reads the digest cannot use it."""
    return hashlib.sha256(token.encode()).hexdigest()


def secret() -> Any:
    """A field with 128 random bits, which no log shows: the link to a ticket's page."""
    return field(default_factory=partial(secrets.token_urlsafe, 16), repr=False, compare=False, kw_only=True)


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
# fmt: on
