"""The waiting time of somebody who takes a ticket now: the hall's own rules, rolled out many times. Pure.

It learns from the journal's events alone. Method and fallbacks: hall.md §6.
"""

import random
from collections import defaultdict, deque
from dataclasses import dataclass
from math import exp, log
from statistics import fmean

from controller.forecast.rollout import roll_out
from controller.hall.events import (
    DayOpened,
    Event,
    Ticket,
    TicketCalled,
    TicketCompleted,
    TicketIssued,
    TicketMissed,
)
from controller.hall.line import served_at
from controller.hall.moment import Now
from controller.hall.state import State, evolve, seen_at
from controller.settings.schema import Settings

SAMPLES = 300  # visits of a service that are remembered
ENOUGH = 30  # of them, from which their own times count
SIGMA = 0.7  # of log-normal visits, while there are too few samples
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
        runs = roll_out(self._plan, state, services, visits, self._called, self._dice)
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


def _ahead(state: State, service: str) -> int:
    return sum(ticket.service == service for ticket in state.waiting())
