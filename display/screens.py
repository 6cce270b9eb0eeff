"""What window signs, lamps, boards and the voice show and say, from what is true. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil, floor, hypot
from typing import Any

from controller.hall import calendar
from controller.hall.events import Roll, Window
from controller.hall.line import line
from controller.hall.moment import Now, elapsed
from controller.hall.state import State, seen_at
from controller.settings.schema import Settings
from display.words import fit, say, when

CROWD = 5  # people in a window's line at which its lamp pulses fast
MISSED = 600.0  # s that a missed number stands on the board


def sign(plan: Settings, state: State, window: str, wall: datetime, room: int) -> tuple[str, ...]:
    """The text on a window's sign of `room` columns, or the texts that stand there in turn (domain.md
    §4.4)."""
    there = state.window(window)
    if state.frozen:
        return (fit("sign.frozen", room),)
    if state.done:
        return ("",)
    if there.ticket:
        code = "sign.serving" if state.tickets[there.ticket].state == "serving" else "sign.call"
        return (fit(code, room, ticket=there.ticket, window=window),)
    if there.paused and there.until > state.worked:
        back = wall + timedelta(seconds=there.until - state.worked)
        return fit("sign.paused", room), fit("sign.back", room, time=f"{back.hour}:{back.minute:02}")
    if there.paused:
        return (fit("sign.paused", room),)
    if there.clerk or state.open:
        return (fit("sign.free" if there.clerk else "sign.not_open", room, window=window),)
    opening = calendar.next_opening(plan, wall)
    code = "sign.break" if calendar.in_break(plan, wall) else "sign.closed"
    return (fit(code, room, time=f"{opening.hour}:{opening.minute:02}"),)


def lamp(plan: Settings, state: State, window: str) -> str:
    """The lamp of a call unit: off, free, waiting, crowded, serving, over, paused or fault (domain.md
    §4.5)."""
    there, ticket = state.window(window), state.tickets.get(state.window(window).ticket)
    if state.frozen:
        return "fault"
    if not there.clerk:
        return "off"
    if there.paused:
        return "paused"
    if ticket:
        standard = plan.service[ticket.service].minutes if ticket.service in plan.service else 0
        long = ticket.state == "serving" and state.worked - ticket.since >= 60 * standard > 0
        return "over" if long else "serving"
    waiting = len(line(plan, state, window))
    return "crowded" if waiting > CROWD else "waiting" if waiting else "free"


def lit(plan: Settings, state: State, kiosk: str) -> frozenset[str]:
    """The ticket buttons of a kiosk that give a ticket now."""
    usable = state.open and not (state.frozen or state.stopped or kiosk in state.kiosks)
    return frozenset(plan.service.keys() - {*state.shut, *state.cut}) if usable else frozenset()


def lights_on(plan: Settings, state: State, wall: datetime) -> bool:
    """Do TVs and signs need power: somebody is served or may come, also in the midday break and soon
    before the opening."""
    staffed = any(window.clerk for window in state.windows.values())
    soon = calendar.in_break(plan, wall) or calendar.before_opening(plan, wall)
    return state.open or staffed or soon


def roll(plan: Settings, state: State, printer: str, now: Now, lang: str) -> str:
    """The metres of paper left in a kiosk's printer, and when they end if today goes on like this;
    empty for other devices, and until there is paper again."""
    kiosks = {name: kiosk for name, kiosk in plan.kiosk.items() if kiosk.printer == printer}
    if not kiosks or "paper_out" in map(state.kiosks.get, kiosks):
        return ""
    rolls = [state.rolls.get(name, Roll()) for name in kiosks]
    left = max(0.0, max(kiosk.roll for kiosk in kiosks.values()) - sum(r.used for r in rolls) / 1000)
    today = sum(r.today for r in rolls) / 1000
    seconds = max((elapsed(r.first, now) or 0.0 for r in rolls if r.first), default=0.0)
    # Before a quarter of an hour has shown a pace, nobody can tell.
    if today and seconds > 900:
        end = now.wall + timedelta(seconds=min(86400.0, left / today * seconds))
        if end.date() == now.wall.date():
            return say("status.roll_until", lang, metres=round(left), time=f"{end:%H:%M}")
    return say("status.roll", lang, metres=round(left))


def spell(number: str, lang: str = "zh") -> str:
    """A ticket number as it is spoken, figure by figure: A零零一 (零, never 〇)."""
    figures = dict(zip("0123456789", say("voice.letters", lang).split(","), strict=False))
    return "".join(figures.get(c, c) for c in number)


def call(ticket: str, window: str, lang: str = "zh", form: str = "call") -> str:
    """What calls a ticket to a window; `form` is "short" where others wait to be called."""
    return say(f"voice.{form}", lang, spelled=spell(ticket, lang), window=window)


def is_called(number: str, window: str, state: State) -> bool:
    """Does the visitor still have to be told?"""
    ticket = state.tickets.get(number)
    facts = ticket and (ticket.state, ticket.window, ticket.here, state.frozen)
    return facts == ("called", window, False, "")


def volume(table: Mapping[str, int], hour: str) -> int:
    """The percent at `hour` (08:00); before the day's first moment, that of yesterday's last."""
    last = max(table, key=lambda moment: (moment.zfill(5) <= hour, moment.zfill(5)), default="")
    return table.get(last, 100)


def minutes(told: Mapping[str, float], lang: str = "zh") -> str:
    """The range of a forecast, rounded outward to five minutes."""
    low, high = (5 * floor(told["low"] / 300), 5 * ceil(told["high"] / 300))
    code = "soon" if told["high"] < 300 else "long" if high > 90 else "range" if low else "within"
    return say(f"wait.{code}", lang, low=low, high=high)


def emergency(reason: str, lang: str = "zh") -> str:
    """What is said when the hall freezes."""
    return say("voice.frozen", lang, reason=say(f"freeze.{reason}", lang))


def figures(plan: Settings) -> float:
    """How high the figures of the newest call are, in hundredths of the TV's height: a hundredth of the
    way to the farthest seat (domain.md §4.3), within what a board can show."""
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
