"""Ten thousand schedules of clocks that jump, stop and change their zone: numbers and durations hold."""

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from conftest import EXAMPLE
from daemon import ALWAYS
from judge import Hall, judged

from controller import model as m
from controller import store as room
from controller.clock import Now
from controller.hall import State, evolve, seen_at
from controller.reader import parse
from controller.rules import decide
from controller.settings import Settings
from display import screens
from drivers.base import load

ZONES = [
    "Asia/Shanghai",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Sao_Paulo",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Tehran",
    "Asia/Kathmandu",
    "Asia/Gaza",
    "UTC",
]
FATES = "pass", "pass", "night", "ntp", "lost", "jump", "boot", "fake", "battery", "zone"
JUMPS = 1, 59, 3600, 86_400, 10**7, 10**8  # s
STEPS = 10
TINY = 1e-6  # s
SCHEDULES = 10_000


@cache
def plan(zone: str) -> Settings:
    """The example, open at any hour."""
    text = re.sub(r'\["8:00-11:30", "14:30-17:30"\]', '["0:00-23:59"]', EXAMPLE.read_text())
    text = text.replace("\n# 法定", f"\n{ALWAYS}\n# 法定").replace("\n# 业务", "national = false\n\n# 业务")
    return parse(text.replace('"Asia/Shanghai"', f'"{zone}"').encode(), load)


@cache
def edges(zone: str) -> list[datetime]:
    """The moments from 2020 to 2040 at which days are strange: new year, leap day, a changed offset."""
    tz = ZoneInfo(zone)
    found = [datetime(y, 12, 31, 23, 30, tzinfo=tz) for y in (2026, 2027, 2028, 2031)]
    found += [datetime(2028, 2, 28, 23, 30, tzinfo=tz), datetime(2028, 2, 29, 23, 30, tzinfo=tz)]
    hour = datetime(2020, 1, 1, tzinfo=UTC)
    while hour.year < 2040:
        if hour.astimezone(tz).utcoffset() != (hour + timedelta(days=1)).astimezone(tz).utcoffset():
            found += [hour + timedelta(hours=n) for n in range(0, 24, 3)]
        hour += timedelta(days=1)
    return [moment.astimezone(UTC) for moment in found]


class Clock:
    """The machine's clock; `true` is what time it really is."""

    def __init__(self, zone: str, dice: random.Random) -> None:
        self.zone, self.dice = zone, dice
        self.true = dice.choice(edges(zone)) + timedelta(minutes=dice.randrange(-90, 90))
        self.off, self.mono, self.boots, self.synced = timedelta(), dice.random() * 60, 0, True
        self.floor: datetime | None = None

    def now(self) -> Now:
        wall = (self.true + self.off).astimezone(ZoneInfo(self.zone))
        trusted = self.synced and (self.floor is None or wall >= self.floor)  # as SystemClock
        return Now(wall, round(self.mono, 6), f"boot{self.boots}", trusted)

    def go(self, seconds: float) -> None:
        self.true += timedelta(seconds=seconds)
        self.mono += seconds

    def happen(self) -> None:
        """Something that befalls clocks."""
        dice, last = self.dice, self.now().wall
        match dice.choice(
            ("pass", "pass", "night", "ntp", "lost", "jump", "boot", "fake", "battery", "zone")
        ):
            case "pass":
                self.go(dice.choice((60, 900, 3600, 3 * 3600)))
            case "night":
                self.go(dice.randrange(6, 30) * 3600)
            case "ntp":
                self.off, self.synced, self.floor = timedelta(), True, None
            case "lost":
                self.synced = False
            case "jump":  # somebody sets it, or a bad server does
                self.off += timedelta(
                    seconds=dice.choice((-1, 1)) * dice.choice((1, 59, 3600, 86_400, 10**7, 10**8))
                )
            case kind:  # the mains were cut
                self.go(dice.choice((5, 600, 14 * 3600, 3 * 86_400)))
                self.boots, self.mono, self.floor = self.boots + 1, dice.random() * 60, last
                if kind == "boot":
                    self.off, self.synced = datetime(1970, 1, 1, tzinfo=UTC) - self.true, False
                elif kind == "fake":
                    self.off, self.synced = last.astimezone(UTC) - self.true, False
                else:
                    self.synced = True
                if kind == "zone":  # another hall.toml
                    self.zone = dice.choice(ZONES)


def presses(dice: random.Random) -> Iterator[m.Command]:
    for window in dice.sample("1234", 2):
        yield m.SignIn(window, f"100{window}", actor=window)
    for _ in range(dice.randrange(3)):
        yield m.TakeTicket(dice.choice("ABCD"), "hall", actor="buttons")
    acts = (m.CallNext, m.CallNext, m.Recall, m.Start, m.Complete, m.NoShow, m.Hold, m.Pause)
    for _ in range(3):
        window = dice.choice("1234")
        yield dice.choice(acts)(window, actor=window)
    if dice.random() < 0.1:
        yield dice.choice((m.Freeze("power", actor="t"), m.Unfreeze(actor="t")))


def history(seed: int) -> list[m.Event]:
    """The events of one schedule; whatever a display shows at any moment is looked at on the way."""
    dice = random.Random(seed)
    clock, state, events = Clock(dice.choice(ZONES), dice), State(), list[m.Event]()
    for _ in range(STEPS):
        clock.happen()
        for command in (m.Tick(actor="clock"), *presses(dice)):
            clock.go(dice.random() * 20)
            rules, now = plan(clock.zone), clock.now()
            try:
                found = decide(rules, state, command, now)
            except m.Refused:
                continue
            for event in found:
                state = evolve(state, event)
            events += found
        told = seen_at(state, clock.now())
        assert told.seconds >= state.seconds >= 0
        assert told.lost >= state.lost >= 0
        assert all(
            t.place < told.seconds + TINY and t.since < told.worked + TINY for t in told.tickets.values()
        ), seed
        shown = screens.board(rules, state, clock.now(), {})
        assert shown["missed"] is not None
    return events


def check(events: list[m.Event]) -> None:
    """No number twice on a day, none that goes back while its day goes on, no day that goes back but from
    one that nobody believed."""
    day, sure, numbers = "", False, dict[str, int]()
    for event in events:
        if isinstance(event, m.DayOpened):
            assert event.day > day or not sure, f"{event.day} after {day}"
            numbers = {service: numbers[service] for service in numbers if service in event.issued}
            assert numbers == dict(event.issued), "numbers go on or begin anew"
            day, sure = event.day, event.at.trusted
        sure = sure or event.at.trusted
        if isinstance(event, m.TicketIssued):
            number = int(event.ticket.lstrip("ABCD"))
            assert number == numbers.get(event.service, 0) + 1
            numbers[event.service] = number


@pytest.mark.parametrize("part", range(10))
def test_no_clock_makes_a_number_come_twice_or_a_duration_negative(part: int) -> None:
    count = SCHEDULES // 10
    for seed in range(part * count, (part + 1) * count):
        events = history(seed)
        check(events)
        rows = [(n, room._time(e.at), type(e).__name__, room._body(e)) for n, e in enumerate(events, 1)]
        windows = {name: window.services for name, window in plan("UTC").window.items()}
        judged(rows, Hall(windows))
