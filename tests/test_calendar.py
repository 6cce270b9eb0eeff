"""The calendar: every day of 2026 as the State Council announced it, and what no table knows."""

import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from conftest import EXAMPLE, MONDAY, Hall
from wait import until

from controller.hall import calendar
from controller.hall.commands import Command, SignIn, SignOut, TakeTicket, Tick
from controller.hall.decide import decide
from controller.hall.outcome import Refused
from controller.hall.state import State, evolve
from controller.runtime.clock import FakeClock
from controller.settings.reader import Mistakes, parse
from controller.settings.schema import Hours, Settings
from display.words.catalogue import when
from drivers.base.load import load

# 国办发明电: the notice for 2026, first and last day of each holiday, and the days worked instead.
HOLIDAYS = (
    ("01-01", "01-03"),
    ("02-15", "02-23"),
    ("04-04", "04-06"),
    ("05-01", "05-05"),
    ("06-19", "06-21"),
    ("09-25", "09-27"),
    ("10-01", "10-07"),
)
WORKED = ("01-04", "02-14", "02-28", "05-09", "09-20", "10-10")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MONDAY.tzinfo)


def hall_with(**tables: str) -> Settings:
    """The example with these lines first in its tables; what they say again is left out below."""
    text = EXAMPLE.read_text()
    for name, lines in tables.items():
        head, old = f"[{name.replace('_', '.')}]\n", text
        for key in re.findall(r"^\w+(?= =)", lines, re.M):
            before, found, table = text.partition(head)
            text = before + found + re.sub(rf"\A((?:[^\[]*\n)??){key} =.*\n", r"\1", table)
        text = text.replace(head, f"{head}{lines}\n") if head in old else f"{text}\n{head}{lines}\n"
    return parse(text.encode(), load)


def test_every_day_of_2026_is_as_announced(plan: Settings) -> None:
    for day in (date(2026, 1, 1) + timedelta(days=number) for number in range(365)):
        label = f"{day:%m-%d}"
        off = any(first <= label <= last for first, last in HOLIDAYS)
        works = label in WORKED or (day.weekday() < 5 and not off)
        hours = ((time(8), time(11, 30)), (time(14, 30), time(17, 30))) if works else ()
        assert calendar.sessions(plan, day) == hours, label


def test_the_make_up_sunday_opens_and_the_holiday_names_the_next_opening(plan: Settings) -> None:
    assert calendar.is_open(plan, at("2026-09-20 08:00"))
    holiday = at("2026-10-01 09:00")
    assert not calendar.is_open(plan, holiday)
    assert when(calendar.next_opening(plan, holiday), holiday) == "10月8日(周四)8:00"
    assert calendar.in_break(plan, at("2026-10-08 11:30"))
    assert calendar.is_open(plan, at("2026-10-08 14:30"))


def test_a_year_without_a_table_is_said_to_be_unknown(plan: Settings) -> None:
    assert calendar.announced(plan, 2026)
    assert not calendar.announced(plan, 2027)
    assert calendar.sessions(plan, date(2027, 1, 1)) == (), "a holiday by statute, whoever announces it"
    assert calendar.sessions(plan, date(2027, 1, 4))


def test_the_halls_own_days_count_before_the_national_ones() -> None:
    plan = hall_with(calendar="closed = [2026-11-23]\nextra = [2026-10-01, 2026-11-28]")
    assert not calendar.sessions(plan, date(2026, 11, 23))
    assert calendar.sessions(plan, date(2026, 10, 1))
    assert calendar.sessions(plan, date(2026, 11, 28)), "a Saturday has the hours of a workday"
    assert not calendar.sessions(hall_with(calendar="closed = [2027-01-04]"), date(2027, 1, 4))


@pytest.mark.parametrize(
    ("time", "soon", "pause", "more", "closes"),
    [
        ("07:29:59", False, False, True, ""),
        ("07:30:00", True, False, True, ""),
        ("07:59:59", True, False, True, ""),
        ("08:00:00", False, False, True, "11:30"),
        ("11:29:59", False, False, True, "11:30"),
        ("11:30:00", False, True, True, ""),
        ("14:29:59", False, True, True, ""),
        ("14:30:00", False, False, True, "17:30"),
        ("17:29:59", False, False, True, "17:30"),
        ("17:30:00", False, False, False, ""),
    ],
)
def test_every_session_begins_and_ends_to_the_second(
    plan: Settings, time: str, soon: bool, pause: bool, more: bool, closes: str
) -> None:
    wall = at(f"2026-11-23 {time}")
    assert calendar.before_opening(plan, wall) is soon
    assert calendar.in_break(plan, wall) is pause
    assert calendar.opens_again(plan, wall) is more
    assert calendar.closing(plan, wall) == (at(f"2026-11-23 {closes}") if closes else None)
    assert calendar.is_open(plan, wall) is bool(closes)


