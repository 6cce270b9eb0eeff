"""Rows that older versions wrote, translated into those of today, before anything reads them.

A table by kind: each function takes the row's own moment and its body, and returns a body of today. One
that is of today already it returns as it is: what a body says itself wins over what is put before it. The
golden journals hold a row of every form that ever was.
"""

from collections.abc import Callable, Mapping
from typing import Any

from controller.hall.moment import Now

Body = Mapping[str, Any]


def _transferred(at: Now, body: Body) -> Body:
    """Up to a9e50c9 a ticket went to a window only and kept its service, whose code was its first letter."""
    return {"service": body["ticket"][:1], **body}


def _closed(at: Now, body: Body) -> Body:
    """Up to a9e50c9 a day closed without its account; the fold makes it (hall/state.py)."""
    return {"figures": {}, **body}


def _opened(at: Now, body: Body) -> Body:
    """Up to a9e50c9 the hall had no clock of its own, and a ticket did not know where it stood: its window
    knew. Moments of another boot count as the start of this one: their order is kept, nothing is negative."""
    if "seconds" in body:
        return body

    def second(moment: str) -> float:
        _, mono, boot, _ = moment.split()
        return float(mono) if boot == at.boot else 0.0

    windows, at_window = {}, {}
    for name, window in body["windows"].items():
        called = second(window["called"]) if window["called"] else 0.0
        if window["ticket"]:
            state = "serving" if window["started"] else "called"
            at_window[window["ticket"]] = {"state": state, "window": name, "since": called}
        kept = {key: window[key] for key in ("clerk", "ticket", "calls")}
        windows[name] = {**kept, "called": called, "paused": "away" if window["paused"] else ""}
    tickets = []
    for ticket in body["tickets"]:
        place = second(ticket["issued"])
        tickets.append({**ticket, "place": place, "since": place, **at_window.get(ticket["number"], {})})
    figures = {"issued": len(tickets)}  # so that the day's account adds up
    return {**body, "windows": windows, "tickets": tickets, "seconds": at.mono, "figures": figures}


UPCASTS: Mapping[str, Callable[[Now, Body], Body]] = {
    "DayOpened": _opened,
    "DayClosed": _closed,
    "TicketTransferred": _transferred,
}
