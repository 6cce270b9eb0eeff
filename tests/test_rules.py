"""What a hall may set, and what follows: limits, ends of sessions and days, slips, changed plans."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import time, timedelta

import pytest
from conftest import EXAMPLE, MONDAY, Hall
from test_calendar import at
from test_histories import Life
from wait import until

from controller.hall.commands import (
    Answer,
    CallHeld,
    CallNext,
    Cancel,
    ChangeServices,
    CloseWindow,
    Command,
    Complete,
    CutOff,
    Freeze,
    Hold,
    LiftCutOff,
    LoadPlan,
    NoShow,
    OpenWindow,
    Park,
    Pause,
    Recall,
    RecordSlips,
    Reinstate,
    ReportPaper,
    Resume,
    SignIn,
    SignOut,
    Start,
    TakeTicket,
    Tick,
    Unfreeze,
)
from controller.hall.decide import decide
from controller.hall.events import (
    DayClosed,
    Event,
    Roll,
    TicketCalled,
    TicketIssued,
    TicketMissed,
    TicketRefused,
    Window,
)
from controller.hall.line import served_at
from controller.hall.outcome import Refused
from controller.hall.state import BOARD_CALLS, account, evolve
from controller.journal.store import read
from controller.settings.schema import Policy, Settings
from display.screens.levels import lights_on
from display.words.catalogue import refusal as sentence


def life_with(plan: Settings, **policy: object) -> Life:
    life = Life(replace(plan, policy=replace(plan.policy, **policy)))  # type: ignore[arg-type]
    for name in "12":
        life.ask(SignIn(name, f"100{name}", actor=name))
    return life


def take(life: Life, service: str = "A", **more: object) -> str:
    """The number that was issued, or what the visitor was told."""
    try:
        command = TakeTicket(service, "hall", actor="buttons", **more)  # type: ignore[arg-type]
        events = done(life, command)
    except Refused as refused:
        return sentence(refused)
    return next(event.ticket for event in events if isinstance(event, TicketIssued))


def done(life: Life, command: Command) -> list[Event]:
    life.clock.advance(seconds=2)
    events = decide(life.plan, life.state, command, life.clock.now())
    for event in events:
        life.state = evolve(life.state, event)
    life.events += events
    return events


def calls(life: Life, window: str) -> str:
    events = done(life, CallNext(window, actor=window))
    return events[-1].ticket if isinstance(events[-1], TicketCalled) else ""


def test_a_quota_is_of_each_session_and_the_desk_may_give_more(plan: Settings) -> None:
    service = replace(plan.service["A"], quota=(2, 1))
    life = life_with(replace(plan, service={**plan.service, "A": service}))
    assert [take(life), take(life)] == ["A001", "A002"]
    assert take(life) == "社保本场号已发完，14:30再取，或到咨询台"
    assert take(life, reason="远道而来") == "A003"
    life.clock.move(at("2026-11-23 14:30"))
    assert take(life) == "A004"
    assert "11月24日(周二)8:00再取" in take(life)


def test_the_last_ticket_at_a_fixed_time(plan: Settings) -> None:
    life = life_with(plan, cut_off="fixed", last_ticket_minutes=20)
    life.clock.move(at("2026-11-23 11:09:50"))
    assert take(life) == "A001"
    life.clock.move(at("2026-11-23 11:10"))
    assert "本场已停止取号，14:30再取" in take(life)
    done(life, LiftCutOff("A", "加开窗口", actor="desk"))
    assert take(life) == "A002"
    assert "已停止取号" in take(life, "B")
    life.clock.move(at("2026-11-23 14:30"))
    assert take(life, "B") == "B001"


def test_who_was_sent_away_is_in_the_journal(hall: Hall) -> None:
    hall.house.engine.submit(CutOff("A", MONDAY, actor="forecast")).result()
    heard: list[object] = []
    hall.house.engine.listeners.append(lambda command, outcome, state: heard.append(outcome))
    hall.press("buttons", "A")
    until(lambda: any(isinstance(outcome, Refused) for outcome in heard))
    hall.stop()
    last = [event for _, event in read(hall.folder / "journal.db") if isinstance(event, TicketRefused)]
    assert [(event.service, event.code) for event in last] == [("A", "cut_off")]


def test_who_is_not_served_at_noon_is_called_first_in_the_afternoon(plan: Settings) -> None:
    life = life_with(plan, end="carry")
    take(life)
    life.clock.move(at("2026-11-23 11:30"))
    with pytest.raises(Refused) as refused:
        done(life, CallNext("1", actor="1"))
    assert sentence(refused.value) == "午休，14:30按原来的顺序接着叫号"
    life.clock.move(at("2026-11-23 14:30"))
    take(life)
    assert calls(life, "1") == "A001"


def test_who_is_not_called_when_the_session_ends_is_unserved_if_the_policy_says_so(plan: Settings) -> None:
    life = life_with(plan, end="unserved")
    take(life)
    take(life)
    assert calls(life, "1") == "A001"
    life.clock.move(at("2026-11-23 11:30"))
    done(life, Tick(actor="clock"))
    assert account(life.state) == {
        **{"issued": 2, "served": 0, "missed": 0, "cancelled": 0},
        **{"unserved": 1, "open": 1},
    }


def test_the_day_ends_when_nobody_is_left_or_has_touched_anything_for_the_grace(plan: Settings) -> None:
    life = life_with(plan)
    take(life)
    take(life)
    assert calls(life, "1") == "A001"
    life.clock.move(at("2026-11-23 17:59"))
    done(life, Tick(actor="clock"))
    assert not life.state.done, "somebody is still being served"
    life.clock.move(at("2026-11-23 18:30"))
    closed = done(life, Tick(actor="clock"))[-1]
    assert isinstance(closed, DayClosed)
    assert closed.unserved == ("A002",)
    assert closed.figures == {"issued": 2, "served": 1, "missed": 0, "cancelled": 0, "unserved": 1, "open": 0}
    assert not life.state.staffed


def test_nobody_comes_and_nobody_presses_anything(plan: Settings) -> None:
    life = life_with(plan)
    take(life)
    calls(life, "1")
    for _ in range(2):
        life.clock.advance(seconds=15)
        done(life, Recall("1", actor="1"))
    life.clock.advance(seconds=116)
    assert not done(life, Tick(actor="clock"))
    life.clock.advance(seconds=2)
    (missed,) = done(life, Tick(actor="clock"))
    assert isinstance(missed, TicketMissed)
    assert missed.actor == "clock"


def test_an_emergency_stops_every_clock_that_runs_against_people(plan: Settings) -> None:
    life = life_with(plan)
    take(life)
    calls(life, "1")
    done(life, Hold("1", actor="1"))
    life.clock.advance(minutes=50)
    done(life, Freeze("power", actor="desk"))
    assert take(life) == "暂停取号和叫号：停电，请听工作人员安排"
    life.clock.advance(minutes=30)
    done(life, Unfreeze(actor="desk"))
    assert life.state.tickets["A001"].state == "held", "80 minutes by the wall, 50 that count"
    life.clock.advance(minutes=10)
    done(life, Tick(actor="clock"))
    assert life.state.tickets["A001"].state == "waiting"


def test_who_comes_back_stands_behind_the_next_three_and_twice_at_most(plan: Settings) -> None:
    life = life_with(plan, recall_seconds=0, missed_minutes=600)
    for _ in range(6):
        take(life)
    order = [calls(life, "1")]
    for _ in range(2):
        for _ in range(2):
            done(life, Recall("1", actor="1"))
        done(life, NoShow("1", actor="1"))
        done(life, Reinstate("A001", actor="desk"))
        order += [calls(life, "1") for _ in range(4 if len(order) == 1 else 3)]
    assert order == ["A001", "A002", "A003", "A004", "A001", "A005", "A006", "A001"]
    for _ in range(2):
        done(life, Recall("1", actor="1"))
    done(life, NoShow("1", actor="1"))
    with pytest.raises(Refused, match="reinstated_enough"):
        done(life, Reinstate("A001", actor="desk"))


def test_a_window_is_what_was_last_said_of_it(plan: Settings) -> None:
    life = life_with(plan)
    assert life.state.window("1") == Window("1001")
    done(life, ChangeServices("1", ("A", "B"), actor="desk"))
    assert served_at(plan, life.state, "1") == ("A", "B")
    assert served_at(plan, life.state, "2") == plan.window["2"].services
    done(life, Pause("1", "copy", 10, actor="1001"))
    until = life.state.worked + 600
    assert life.state.window("1") == Window("1001", "copy", until, services=("A", "B"))
    done(life, Resume("1", actor="1001"))
    assert life.state.window("1") == Window("1001", services=("A", "B"))
    done(life, CloseWindow("1", actor="desk"))
    assert life.state.window("1") == Window(shut=True, services=("A", "B"))
    done(life, OpenWindow("1", actor="desk"))
    assert life.state.window("1") == Window(services=("A", "B"))
    done(life, SignIn("1", "1009", actor="1009"))
    assert life.state.window("1") == Window("1009", services=("A", "B"))
    done(life, SignOut("1", actor="1009"))
    assert life.state.window("1") == Window(services=("A", "B"))
    assert life.state.windows.keys() == {"1", "2"}, "nothing happened at others"


def test_a_visit_leaves_its_window_as_it_was(plan: Settings) -> None:
    life = life_with(plan)
    free = life.state.window("1")
    take(life)
    assert calls(life, "1") == "A001"
    called = life.state.worked
    assert life.state.window("1") == replace(free, ticket="A001", called=called, calls=1)
    life.clock.advance(seconds=60)
    done(life, Recall("1", actor="1001"))
    assert life.state.window("1") == replace(free, ticket="A001", called=life.state.worked, calls=2)
    done(life, Answer(window="1", actor="1001"))
    assert life.state.tickets["A001"].here
    done(life, Start("1", actor="1001"))
    visit = life.state.tickets["A001"]
    assert (visit.state, visit.window, visit.since, visit.here) == ("serving", "1", life.state.worked, False)
    done(life, Complete("1", actor="1001"))
    assert life.state.window("1") == free
    assert life.state.tickets == {}
    take(life)
    done(life, Cancel(ticket="A002", actor="desk"))
    figures = account(life.state)
    assert (figures["served"], figures["cancelled"], figures["open"]) == (1, 1, 0)
    assert "" not in life.state.windows, "the desk is no window"


def test_the_board_lists_the_newest_call_first_and_nobody_who_waits_again(plan: Settings) -> None:
    life = life_with(plan)

    def board() -> list[tuple[str, str]]:
        return [(call.ticket, call.window) for call in life.state.calls]

    for _ in range(BOARD_CALLS + 2):
        take(life)
    take(life, "B")
    assert [calls(life, "1"), calls(life, "2")] == ["A001", "B001"]
    assert board() == [("B001", "2"), ("A001", "1")]
    life.clock.advance(seconds=60)
    done(life, Recall("1", actor="1001"))
    assert board() == [("A001", "1"), ("B001", "2")]
    done(life, Hold("1", actor="1001"))
    assert board() == [("B001", "2")], "who went for a copy is not called"
    done(life, CallHeld(window="1", actor="1001"))
    done(life, Park(window="2", actor="1002"))
    assert board() == [("A001", "1")]
    done(life, Complete("1", actor="1001"))
    assert board() == [("A001", "1")], "who was served may still look where"
    while calls(life, "1"):
        life.clock.advance(seconds=20)
    assert len(board()) == BOARD_CALLS
    assert board()[0] == (f"A{BOARD_CALLS + 2:03}", "1")


def test_a_window_prefers_by_the_published_minutes_and_no_more(plan: Settings) -> None:
    window = replace(plan.window["1"], services=("A", "B"), prefers=("B",))
    life = life_with(replace(plan, window={**plan.window, "1": window}), prefer_minutes=10)
    take(life)
    life.clock.advance(minutes=9)
    take(life, "B")
    life.clock.advance(minutes=2)
    take(life, "B")
    assert [calls(life, "1") for _ in range(3)] == ["B001", "A001", "B002"]


def test_care_and_a_preference_never_add(plan: Settings) -> None:
    window = replace(plan.window["1"], services=("A", "B"), prefers=("B",))
    life = life_with(replace(plan, window={**plan.window, "1": window}), prefer_minutes=10, care_minutes=10)
    take(life)
    life.clock.advance(minutes=15)
    take(life, "B", care=True)
    assert [calls(life, "1") for _ in range(2)] == ["A001", "B001"]


def test_a_technicians_ticket_is_in_no_line_and_in_no_figure(plan: Settings) -> None:
    life = life_with(plan)
    assert take(life, test=True) == "AT01"
    assert account(life.state)["issued"] == 0
    with pytest.raises(Refused, match="nobody_waiting"):
        calls(life, "1")
    done(life, CallNext("1", "AT01", actor="1"))
    done(life, Complete("1", actor="1"))
    assert account(life.state)["served"] == 0


def test_slips_by_hand_are_called_before_what_came_after_them(plan: Settings) -> None:
    life = life_with(plan)
    done(life, RecordSlips("A", 30, 28, actor="desk"))
    assert take(life) == "A031", "continue at 31"
    assert [calls(life, "1") for _ in range(3)] == ["A029", "A030", "A031"]
    assert account(life.state)["issued"] == 31
    with pytest.raises(Refused, match="slips"):
        done(life, RecordSlips("A", 30, actor="desk"))


def ended(events: list[Event]) -> list[tuple[str, ...]]:
    """How visits and sittings ended: of each event its kind and what is said in it."""
    parts = ("window", "ticket", "clerk", "started", "calls", "reason")
    return [
        (type(event).__name__, *(str(getattr(event, part)) for part in parts if hasattr(event, part)))
        for event in events
    ]


def test_a_clerk_who_leaves_with_somebody_in_front_of_her_has_served_her(plan: Settings) -> None:
    life = life_with(plan)
    take(life)
    calls(life, "1")
    done(life, Start("1", actor="1001"))
    assert ended(done(life, SignOut("1", actor="1001"))) == [
        ("TicketCompleted", "1", "A001", "True"),
        ("ClerkSignedOut", "1", "1001"),
    ]


def test_who_was_called_often_enough_is_missed_with_the_number_of_calls(plan: Settings) -> None:
    life = life_with(plan, recall_seconds=0)
    take(life)
    calls(life, "1")
    for _ in range(2):
        done(life, Recall("1", actor="1001"))
    assert ended(done(life, NoShow("1", actor="1001"))) == [("TicketMissed", "1", "A001", "3")]


def test_a_figure_of_three_digits_means_the_whole_number(plan: Settings) -> None:
    life = life_with(plan)
    for last in (100, 111):
        done(life, RecordSlips("A", last, 9, actor="desk"))
    assert ended(done(life, CallNext("1", "111", actor="1001"))) == [
        ("TicketCalled", "1", "A111", "by_number")
    ]


def sign_in(life: Life, window: str) -> list[str]:
    return [type(event).__name__ for event in done(life, SignIn(window, f"100{window}", actor="clerk"))]


def test_a_clerk_who_signs_in_at_noon_opens_no_session(plan: Settings) -> None:
    life = life_with(plan)
    life.clock.move(at("2026-11-23 12:00"))
    done(life, Tick(actor="clock"))
    assert sign_in(life, "3") == ["ClerkSignedIn"]


def test_on_a_holiday_the_first_clerk_opens_the_session_and_the_second_does_not_again(plan: Settings) -> None:
    life = Life(plan)
    life.clock.move(at("2026-12-05 09:00"))
    assert sign_in(life, "1")[-2:] == ["ClerkSignedIn", "SessionOpened"]
    assert sign_in(life, "2") == ["ClerkSignedIn"]


@pytest.fixture
def held(plan: Settings) -> Life:
    """A001 went for a copy and comes back to window 1, B001 to window 2."""
    life = life_with(plan)
    for window, service in (("1", "A"), ("2", "B")):
        take(life, service)
        calls(life, window)
        done(life, Hold(window, actor=window))
    return life


def test_who_was_held_goes_back_in_line_when_her_clerk_signs_out(held: Life) -> None:
    assert ended(done(held, SignOut("1", actor="1001"))) == [
        ("TicketReleased", "A001", "signed_out"),
        ("ClerkSignedOut", "1", "1001"),
    ]
    assert {ticket.number: (ticket.state, ticket.window) for ticket in held.state.tickets.values()} == {
        "A001": ("waiting", ""),
        "B001": ("held", "2"),
    }


def test_who_was_held_goes_back_in_line_when_her_window_is_closed(held: Life) -> None:
    done(held, CloseWindow("2", actor="desk"))
    assert held.state.tickets["B001"].state == "waiting"


def test_over_night_the_roll_goes_on_and_the_days_paper_begins_anew(plan: Settings) -> None:
    life = life_with(plan)
    number = take(life)
    done(life, ReportPaper(life.state.day, number, "confirmed", 9000, actor="printer"))
    life.clock.move(at("2026-11-24 08:00"))
    done(life, Tick(actor="clock"))
    assert life.state.rolls == {"hall": Roll(used=9000, today=0, first=None)}


def test_at_no_show_seconds_0_only_the_clerk_gives_anybody_up(plan: Settings) -> None:
    life = life_with(plan, no_show_seconds=0, recall_seconds=0)
    take(life)
    calls(life, "1")
    for _ in range(2):
        done(life, Recall("1", actor="1001"))
    life.clock.advance(minutes=90)
    assert done(life, Tick(actor="clock")) == []


@pytest.fixture
def from_nine(plan: Settings) -> Life:
    """A hall at eight o'clock, whose service A begins at nine."""
    service = replace(plan.service["A"], hours=((time(9), time(10)),))
    return life_with(replace(plan, service={**plan.service, "A": service}))


