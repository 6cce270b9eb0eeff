"""The wall display: calls, who waits, what the hall is to visitors. Pure."""

from collections.abc import Mapping
from datetime import datetime
from math import hypot
from typing import Any

from controller.hall import calendar
from controller.hall.events import Window
from controller.hall.moment import Now
from controller.hall.state import State, seen_at
from controller.settings.schema import Settings
from display.words.catalogue import minutes, say, when

MISSED = 600.0  # s that a missed number stands on the board


def figures(plan: Settings) -> float:
    """How high the figures of the newest call are, in hundredths of the TV's height: a hundredth of the
    way to the farthest seat (hall.md §4.3), within what a board can show."""
    height = plan.board.inches * 0.0254 * 9 / hypot(16, 9)
    return round(max(7.4, min(20.0, plan.board.metres / height)), 2)


def phase(plan: Settings, state: State, wall: datetime) -> str:
    """What the hall is to visitors: frozen, open, break, before or closed."""
    today = calendar.next_opening(plan, wall).date() == wall.date()
    shut = "break" if calendar.in_break(plan, wall) else "before" if today else "closed"
    return "frozen" if state.frozen else "open" if state.open else shut


def board(plan: Settings, state: State, now: Now, told: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """The wall display, for JSON. `calls`: newest first; one row for a ticket. `rest`: nobody is called
    any more, until the next opening. `told`: the forecast."""
    state, wall = seen_at(state, now), now.wall
    opening, now_is = calendar.next_opening(plan, wall), phase(plan, state, wall)
    ill = state.stopped or any(reason != "starting" for reason in state.kiosks.values())
    no_paper = bool(ill) and now_is == "open"
    notice = "kiosk_closed" if no_paper else "notice" if now_is == "open" else now_is
    missed = {t.number: t.since for t in state.tickets.values() if t.state == "missed"}

    def said(lang: str) -> str:
        reason = say(f"freeze.{state.frozen}", lang)
        return say(f"board.{notice}", lang, opening=when(opening, wall, lang), reason=reason)

    waiting = dict.fromkeys(plan.service, 0)
    for ticket in state.waiting():
        waiting[ticket.service] = waiting.get(ticket.service, 0) + 1
    at_work = {there.ticket: there for there in state.windows.values() if there.ticket}
    rest = not (state.open or at_work or (state.staffed and any(waiting.values())))
    # `calls` grows with every recall, so that a screen knows a fresh call when it sees one.
    calls = [
        {"ticket": c.ticket, "window": c.window, "calls": at_work.get(c.ticket, Window()).calls}
        for c in state.calls
        if c.ticket not in missed and not rest
    ]
    return {
        "figures": figures(plan),
        "hall": plan.hall.name,
        "hall_en": plan.hall.name_en,
        "date": say("when.date", month=wall.month, day=wall.day, weekday=say(f"weekday.{wall.weekday()}")),
        "time": f"{wall:%H:%M}",
        "phase": now_is,
        "rest": rest,
        "notice": said("zh"),
        "notice_en": said("en"),
        "alert": no_paper or now_is == "frozen",
        "calls": calls,
        "missed": sorted(
            (t for t, since in missed.items() if state.worked - since < MISSED), key=lambda t: -missed[t]
        ),
        "waiting": [
            {
                "code": code,
                "name": plan.service[code].name,
                "count": count,
                "wait": minutes(told[code]) if code in told and now_is == "open" else "",
            }
            for code, count in waiting.items()
            if code in plan.service
        ],
        "windows": {name: there.ticket for name, there in state.windows.items() if there.clerk},
    }
