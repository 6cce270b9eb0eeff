"""What stands on signs and lamps as long as nothing changes, from what is true. Pure."""

from datetime import datetime, timedelta

from controller.hall import calendar
from controller.hall.line import line
from controller.hall.state import State
from controller.settings.schema import Settings
from display.words.catalogue import fit

CROWD = 5  # people in a window's line at which its lamp pulses fast


def sign(plan: Settings, state: State, window: str, wall: datetime, room: int) -> tuple[str, ...]:
    """The text on a window's sign of `room` columns, or the texts that stand there in turn
    (hall.md §4.4)."""
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
    """The lamp of a call unit: off, free, waiting, crowded, serving, over, paused or fault
    (hall.md §4.5)."""
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