def test_a_service_is_shut_out_of_its_own_hours(from_nine: Life) -> None:
    assert take(from_nine) == "社保现在不取号，9:00开始"


def test_a_clock_that_nobody_trusts_shuts_no_service(from_nine: Life) -> None:
    from_nine.clock.trusted = False
    assert take(from_nine) == "A001"


@pytest.fixture
def closed(plan: Settings) -> Life:
    """The hall on Monday evening, done: A001 and A002 were there."""
    life = life_with(plan)
    take(life)
    take(life)
    for moment in ("17:30", "18:30"):
        life.clock.move(at(f"2026-11-23 {moment}"))
        done(life, Tick(actor="clock"))
    assert life.state.done
    return life


def test_under_a_doubtful_clock_the_first_person_begins_the_closed_day_again_and_numbers_go_on(
    closed: Life,
) -> None:
    closed.clock.trusted = False
    assert take(closed) == "A003"
    assert (closed.state.day, closed.state.done) == ("2026-11-23", False)
    assert account(closed.state)["issued"] == 1, "the day before has its figures"


def test_under_a_doubtful_clock_a_closed_day_stays_closed_until_somebody_comes(closed: Life) -> None:
    closed.clock.trusted = False
    done(closed, Tick(actor="clock"))
    assert closed.state.done


