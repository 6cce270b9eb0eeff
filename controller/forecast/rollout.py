"""One way after another in which the day may go on from now, by the hall's own rules. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from heapq import heapify, heappop, heappush
from random import Random

from controller.hall.events import Ticket
from controller.hall.line import line
from controller.hall.state import State
from controller.settings.schema import Settings

RUNS = 60  # ways in which the day may go on
PAUSE = 300.0  # s, of a pause that nobody said the length of


def roll_out(
    plan: Settings,
    state: State,
    services: tuple[str, ...],
    visits: Mapping[str, list[float]],
    called: Mapping[str, float],
    dice: Random,
) -> dict[str, list[float]]:
    """By service, how long a visitor of now waits in each of the ways in which the day may go on.

    `visits`: seconds from call to end, by service; `called`: by ticket, the second of its call.
    """
    waits = {service: list[float]() for service in services}
    if not state.last or state.frozen:
        return waits
    guests = {f"{s}?": Ticket(f"{s}?", s, "", state.last, state.seconds) for s in services}
    joined = replace(state, tickets={**state.tickets, **guests})
    there = {n: w for n, w in state.windows.items() if w.clerk and n in plan.window}
    lines = {n: [(t.number, t.service) for t in line(plan, joined, n)] for n in there}
    other = next(iter(visits.values()))  # of a service that has left the plan
    for _ in range(RUNS):
        free, taken, missing = [], set[str](), set(guests)
        for name, window in there.items():
            at = max(window.until - state.worked, 0.0 if window.until else PAUSE) if window.paused else 0.0
            if window.ticket:
                gone = state.seconds - called.get(window.ticket, state.seconds)
                visit = visits.get(state.tickets[window.ticket].service, other)
                rest = [seconds - gone for seconds in visit if seconds > gone] or [gone / 2]
                at = max(at, dice.choice(rest))
            free.append((at, name))
        heapify(free)
        steps = {name: iter(tickets) for name, tickets in lines.items()}
        while free and missing:
            at, name = heappop(free)
            number, service = next((step for step in steps[name] if step[0] not in taken), ("", ""))
            taken.add(number)
            if number in guests:
                waits[service].append(at)
                missing.discard(number)
                heappush(free, (at, name))
            elif number:
                heappush(free, (at + dice.choice(visits.get(service, other)), name))
    return waits