def test_a_hall_without_any_hours_is_closed_on_its_extra_days_too_and_never_opens(plan: Settings) -> None:
    extra = replace(plan.calendar, extra=(date(2026, 11, 23),))
    never = replace(plan, hours=Hours(), calendar=extra)
    assert calendar.sessions(never, date(2026, 11, 23)) == ()
    assert calendar.next_opening(never, MONDAY) == MONDAY + timedelta(days=calendar.LONGEST)


def test_between_the_last_two_of_three_sessions_there_is_a_break_as_well(plan: Settings) -> None:
    three = replace(
        plan, hours=Hours(monday=((time(8), time(9)), (time(10), time(11)), (time(12), time(13))))
    )
    assert [calendar.in_break(three, MONDAY.replace(hour=hour, minute=30)) for hour in (7, 9, 11, 13)] == [
        *(False, True, True, False)
    ]


@pytest.mark.parametrize(
    ("hours", "opens"),
    [
        (((time(11, 30), time(15)),), "14:30"),
        (((time(7), time(8)), (time(15), time(16))), "15:00"),
        (((time(7), time(9)),), "08:00"),
    ],
)
def test_a_service_opens_when_its_hours_and_a_session_meet(plan: Settings, hours: Any, opens: str) -> None:
    assert calendar.next_opening(plan, at("2026-11-23 06:00"), hours) == at(f"2026-11-23 {opens}")


def test_a_quota_is_that_of_the_session_from_its_first_second_on(plan: Settings) -> None:
    service = replace(plan.service["A"], quota=(2, 1))
    limited = replace(plan, service={**plan.service, "A": service})
    moments = ("14:29:59", "14:30:00")
    assert [calendar.quota(limited, "A", at(f"2026-11-23 {moment}")) for moment in moments] == [2, 1]
    assert calendar.quota(limited, "B", MONDAY) > 999, "without one there is no end"


def test_a_hall_elsewhere_keeps_its_week(plan: Settings) -> None:
    assert calendar.sessions(hall_with(calendar="national = false"), date(2026, 10, 1))


def test_a_date_that_is_none_is_named() -> None:
    with pytest.raises(Mistakes) as mistakes:
        hall_with(calendar='closed = ["2026-10-01"]')
    assert [(mistake.key, mistake.code) for mistake in mistakes.value.found] == [("calendar.closed", "type")]


def folded(plan: Settings, clock: FakeClock, *commands: Command) -> State:
    state = State()
    for command in commands:
        for event in decide(plan, state, command, clock.now()):
            state = evolve(state, event)
    return state


def test_no_calendar_locks_out_a_hall_that_works(plan: Settings) -> None:
    clock = FakeClock(at("2026-10-01 09:00"))
    sign_in = SignIn("1", "1001", actor="1001")
    state = folded(plan, clock, sign_in, TakeTicket("A", "hall", actor="buttons"))
    assert state.open
    assert state.by == "1001"
    assert "A001" in state.tickets
    state = folded(plan, clock, sign_in, SignOut("1", actor="1001"), Tick(actor="clock"))
    assert not state.open, "the hall closes when its last clerk leaves"


def test_a_service_with_hours_of_its_own() -> None:
    plan = hall_with(service_B='hours = ["9:00-11:00"]')
    clock = FakeClock(at("2026-11-23 08:00"))
    state = folded(plan, clock, Tick(actor="clock"))
    assert state.shut == ("B",)
    with pytest.raises(Refused) as refused:
        decide(plan, state, TakeTicket("B", "hall", actor="buttons"), clock.now())
    assert refused.value.code == "service_shut"
    assert refused.value.arguments["opening"] == at("2026-11-23 09:00")
    clock.move(at("2026-11-23 11:00"))
    with pytest.raises(Refused) as refused:
        decide(plan, state, TakeTicket("B", "hall", actor="buttons"), clock.now())
    assert refused.value.arguments["opening"] == at("2026-11-24 09:00")
    clock.move(at("2026-11-23 10:00"))
    assert "B001" in folded(plan, clock, TakeTicket("B", "hall", actor="buttons")).tickets


def test_a_day_of_an_unknown_year_is_marked_and_opens(start_hall: Any, clock: FakeClock) -> None:
    clock.move(at("2027-01-04 07:30"))
    hall: Hall = start_hall()
    assert "未公布" in hall.page("/")
    hall.press("unit1", "next")
    until(lambda: hall.state.window("1").clerk)
    clock.move(at("2027-01-04 08:00"))
    until(lambda: hall.state.open)
    assert hall.take() == "A001"


@pytest.mark.parametrize("jumps", [True, False])
def test_only_a_session_that_really_ended_sends_people_home(plan: Settings, jumps: bool) -> None:
    plan, clock = (
        replace(plan, policy=replace(plan.policy, end="unserved")),
        FakeClock(at("2026-11-23 09:00")),
    )
    state = folded(plan, clock, TakeTicket("A", "hall", actor="buttons"))
    if jumps:
        clock.confirm(at("2026-11-23 18:00"), clock.now())
    else:
        clock.move(at("2026-11-23 18:00"))
    for event in decide(plan, state, Tick(actor="clock"), clock.now()):
        state = evolve(state, event)
    assert not state.open
    assert ("A001" in state.tickets) is jumps