def test_under_a_trusted_clock_nobody_begins_a_closed_day_again(closed: Life) -> None:
    assert "11月24日" in take(closed)
    assert closed.state.done


def test_a_pause_of_no_minutes_has_no_end(plan: Settings) -> None:
    life = life_with(plan)
    done(life, Pause("1", "copy", 0, actor="1001"))
    assert life.state.window("1") == Window("1001", "copy", until=0.0)


WITHOUT_C = (
    EXAMPLE.read_text()
    .replace('[service.C]\nname = "计生"\nname_en = "Family planning"\n', "")
    .replace('"C", ', "")
    .replace("C = 22, ", "")
    .replace("C = 13, ", "")
)


def test_a_changed_plan_waits_for_the_next_day_and_a_reason_makes_it_count_at_once(
    start_hall: Callable[..., Hall],
) -> None:
    hall = start_hall()
    hall.take("C")
    hall.stop()
    hall = start_hall(WITHOUT_C)
    assert "C" in hall.house.engine.plan.service, "its tickets wait: the hall goes on by its old rules"
    assert "新配置下一个业务日生效" in hall.page("/")
    answer = hall.house.engine.submit(LoadPlan(WITHOUT_C, actor="technician")).result()
    assert isinstance(answer, Refused)
    hall.house.engine.submit(LoadPlan(WITHOUT_C, "窗口搬家", actor="technician")).result()
    hall.stop()
    hall = start_hall(WITHOUT_C)
    assert "C" not in hall.house.engine.plan.service
    assert hall.call("1") == "C001", "every window may call whose service is gone"


