"""Verbs that read the journal for somebody who asks: why, trail, at, report."""

import argparse
from collections import Counter
from pathlib import Path

from controller.app.console import show
from controller.figures import proof
from controller.hall.events import TicketCalled, TicketRefused
from controller.hall.line import in_line
from controller.hall.state import account
from controller.journal import backup
from controller.journal.files import CannotStart
from controller.journal.store import folded, read
from controller.journal.verify import verify
from display.words.catalogue import happened


def whole(data: Path) -> list[proof.Row]:
    """The rows of a journal whose every seal holds and every row can be folded. Raises CannotStart."""
    path = backup.journal_in(data)
    if broken := verify(path)[1]:
        raise CannotStart("journal_damaged", path=path, row=broken)
    rows = list(read(path))
    folded(rows)
    return rows


def proved(options: argparse.Namespace) -> list[proof.Row]:
    """The rows of the day that is asked about; the newest one if none is. Raises CannotStart."""
    rows = whole(options.data)
    known = proof.days(rows)
    day = options.day or (known[-1] if known else "")
    if day not in known:
        raise CannotStart("no_day", day=day, newest=known[-1] if known else "-")
    return proof.of_day(rows, day)


def told_of(rows: list[proof.Row], number: str) -> str:
    """The ticket as it is written. Raises CannotStart if there was none."""
    if number and not proof.trail(rows, number.upper()):
        raise CannotStart("no_ticket", ticket=number.upper())
    return number.upper()


def why(options: argparse.Namespace) -> int:
    rows = proved(options)
    number, before = told_of(rows, options.ticket), told_of(rows, options.before)
    return show("why", found=proof.why(rows, number, before), ticket=number, before=before)


def trail(options: argparse.Namespace) -> int:
    rows = proved(options)
    rows = proof.trail(rows, told_of(rows, options.ticket))
    return show("trail", rows=rows, lasted=proof.lasted, happened=happened)


def then(options: argparse.Namespace) -> int:
    rows = whole(options.data)
    zone = rows[-1][1].at.wall.tzinfo if rows else None
    state = proof.at(rows, options.time.replace(tzinfo=options.time.tzinfo or zone))
    if not state.last:
        raise CannotStart("no_day", day=options.time, newest="".join(proof.days(rows)[-1:]))
    return show("at", state=state, in_line=in_line)


def report(options: argparse.Namespace) -> int:
    """The daily fairness report."""
    rows = proved(options)
    state = proof.after(rows)
    found = [o for o in proof.overtakings(rows) if o.reason not in ("missed", "held", "parked")]
    asked = [e for _, e in rows if isinstance(e, TicketCalled) and e.reason]
    sent = [e for _, e in rows if isinstance(e, TicketRefused)]
    counts = {
        "asked": Counter((event.actor, event.reason) for event in asked),
        "sent": Counter((event.service, event.code) for event in sent),
    }
    return show("report", day=state.day, account=account(state), found=found, **counts)
