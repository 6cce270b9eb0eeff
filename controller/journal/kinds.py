"""The stored format, written out: every kind of row that a journal may hold, with its fields and their types.

A promise (docs/decisions/011): nothing here is renamed or removed. A new field has a default in
hall/events.py, so that rows of before can be read; a new kind is a new line. What can't be read as it
stands is translated in upcasts.py. `actor` and `press` are in every row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
    TicketCompleted,
    TicketHeld,
    TicketIssued,
    TicketMissed,
    TicketParked,
    TicketPrinted,
    TicketRecalled,
    TicketRefused,
    TicketReinstated,
    TicketReleased,
    TicketReprinted,
    TicketsAllowed,
    TicketsStopped,
    TicketStarted,
    TicketsUnserved,
    TicketTransferred,
    TimeConfirmed,
    Window,
    WindowClosed,
    WindowOpened,
    WindowPaused,
    WindowResumed,
    YearOpened,
)
from controller.hall.moment import Now


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of row: the event that it is, and what its body may hold, by name."""

    event: type[Event]
    fields: Mapping[str, Any]


KINDS: Mapping[str, Kind] = {
    "YearOpened": Kind(YearOpened, {"before": str, "seal": str}),
    "PlanLoaded": Kind(PlanLoaded, {"text": str, "reason": str}),
    "TimeConfirmed": Kind(TimeConfirmed, {"wall": datetime}),
    "DayClosed": Kind(DayClosed, {"day": str, "unserved": tuple[str, ...], "figures": Mapping[str, int]}),
    "SessionOpened": Kind(SessionOpened, {"by": str}),
    "SessionClosed": Kind(SessionClosed, {}),
    "ServicesShut": Kind(ServicesShut, {"services": tuple[str, ...]}),
    "ServiceCutOff": Kind(ServiceCutOff, {"service": str, "finish": str}),
    "CutOffLifted": Kind(CutOffLifted, {"service": str, "reason": str}),
    "TicketsStopped": Kind(TicketsStopped, {"reason": str}),
    "TicketsAllowed": Kind(TicketsAllowed, {}),
    "HelpAsked": Kind(HelpAsked, {"kiosk": str}),
    "HelpGiven": Kind(HelpGiven, {"kiosk": str}),
    "HallFrozen": Kind(HallFrozen, {"reason": str}),
    "HallUnfrozen": Kind(HallUnfrozen, {}),
    "KioskOpened": Kind(KioskOpened, {"kiosk": str}),
    "KioskClosed": Kind(KioskClosed, {"kiosk": str, "reason": str}),
    "TicketIssued": Kind(
        TicketIssued,
        {
            "ticket": str,
            "service": str,
            "kiosk": str,
            "care": bool,
            "test": bool,
            "reason": str,
            "credit": float,
            "link": str,
            "screen": bool,
            "large": bool,
        },
    ),
    "TicketRefused": Kind(TicketRefused, {"service": str, "kiosk": str, "code": str}),
    "SlipsRecorded": Kind(SlipsRecorded, {"service": str, "first": int, "last": int, "served": int}),
    "RollChanged": Kind(RollChanged, {"kiosk": str}),
    "DevicesTested": Kind(DevicesTested, {"faults": Mapping[str, str]}),
    "TicketPrinted": Kind(TicketPrinted, {"ticket": str, "answer": str, "millimetres": int}),
    "TicketReprinted": Kind(TicketReprinted, {"ticket": str, "copy": int, "link": str}),
    "TicketReleased": Kind(TicketReleased, {"ticket": str, "reason": str}),
    "TicketReinstated": Kind(
        TicketReinstated, {"ticket": str, "place": float, "credit": float, "returns": int}
    ),
    "TicketsUnserved": Kind(TicketsUnserved, {"tickets": tuple[str, ...]}),
    "ClerkSignedIn": Kind(ClerkSignedIn, {"window": str, "clerk": str}),
    "ClerkSignedOut": Kind(ClerkSignedOut, {"window": str, "clerk": str}),
    "WindowOpened": Kind(WindowOpened, {"window": str}),
    "WindowClosed": Kind(WindowClosed, {"window": str}),
    "ServicesChanged": Kind(ServicesChanged, {"window": str, "services": tuple[str, ...]}),
    "WindowPaused": Kind(WindowPaused, {"window": str, "reason": str, "minutes": int}),
    "WindowResumed": Kind(WindowResumed, {"window": str}),
    "TicketCalled": Kind(TicketCalled, {"window": str, "ticket": str, "reason": str}),
    "TicketRecalled": Kind(TicketRecalled, {"window": str, "ticket": str, "calls": int}),
    "TicketAnswered": Kind(TicketAnswered, {"window": str, "ticket": str}),
    "TicketStarted": Kind(TicketStarted, {"window": str, "ticket": str}),
    "TicketCompleted": Kind(TicketCompleted, {"window": str, "ticket": str, "started": bool}),
    "TicketMissed": Kind(TicketMissed, {"window": str, "ticket": str, "calls": int}),
    "TicketHeld": Kind(TicketHeld, {"window": str, "ticket": str}),
    "HeldCalled": Kind(HeldCalled, {"window": str, "ticket": str}),
    "TicketParked": Kind(TicketParked, {"window": str, "ticket": str}),
    "TicketTransferred": Kind(TicketTransferred, {"window": str, "ticket": str, "to": str, "service": str}),
    "TicketCancelled": Kind(TicketCancelled, {"window": str, "ticket": str, "reason": str}),
    "DayOpened": Kind(
        DayOpened,
        {
            "day": str,
            "kiosks": Mapping[str, str],
            "issued": Mapping[str, int],
            "tickets": tuple[Ticket, ...],
            "windows": Mapping[str, Window],
            "calls": tuple[Call, ...],
            "rolls": Mapping[str, Roll],
            "figures": Mapping[str, int],
            "seconds": float,
            "lost": float,
            "frozen": str,
            "stopped": str,
            "believed": datetime | None,
            "left": Left | None,
        },
    ),
}

# What stands inside an event.
NESTED: Mapping[type, Mapping[str, Any]] = {
    Ticket: {
        "number": str,
        "service": str,
        "kiosk": str,
        "issued": Now,
        "place": float,
        "credit": float,
        "state": str,
        "window": str,
        "since": float,
        "returns": int,
        "test": bool,
        "paper": str,
        "prints": int,
        "here": bool,
        "large": bool,
    },
    Roll: {"used": int, "today": int, "first": Now | None},
    Window: {
        "clerk": str,
        "paused": str,
        "until": float,
        "ticket": str,
        "called": float,
        "calls": int,
        "shut": bool,
        "services": tuple[str, ...],
    },
    Call: {"ticket": str, "window": str},
    Left: {
        "day": str,
        "issued": Mapping[str, int],
        "figures": Mapping[str, int],
        "tickets": tuple[Ticket, ...],
    },
}

NAMES: Mapping[type[Event], str] = {kind.event: name for name, kind in KINDS.items()}
