"""Schedules of clocks that jump, stop and change their zone: numbers and durations hold.

`make torture-samples` lives ten thousand of them.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from conftest import EXAMPLE
from daemon import ALWAYS
from judge import Hall, judge, judged

from controller.figures.proof import lasted
from controller.hall.commands import (
    CallNext,
    Command,
    Complete,
    Freeze,
    Hold,
    NoShow,
    Pause,
    Recall,
    SignIn,
    Start,
    TakeTicket,
    Tick,
    Unfreeze,
)
from controller.hall.decide import decide
from controller.hall.events import ClerkSignedIn, ClerkSignedOut, DayClosed, DayOpened, Event, TicketIssued
from controller.hall.moment import Now
from controller.hall.outcome import Refused
from controller.hall.state import State, evolve, seen_at
from controller.journal.rows import decode, encode, plain
from controller.journal.store import Store, read
from controller.journal.verify import verify
from controller.runtime.engine import Engine
from controller.settings.reader import parse
from controller.settings.schema import Settings
from display.screens.board import board
from drivers.base.load import load

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
FATES = "pass", "pass", "night", "ntp", "lost", "jump", "boot", "fake", "battery", "zone", "word"
JUMPS = 1, 59, 3600, 86_400, 10**7, 10**8  # s
STEPS = 6
TINY = 1e-6  # s
PARTS = 10
SCHEDULES, LIVED = 40, 1  # of each part, times --times
Row = tuple[int, str, str, str]


@cache
def plan(zone: str, always: bool) -> Settings:
    """The example in another zone, with its own hours or open `always`."""
    text = EXAMPLE.read_text().replace('"Asia/Shanghai"', f'"{zone}"')
    if always:
        text = re.sub(r'\["8:00-11:30", "14:30-17:30"\]', '["0:00-23:59"]', text)
        text = text.replace("\n# 法定", f"\n{ALWAYS}\n# 法定")
        text = text.replace("\n# 业务", "national = false\n\n# 业务")
    return parse(text.encode(), load)


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

    source = "simulated"

    def __init__(self, zone: str, dice: random.Random) -> None:
        self.zone, self.dice = zone, dice
        self.true = dice.choice(edges(zone)) + timedelta(
            minutes=dice.choice((0, 600)) + dice.randrange(-90, 90)
        )
        self.off, self.mono, self.boots, self.synced = timedelta(), dice.random() * 60, 0, True
        self.floor: datetime | None = None
        self.believed: datetime | None = None  # the newest trusted time that is in the journal

    def now(self) -> Now:
        wall = (self.true + self.off).astimezone(ZoneInfo(self.zone))
        trusted = self.synced and (self.floor is None or wall >= self.floor)  # as SystemClock
        return Now(wall, round(self.mono, 6), f"boot{self.boots}", trusted)

    def confirm(self, wall: datetime, at: Now) -> None:
        """Nobody says what time it is."""

    def go(self, seconds: float) -> None:
        self.true += timedelta(seconds=seconds)
        self.mono += seconds

    def happen(self) -> None:
        """Something that befalls clocks."""
        dice, last = self.dice, self.now().wall
        match dice.choice(FATES):
            case "pass":
                self.go(dice.choice((60, 900, 3600, 3 * 3600, 8 * 3600)))
            case "night":
                self.go(dice.randrange(6, 30) * 3600)
            case "ntp":
                self.off, self.synced, self.floor = timedelta(), True, None
            case "lost":
                self.synced = False
            case "jump":  # somebody sets it, or a bad server does
                self.off += timedelta(seconds=dice.choice((-1, 1)) * dice.choice(JUMPS))
            case "word":  # the mains were cut for a moment, and somebody says a wrong date
                self.go(600)
                self.boots, self.mono, self.floor = self.boots + 1, dice.random() * 60, None
                self.off, self.synced = timedelta(days=dice.choice((1, 7, 30))), True
            case kind:  # the mains were cut
                self.go(dice.choice((5, 600, 14 * 3600, 3 * 86_400)))
                self.boots, self.mono, self.floor = self.boots + 1, dice.random() * 60, self.believed
                if kind == "boot":
                    self.off, self.synced = datetime(1970, 1, 1, tzinfo=UTC) - self.true, False
                elif kind == "fake":
                    self.off, self.synced = last.astimezone(UTC) - self.true, False
                else:
                    self.synced = True
                if kind == "zone":  # another hall.toml
                    self.zone = dice.choice(ZONES)


def presses(dice: random.Random) -> Iterator[Command]:
    for window in dice.sample("1234", 2):
        yield SignIn(window, f"100{window}", actor=window)
    for _ in range(dice.randrange(3)):
        yield TakeTicket(dice.choice("ABCD"), "hall", actor="buttons")
    acts = (CallNext, CallNext, Recall, Start, Complete, NoShow, Hold, Pause)
    for _ in range(3):
        window = dice.choice("1234")
        yield dice.choice(acts)(window, actor=window)
    if dice.random() < 0.1:
        yield dice.choice((Freeze("power", actor="t"), Unfreeze(actor="t")))


def again(rows: list[Row]) -> State:
    """What a restart makes of the journal."""
    state, start = State(), max((n for n, row in enumerate(rows) if row[2] == "DayOpened"), default=0)
    for _, time, kind, body in rows[start:]:
        state = evolve(state, decode(time, kind, json.loads(body)))
    return state


def turns(state: State, events: list[Event]) -> Iterator[int]:
    """Where a new year begins: what comes before it is written by itself."""
    for n, event in enumerate(events):
        if isinstance(event, DayOpened) and event.day[:4] > state.day[:4] > "":
            yield n


def told(state: State) -> str:
    return json.dumps(state, default=plain)


def history(seed: int) -> tuple[list[Event], list[Row]]:
    """The events of one schedule, and their rows in the journal; whatever a display shows at any moment
    is looked at on the way."""
    dice, events, rows = random.Random(seed), list[Event](), list[Row]()
    clock, state = Clock(dice.choice(ZONES), dice), State()
    always = dice.random() < 0.5
    for _ in range(STEPS):
        boots = clock.boots
        clock.happen()
        if clock.boots > boots:
            before, state = state, again(rows)
            assert told(state) == told(before), "a restart changes nothing"
        rules = plan(clock.zone, always)
        people = presses(dice) if dice.random() < 0.7 else ()
        for command in (Tick(actor="clock"), *people):
            clock.go(dice.random() * 20)
            try:
                found = decide(rules, state, command, clock.now())
            except Refused:
                continue
            if dice.random() < 0.3:  # the mains are cut while the old year is put away
                found = found[: next(turns(state, found), None)]
            for event in found:
                state = evolve(state, event)
                rows.append(encode(len(rows) + 1, event))
                clock.believed = event.at.wall if event.at.trusted else clock.believed
            events += found
        seen = seen_at(state, clock.now())
        assert seen.seconds >= state.seconds >= 0
        assert seen.lost >= state.lost >= 0
        for ticket in seen.tickets.values():
            assert ticket.place < seen.seconds + TINY, f"{ticket.number} waits for less than no time"
            assert ticket.since < seen.worked + TINY
        assert board(rules, state, clock.now(), {})["time"] == f"{clock.now().wall:%H:%M}"
    return events, rows


def jumped(newest: Now | None, now: Now, day: str) -> bool:
    """Would it still be `day` by the seconds that passed?"""
    if not newest or not newest.trusted or newest.boot != now.boot:
        return False
    ahead = now.wall.timestamp() - newest.wall.timestamp() - (now.mono - newest.mono)
    true = now.wall - timedelta(seconds=ahead, hours=4)
    return ahead > 3600 and true.date().isoformat() <= day


def check(events: list[Event]) -> None:
    """No number twice on a day, none that goes back while its day goes on. Only a clock that is believed
    begins another day: a later one, with the people of a day that was not or from which it jumped; or an
    earlier one with all who are there, but none behind the day before."""
    numbers, first = dict[str, int](), dict[str, Event]()
    day, doubted, stayed = "", False, False
    before, their, theirs = "", dict[str, int](), dict[str, Event]()  # the day before, and what was its
    sent: tuple[str, ...] = ()
    clerks = set[str]()
    closed: Now | None = None
    newest: Now | None = None  # before the command of now
    now: Now | None = None
    for event in events:
        newest, now = (now if event.at != now else newest), event.at
        trusted, today = event.at.trusted, (event.at.wall - timedelta(hours=4)).date().isoformat()
        if isinstance(event, DayOpened):
            assert event.day == (today if trusted or not day else day)
            stayed = stayed or event.day < day or jumped(newest, now, day)
            assert stayed or not event.tickets, "who has gone home is still in line"
            assert not (event.at == closed and stayed and sent), "who is still in the hall is sent home"
            if event.day > day:
                before, their, theirs = day, dict(numbers), first
                numbers = {s: numbers[s] for s in numbers if s in event.issued}
            elif event.day < day:
                assert event.day >= before, f"{event.day} is behind {before}"
                if event.day == before:
                    numbers = {s: max(numbers.get(s, 0), their.get(s, 0)) for s in {*numbers, *their}}
                    first = {**theirs, **first}
            assert numbers == dict(event.issued), "numbers go on or begin anew"
            day, first = event.day, {ticket.number: first[ticket.number] for ticket in event.tickets}
        if isinstance(event, DayClosed):
            sent, stayed, closed = event.unserved, doubted, event.at
            doubted = doubted and bool(event.figures["open"] or clerks)  # cut before the next, it goes on
        if isinstance(event, ClerkSignedIn):
            clerks.add(event.window)
        if isinstance(event, ClerkSignedOut):
            clerks.discard(event.window)
        if isinstance(event, TicketIssued | ClerkSignedIn):
            doubted = doubted or not trusted
        doubted = doubted and not (trusted and today == day)
        if isinstance(event, TicketIssued):
            number = int(event.ticket.lstrip("ABCD"))
            assert number == numbers.get(event.service, 0) + 1
            numbers[event.service], first[event.ticket] = number, event
        elif start := first.get(getattr(event, "ticket", "")):
            seconds, guess = lasted(start.at, event.at)
            assert seconds >= 0
            assert guess or seconds == event.at.mono - start.at.mono


@pytest.mark.parametrize("part", range(PARTS))
def test_no_clock_makes_a_number_come_twice_or_a_duration_negative(
    part: int, times: int, counted: Callable[[str], None]
) -> None:
    windows = {name: window.services for name, window in plan("UTC", True).window.items()}
    count = SCHEDULES * times
    for seed in range(part * count, (part + 1) * count):
        events, rows = history(seed)
        check(events)
        judged(rows, Hall(windows))
    counted(f"{count:,} schedules of clocks, no number twice, no negative duration")


@pytest.mark.parametrize("part", range(PARTS))
def test_the_engine_and_its_journal_outlive_such_clocks(
    part: int, times: int, tmp_path: Path, counted: Callable[[str], None]
) -> None:
    """Also when the journal's years are put away, and many at once have passed."""
    for seed in range(part * LIVED * times, (part + 1) * LIVED * times):
        (folder := tmp_path / f"{seed}").mkdir()
        outlives(10_000 + seed, folder / "journal.db")
    counted(f"{LIVED * times:,} schedules of clocks lived through by engine and journal")


def outlives(seed: int, path: Path) -> None:
    dice = random.Random(seed)
    clock, always, before = Clock(dice.choice(ZONES), dice), dice.random() < 0.5, ""
    for _ in range(2 * STEPS):
        with closing(Store(path)) as store:
            clock.believed = (last := store.believed()) and last.wall
            clock.happen()
            engine = Engine(plan(clock.zone, always), store, clock)
            assert told(engine.state) == before or not before, "a restart changes nothing"
            engine.start()
            for command in (Tick(actor="clock"), *presses(dice)):
                clock.go(dice.random() * 20)
                outcome = engine.submit(command).result()
                assert not isinstance(outcome, Refused) or outcome.code not in ("bug", "journal")
            engine.stop()
            before = told(engine.state)
    windows = {name: window.services for name, window in plan("UTC", True).window.items()}
    events = [event for _, event in read(path)]
    issued = [event for event in events if isinstance(event, TicketIssued) and not event.test]
    assert judge(path, Hall(windows)) == len(issued)
    assert verify(path)[1] == 0
    check(events)
