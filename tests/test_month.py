"""Whole days with people, real drivers and devices that break at random; every evening the mains are cut."""

import gc
import os
import random
import re
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import EXAMPLE, MONDAY, Hall
from judge import judge
from ordeal import AGAIN, NUMBER
from wait import until

from controller.hall import calendar
from controller.hall.state import account
from controller.journal.verify import verify
from controller.runtime.clock import FakeClock
from controller.settings.schema import Settings

pytestmark = pytest.mark.slow

TEXT = EXAMPLE.read_text().replace("width = 576", 'mode = "text"')  # so that papers can be read here
SPEED = 300.0  # of the hall's clock; devices and fingers are as quick as ever
SHORT = TEXT.replace('"8:00-11:30", "14:30-17:30"', '"8:00-8:20"')  # a day for `make test`


@pytest.fixture
def days(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--days"))


def knobs(hall: Hall) -> list[tuple[str, str]]:
    """Everything that can be broken; no noise where frames have no checksum."""
    found = [(name, "noise") for name in hall.twin.wires if name != "printer"]
    found += [(name, "unplugged") for name in hall.twin.wires]
    return found + [(name, knob) for name, machine in hall.twin.machines.items() for knob in machine.knobs]


def lived(hall: Hall, clock: FakeClock, dice: random.Random, closing_time: datetime) -> int:
    """A day from before the opening until the hall says that it is done; how many faults there were."""
    broken: tuple[str, str] | None = None
    faults, tick = 0, threading.Event()
    clock.move(clock.now().wall, SPEED)
    hall.twin.play(True)
    while not (hall.state.done and clock.now().wall > closing_time):
        assert clock.now().wall < closing_time + timedelta(hours=10), f"the day does not end: {hall.state}"
        tick.wait(dice.uniform(0.3, 2.0))
        if broken:
            hall.turn(*broken, 0)
            broken = None
        elif clock.now().wall < closing_time:
            broken = dice.choice(knobs(hall))
            hall.turn(*broken, 97 if broken[1] == "noise" else 1)
            faults += 1
    hall.twin.play(False)
    clock.move(clock.now().wall, 0.0)
    return faults


def printed(hall: Hall) -> None:
    """Every number of the day is on paper, once, or somebody is told that it may not be."""
    until(lambda: not {"printing", "pending"} & {t.paper for t in hall.state.tickets.values()})
    text = "".join(hall.machine("printer").texts)
    found = [number for page in re.split(r"(?=泷水塘)", text) for number in NUMBER.findall(page)[:1]]
    assert AGAIN not in text
    assert len(found) == len(set(found)), "a number came twice, unmarked"
    with closing(sqlite3.connect(hall.folder / "journal.db")) as db:
        since = "seq > (SELECT max(seq) FROM journal WHERE kind = 'DayOpened')"
        sql = f"SELECT body->>'ticket', body->>'answer' FROM journal WHERE kind = ? AND {since} ORDER BY seq"
        issued = {number for number, _ in db.execute(sql, ("TicketIssued",))}
        told = dict(db.execute(sql, ("TicketPrinted",)))
    assert set(found) <= issued
    assert {number for number in issued - set(found) if told[number] == "confirmed"} == set()


def held(before: set[threading.Thread]) -> tuple[int, int, float]:
    """Descriptors of this process, its threads that were not there before this test, and its MB."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    rss = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]
    return len(os.listdir("/proc/self/fd")), len({*threading.enumerate()} - before), rss


def test_days_of_faults_leave_a_hall_as_it_was(
    start_hall: Callable[..., Hall],
    plan: Settings,
    days: int,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    counted: Callable[[str], None],
) -> None:
    before = {*threading.enumerate()}  # a test before this one may still be ending
    after = int(request.config.getoption("--after"))
    dice, faults, tickets = random.Random(days + 1000 * after), 0, 0
    first: tuple[int, int, float] | None = None
    clock, windows = FakeClock(MONDAY), {name: window.services for name, window in plan.window.items()}
    for _ in range(after):
        opening = calendar.next_opening(plan, clock.now().wall - timedelta(minutes=1))
        clock.move(opening.replace(hour=23))
    for count in range(days):
        opening = calendar.next_opening(plan, clock.now().wall - timedelta(minutes=1))
        clock.move(opening - timedelta(minutes=20))
        hall = start_hall(TEXT if days > 2 else SHORT, at=clock)
        last = max(end for _, end in calendar.sessions(hall.house.engine.plan, opening.date()))
        faults += lived(hall, clock, dice, datetime.combine(opening.date(), last, opening.tzinfo))
        printed(hall)
        tickets += (figures := account(hall.state))["issued"]
        assert figures["issued"] == sum(figures.values()) - figures["issued"], "the day's account adds up"
        hall.stop()
        del hall
        clock.move(clock.now().wall + timedelta(hours=9))
        now = held(before)
        first = first or (now if days == 2 or count else None)  # of a month the second day is the measure
        print(f"{opening:%Y-%m-%d}: {figures}, {faults} faults; descriptors, threads, MB: {now}", flush=True)
    assert first
    assert now[:2] == first[:2], "descriptors and threads"
    assert now[2] < 1.25 * first[2], "memory"
    journal = tmp_path / "data" / "journal.db"
    assert verify(journal)[1] == 0
    assert judge(journal, windows) == tickets > 0
    counted(
        f"{days} working days, {tickets:,} tickets, {faults:,} faults, no violation; "
        f"memory of the whole test {first[2]:.0f} MB, at the end {now[2]:.0f} MB"
    )
