"""A simulated day: the real rules, with visitors and clerks made by dice, on a clock of its own.

It sleeps never and reads no clock; the same seed gives the same day.
"""

import heapq
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import partial
from math import log, sqrt
from zoneinfo import ZoneInfo

from controller.hall import calendar
from controller.hall.commands import (
    CallNext,
    Command,
    Complete,
    NoShow,
    Pause,
    Recall,
    Resume,
    SignIn,
    SignOut,
    Start,
    TakeTicket,
    Tick,
)
from controller.hall.decide import decide, refused
from controller.hall.events import Event
from controller.hall.moment import elapsed
from controller.hall.outcome import Refused
from controller.hall.state import State, evolve
from controller.runtime.clock import FakeClock
from controller.settings.schema import Settings

_SPREAD = 0.8  # coefficient of variation of service times (hall.md §6)
_SIGMA = sqrt(log(1 + _SPREAD**2))
Action = Callable[[], Iterator[Event]]


def work(plan: Settings, service: str) -> float:
    """How many windows a service keeps busy, if every window shares itself out evenly."""
    return sum(1 / len(window.services) for window in plan.window.values() if service in window.services)


class Day:
    """One business day of a hall. `load`: visitors' work over what the windows can do; `opens`: windows
    whose clerk comes only then."""

    def __init__(self, plan: Settings, day: date, seed: int, load: float, opens: Mapping[str, time]) -> None:
        self._plan, self._seed, self._dice, self._count = plan, seed, random.Random(seed), 0
        self._heap: list[tuple[datetime, int, Action]] = []
        zone = ZoneInfo(plan.hall.timezone)
        self.sessions = [
            (datetime.combine(day, start, zone), datetime.combine(day, end, zone))
            for start, end in calendar.sessions(plan, day)
        ]
        self._clock, self._state = FakeClock(datetime.combine(day, time(5), zone)), State()
        self._idle: set[str] = set()
        for start, end in self.sessions:
            for name, service in plan.service.items():
                self._visitors(name, start, end, load * work(plan, name) / service.minutes)
        for name in plan.window if self.sessions else ():
            come = datetime.combine(day, opens[name], zone) if name in opens else self.sessions[0][0]
            self._at(come, partial(self._come, name))
            self._at(self.sessions[-1][1] + timedelta(seconds=1), partial(self._free, name))

    def _visitors(self, service: str, start: datetime, end: datetime, rate: float) -> None:
        """Poisson arrivals, `rate` a minute on average: a rush at first, fewer towards the end."""
        minutes, moment = (end - start).total_seconds() / 60, 0.0
        while (moment := moment + self._dice.expovariate(1.7 * rate)) < minutes:
            if self._dice.random() * 1.7 < 1.7 - 1.4 * moment / minutes:
                care = self._dice.random() < 0.1
                self._at(start + timedelta(minutes=moment), partial(self._take, service, care))

    def _at(self, moment: datetime, action: Action) -> None:
        self._count += 1
        heapq.heappush(self._heap, (moment, self._count, action))

    def _in(self, seconds: float, action: Action) -> None:
        self._at(self._clock.now().wall + timedelta(seconds=seconds), action)

    def run(self) -> Iterator[Event]:
        """The day's events, in their order."""
        while self._heap:
            moment, _, action = heapq.heappop(self._heap)
            self._clock.move(max(moment, self._clock.now().wall))
            yield from action()
        self._clock.advance(minutes=1)
        yield from self._ask(Tick(actor="clock"))

    def _ask(self, command: Command) -> list[Event]:
        """What the hall answers; nothing if it refuses."""
        try:
            events = decide(self._plan, self._state, command, self._clock.now())
        except Refused as refusal:
            events = refused(command, refusal, self._clock.now())
        for event in events:
            self._state = evolve(self._state, event)
        return events

    def _of(self, number: str, what: str) -> random.Random:
        """The visitor's own dice: what they bring does not depend on who is called when."""
        return random.Random(f"{self._seed} {number} {what}")

    def _take(self, service: str, care: bool) -> Iterator[Event]:
        yield from self._ask(TakeTicket(service, next(iter(self._plan.kiosk)), care, actor="visitor"))
        for name in sorted(self._idle):  # a lamp tells their clerks
            self._idle.discard(name)
            self._in(self._dice.uniform(2, 8), partial(self._free, name))

    def _come(self, name: str) -> Iterator[Event]:
        yield from self._ask(SignIn(name, self._plan.window[name].clerk, actor=name))
        yield from self._free(name)

    def _free(self, name: str) -> Iterator[Event]:
        """The clerk has nobody: calls the next, or waits for one, or goes home."""
        if self._state.window(name).ticket or not self._state.window(name).clerk:
            return
        events = self._ask(CallNext(name, actor=name))
        yield from events
        if called := self._state.window(name).ticket:
            since = elapsed(self._state.tickets[called].issued, self._clock.now()) or 0.0
            absent = self._of(called, "absent").random() < min(0.3, 0.02 + since / 24_000)
            if absent:
                self._in(self._plan.policy.recall_seconds + 1, partial(self._again, name))
            else:
                self._in(self._dice.uniform(15, 45), partial(self._serve, name))
        elif self._clock.now().wall > self.sessions[-1][1]:
            yield from self._ask(SignOut(name, actor=name))
        else:
            self._idle.add(name)

    def _again(self, name: str) -> Iterator[Event]:
        events = self._ask(Recall(name, actor=name)) or self._ask(NoShow(name, actor=name))
        yield from events
        if self._state.window(name).ticket:
            self._in(self._plan.policy.recall_seconds + 1, partial(self._again, name))
        else:
            yield from self._free(name)

    def _serve(self, name: str) -> Iterator[Event]:
        yield from self._ask(Start(name, actor=name))
        ticket = self._state.tickets[self._state.window(name).ticket]
        mean = 60.0 * self._plan.service[ticket.service].minutes
        seconds = self._of(ticket.number, "serve").lognormvariate(log(mean) - _SIGMA**2 / 2, _SIGMA)
        self._in(seconds, partial(self._done, name))

    def _done(self, name: str) -> Iterator[Event]:
        yield from self._ask(Complete(name, actor=name))
        if self._dice.random() < 0.03:
            minutes = self._dice.randint(3, 10)
            yield from self._ask(Pause(name, "away", minutes, actor=name))
            self._in(60 * minutes, partial(self._back, name))
        else:
            yield from self._free(name)

    def _back(self, name: str) -> Iterator[Event]:
        yield from self._ask(Resume(name, actor=name))
        yield from self._free(name)
