"""Clocks and calendar: what the wall says, and whether to believe it."""

import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from conftest import MONDAY

from controller.hall import calendar
from controller.hall.events import TimeConfirmed
from controller.journal.store import Store
from controller.runtime.clock import FakeClock, SystemClock
from controller.runtime.engine import Engine
from controller.settings.schema import Settings
from controller.simulated.simulation import opening


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MONDAY.tzinfo)


@pytest.mark.parametrize(
    ("moment", "open_", "pause", "next_"),
    [
        ("2026-11-23 07:59:59", False, False, "2026-11-23 08:00"),
        ("2026-11-23 08:00:00", True, False, "2026-11-23 14:30"),
        ("2026-11-23 11:29:59", True, False, "2026-11-23 14:30"),
        ("2026-11-23 11:30:00", False, True, "2026-11-23 14:30"),
        ("2026-11-23 14:30:00", True, False, "2026-11-24 08:00"),
        ("2026-11-27 17:30:00", False, False, "2026-11-30 08:00"),
        ("2026-11-28 10:00:00", False, False, "2026-11-30 08:00"),
    ],
)
def test_sessions_and_the_midday_break(
    plan: Settings, moment: str, open_: bool, pause: bool, next_: str
) -> None:
    assert calendar.is_open(plan, at(moment)) is open_
    assert calendar.in_break(plan, at(moment)) is pause
    assert calendar.next_opening(plan, at(moment)) == at(next_)


def test_the_business_day_rolls_at_four() -> None:
    assert calendar.business_day(at("2026-11-24 03:59")) == "2026-11-23"
    assert calendar.business_day(at("2026-11-24 04:00")) == "2026-11-24"


def test_the_simulated_hall_opens_at_eight_of_the_next_working_day(plan: Settings) -> None:
    assert opening(plan, at("2026-11-23 09:00"), None) == at("2026-11-24 08:00")
    assert opening(plan, at("2026-11-27 23:00"), None) == at("2026-11-30 08:00")
    assert opening(plan, at("2026-11-23 02:00"), None) == at("2026-11-23 08:00")


def test_the_simulated_hall_goes_on_where_its_journal_stopped(plan: Settings) -> None:
    assert opening(plan, at("2026-11-23 09:00"), at("2026-12-01 10:20")) == at("2026-12-01 10:20")
    assert opening(plan, at("2026-11-23 09:00"), at("2026-12-01 12:20")) == at("2026-12-02 08:00")


def test_the_machines_clock_tells_the_halls_time_and_seconds_that_no_wall_turns_back() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = SystemClock("Asia/Shanghai", None).now()
    assert now.wall.utcoffset() == timedelta(hours=8)
    assert round(before, 6) <= now.mono <= round(time.clock_gettime(time.CLOCK_BOOTTIME), 6)


def test_the_system_clock_is_not_believed_before_the_newest_event() -> None:
    real = SystemClock("Asia/Shanghai", None).now()
    tomorrow = replace(real, wall=real.wall + timedelta(days=1))
    doubted = SystemClock("Asia/Shanghai", tomorrow).now()
    assert not doubted.trusted
    assert doubted.boot == real.boot
    assert doubted.mono >= real.mono


def test_a_fake_clock_sped_up_or_set_back_never_turns_back_its_monotonic_time() -> None:
    clock = FakeClock(MONDAY, speed=60)
    first = clock.now()
    clock.move(MONDAY - timedelta(hours=1), 10)
    assert clock.now().mono >= first.mono
    assert clock.now().wall < first.wall
    assert clock.speed == 10


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Pacific/Kiritimati", "America/St_Johns"])
def test_the_system_clock_shows_the_halls_own_hour_whoever_said_the_time(zone: str) -> None:
    real = SystemClock("Asia/Shanghai", None).now()
    doubted = SystemClock("Asia/Shanghai", replace(real, wall=real.wall + timedelta(days=1)))
    doubted.confirm(real.wall.astimezone(ZoneInfo(zone)), real)
    now = doubted.now()
    assert now.trusted
    assert now.wall.utcoffset() == timedelta(hours=8)
    assert now.wall - real.wall == timedelta(seconds=now.mono - real.mono)


@pytest.mark.parametrize("year", [1, 9999])
def test_a_year_that_an_old_journal_took_from_somebody_is_not_believed(
    plan: Settings, tmp_path: Path, year: int
) -> None:
    clock = FakeClock(MONDAY)
    clock.trusted = False
    with closing(Store(tmp_path / "journal.db")) as store:
        said = TimeConfirmed(MONDAY.replace(year=year), at=clock.now(), actor="1001", press="")
        store.append([said])
        Engine(plan, store, clock)
    assert (clock.trusted, clock.now().wall.year) == (False, 2026)
