"""The waiting time of somebody who takes a ticket now: the hall's own rules, rolled out many times. Pure.

It learns from the journal's events alone. Method and fallbacks: domain.md §6.
"""

import random
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from math import exp, log
from statistics import fmean

from controller.hall.events import (
    DayOpened,
    Event,
    Ticket,
    TicketCalled,
    TicketCompleted,
    TicketIssued,
    TicketMissed,
)
from controller.hall.line import line, served_at
from controller.hall.moment import Now
from controller.hall.state import State, evolve, seen_at
from controller.settings.schema import Settings

RUNS, SAMPLES, ENOUGH = 60, 300, 30
SIGMA = 0.7  # of log-normal visits, while there are too few samples
PAUSE = 300.0  # s, of a pause that nobody said the length of
STEP = 0.06  # how fast a band learns from being wrong


@dataclass(frozen=True, slots=True)
class Band:
    """Seconds: eight of ten wait between `low` and `high`, half less than `mid`; after `finish` a
    visitor who comes now is done."""

    low: float
    mid: float
    high: float
    finish: float


class Forecaster:
    """Hears every event in its order. `errors`: by service, for the last tickets, how many seconds the
    middle was wrong, and whether the band held."""

    def __init__(self, plan: Settings, seed: int = 0) -> None:
        self._plan, self._dice, self.state = plan, random.Random(seed), State()
        self.errors: dict[str, deque[tuple[float, bool]]] = defaultdict(lambda: deque(maxlen=SAMPLES))
        self._visits: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=SAMPLES))
        self._alike: dict[tuple[str, int], deque[float]] = defaultdict(lambda: deque(maxlen=SAMPLES))
        self._stretch: dict[str, float] = defaultdict(lambda: 1.0)
        self._told: dict[str, tuple[int, Band]] = {}
        self._called: dict[str, float] = {}  # by ticket, the second

    def hear(self, event: Event) -> None:
        before = seen_at(self.state, event.at)
        self.state = state = evolve(self.state, event)
        match event:
            case DayOpened():
                self._told, self._called = {}, {}
            case TicketIssued(ticket=number, service=service, care=False, test=False):
                if band := self._bands(before, (service,)).get(service):
                    self._told[number] = _ahead(before, service), band
            case TicketCalled(ticket=number):
                self._called[number] = state.seconds
                if number in self._told:
                    self._learn(state.tickets[number], state.seconds, *self._told.pop(number))
            case TicketCompleted(ticket=number) | TicketMissed(ticket=number) if number in self._called:
                service = before.tickets[number].service
                self._visits[service].append(state.seconds - self._called.pop(number))

    def _learn(self, ticket: Ticket, now: float, ahead: int, band: Band) -> None:
        waited, service = now - ticket.place, ticket.service
        holds = band.low <= waited <= band.high
        self._alike[service, ahead].append(waited)
        self.errors[service].append((abs(waited - band.mid), holds))
        # In balance when eight of ten hold.
        self._stretch[service] *= exp(STEP * (-0.2 if holds else 0.8))

    def bands(self, now: Now) -> dict[str, Band]:
        """By service, for somebody who comes at `now`; without those of which nothing can be said."""
        return self._bands(seen_at(self.state, now), tuple(self._plan.service))

    def _bands(self, state: State, services: tuple[str, ...]) -> dict[str, Band]:
        visits = {service: self._samples(service) for service in self._plan.service}
        runs = self._roll_out(state, services, visits)
        found = {}
        for service in services:
            mean, ahead = fmean(visits[service]), _ahead(state, service)
            if waits := sorted(runs[service]):
                low, mid, high = (waits[len(waits) * part // 100] for part in (10, 50, 90))
            else:
                windows = [w for w in self._plan.window if service in served_at(self._plan, state, w)]
                alike = self._alike[service, ahead]
                if not windows:
                    continue
                mid = fmean(alike) if len(alike) >= 5 else (ahead + 1) * mean / len(windows)
                low, high = mid / 2, mid * 2
            stretch = self._stretch[service]
            low, high = max(0.0, mid - stretch * (mid - low)), mid + stretch * max(high - mid, 60.0)
            found[service] = Band(low, mid, high, mid + mean)
        return found

    def _samples(self, service: str) -> list[float]:
        """Seconds from call to end of visits; by the standard minutes until there are enough."""
        if len(self._visits[service]) >= ENOUGH:
            return list(self._visits[service])
        middle = log(60.0 * self._plan.service[service].minutes) - SIGMA**2 / 2
        return [self._dice.lognormvariate(middle, SIGMA) for _ in range(SAMPLES)]

    def _roll_out(
        self, state: State, services: tuple[str, ...], visits: Mapping[str, list[float]]
    ) -> dict[str, list[float]]:
        """By service, how long a visitor of now waits in each of the ways in which the day may go on."""
        plan, waits = self._plan, {service: list[float]() for service in services}
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
                at = (
                    max(window.until - state.worked, 0.0 if window.until else PAUSE) if window.paused else 0.0
                )
                if window.ticket:
                    gone = state.seconds - self._called.get(window.ticket, state.seconds)
                    visit = visits.get(state.tickets[window.ticket].service, other)
                    rest = [seconds - gone for seconds in visit if seconds > gone] or [gone / 2]
                    at = max(at, self._dice.choice(rest))
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
                    heappush(free, (at + self._dice.choice(visits.get(service, other)), name))
        return waits


def _ahead(state: State, service: str) -> int:
    return sum(ticket.service == service for ticket in state.waiting())
