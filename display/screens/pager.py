"""What a clerk and the desk read: their window, and where a ticket is. Pure."""

from typing import Any

from controller.hall.events import Ticket
from controller.hall.line import ahead, line
from controller.hall.moment import Now
from controller.hall.state import State, seen_at
from controller.settings.schema import Settings
from display.words.catalogue import say


def window(plan: Settings, state: State, name: str, now: Now) -> dict[str, Any]:
    """A window's page, for JSON. `minutes`: since the visitor came; `over`: longer than the standard;
    `paused`: also while a visitor is there."""
    state = seen_at(state, now)
    there, ticket = state.window(name), state.tickets.get(state.window(name).ticket)
    phase = ticket.state if ticket else "paused" if there.paused else "free" if there.clerk else "shut"
    phase = "frozen" if state.frozen else phase
    service = plan.service.get(ticket.service) if ticket else None
    minutes = int(state.worked - ticket.since) // 60 if ticket else 0
    standard = service.minutes if service else 0
    waiting = line(plan, state, name)
    held = [t.number for t in state.tickets.values() if t.state == "held" and t.window == name]
    return {
        "clerk": there.clerk,
        "phase": phase,
        "paused": bool(there.paused),
        "said": say(f"pager.{'here' if ticket and ticket.here else phase}", calls=there.calls),
        "ticket": ticket.number if ticket else "",
        "service": service.name if service else "",
        "minutes": say("pager.minutes", minutes=minutes, standard=standard) if phase == "serving" else "",
        "over": phase == "serving" and bool(standard) and minutes >= standard,
        "waiting": len(waiting),
        "next": [t.number for t in waiting[:3]],
        "held": held,
        "time": f"{now.wall:%H:%M}",
        "trusted": now.trusted,
    }


def meant(state: State, typed: str) -> Ticket | None:
    """The ticket that somebody means by its number, or by its figures if only one has them."""
    typed = typed.strip().upper()
    if not typed.isdecimal():
        return state.tickets.get(typed)
    found = [t for t in state.tickets.values() if not t.test and t.number[1:].isdecimal()]
    found = [t for t in found if int(t.number[1:]) == int(typed)]
    return found[0] if len(found) == 1 else None


def where(state: State, ticket: Ticket) -> str:
    """Where a ticket is now, in a sentence."""
    calls, code = state.window(ticket.window).calls, "here" if ticket.here else ticket.state
    return say(
        f"where.{code}", ticket=ticket.number, window=ticket.window, calls=calls, ahead=ahead(state, ticket)
    )