def test_a_changed_plan_is_read_when_the_day_is_over(start_hall: Callable[..., Hall]) -> None:
    hall = start_hall()
    hall.take("C")
    hall.stop()
    hall = start_hall(WITHOUT_C)
    hall.twin.clock(24 * 60, None)
    until(lambda: hall.restarts)
    hall.stop()
    assert "C" not in start_hall(WITHOUT_C).house.engine.plan.service


def test_after_the_day_the_displays_go_off(hall: Hall) -> None:
    plan = hall.house.engine.plan
    assert lights_on(plan, hall.state, MONDAY)
    hall.twin.clock(10 * 60, None)
    until(lambda: hall.state.done)
    assert not lights_on(plan, hall.state, MONDAY + timedelta(hours=10))
    until(lambda: all(hall.machine(f"sign{n}").text == "" for n in "1234"))
    hall.twin.clock(14 * 60 - 15, None)  # a quarter to eight
    until(lambda: not hall.state.done)
    assert lights_on(plan, hall.state, MONDAY + timedelta(days=1, minutes=-15))
    until(lambda: hall.machine("sign1").text == "下班 8:00开")


def test_the_example_names_every_figure_with_its_default() -> None:
    shown = dict(re.findall(r"^# (\w+) = (\S+) +#", EXAMPLE.read_text(), re.M))
    assert shown == {name: json.dumps(value) for name, value in asdict(Policy()).items()}
