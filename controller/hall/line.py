"""The people waiting: who may be called at which window, and who comes before whom. Pure."""

from collections.abc import Iterable

from controller.hall.events import Ticket
from controller.hall.state import State
from controller.settings.schema import Settings


def served_at(plan: Settings, state: State, window: str) -> tuple[str, ...]:
    """What `window` serves today."""
    return state.window(window).services or plan.window[window].services


def waits_for(plan: Settings, state: State, ticket: Ticket, window: str) -> bool:
    """May `window` call `ticket`? One that was sent to a window waits for it while somebody is there;
    one whose service is no longer in the plan may be called by every window."""
    if ticket.window in plan.window and state.window(ticket.window).clerk:
        return ticket.window == window
    return ticket.service in served_at(plan, state, window) or ticket.service not in plan.service


def key(plan: Settings, ticket: Ticket, window: str) -> float:
    """The order key at `window`: the place in line, less the largest credit. Credits never add."""
    prefers = ticket.service in plan.window[window].prefers
    return ticket.place - max(ticket.credit, 60.0 * plan.policy.prefer_minutes * prefers)


def line(plan: Settings, state: State, window: str) -> list[Ticket]:
    """The tickets that `window` may call, in the order in which it calls them."""
    fitting = [ticket for ticket in state.waiting() if waits_for(plan, state, ticket, window)]
    return sorted(fitting, key=lambda ticket: key(plan, ticket, window))


def in_line(tickets: Iterable[Ticket]) -> list[Ticket]:
    """By the order key, preferences of windows apart."""
    return sorted(tickets, key=lambda ticket: ticket.place - ticket.credit)


def ahead(state: State, ticket: Ticket) -> int:
    """How many of the same service come before `ticket`."""
    mine = in_line(t for t in state.waiting() if t.service == ticket.service)
    return mine.index(ticket) if ticket in mine else 0
