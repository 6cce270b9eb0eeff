"""The rules: examples a clerk would recognise, and the promises as properties."""

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import MONDAY
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import judge

from controller.hall.commands import (
    CallNext,
    ChangeRoll,
    CloseKiosk,
    Command,
    Complete,
    NoShow,
    OpenKiosk,
    Pause,
    Recall,
    ReportPaper,
    Reprint,
    Resume,
    SignIn,
    SignOut,
    Start,
    TakeTicket,
    Tick,
    Transfer,
)
from controller.hall.decide import decide
from controller.hall.events import Event, Roll, TicketCalled, TicketIssued
from controller.hall.line import ahead
from controller.hall.moment import elapsed
from controller.hall.outcome import Refused
from controller.hall.state import State, evolve
from controller.journal.store import Store
from controller.runtime.clock import FakeClock
from controller.runtime.engine import Engine
from controller.settings.schema import Settings
from display.paper.roll import roll

KINDS = (CallNext, Recall, Start, Complete, NoShow, Pause, Resume, SignOut)


class Day:
    """A hall without threads: ask, and time goes on by two seconds."""

    def __init__(self, plan: Settings, clock: FakeClock) -> None:
        self.plan, self.clock, self.state = plan, clock, State()
        self.events: list[Event] = []

    def ask(self, command: Command) -> list[Event]:
        self.clock.advance(seconds=2)
        events = decide(self.plan, self.state, command, self.clock.now())
        for event in events:
            self.state = evolve(self.state, event)
        self.events += events
        return events

    def take(self, service: str) -> str:
        event = self.ask(TakeTicket(service, "hall", actor="buttons"))[-1]
        assert isinstance(event, TicketIssued)
        return event.ticket

    def sign_in(self, *windows: str) -> None:
        for window in windows:
            self.ask(SignIn(window, self.plan.window[window].clerk, actor="clerk"))

    def next(self, window: str) -> str:
        event = self.ask(CallNext(window, actor="clerk"))[-1]
        return event.ticket if isinstance(event, TicketCalled) else ""


@pytest.fixture
def day(plan: Settings, clock: FakeClock) -> Day:
    return Day(plan, clock)


def test_the_status_page_says_when_the_roll_ends(day: Day) -> None:
    def left() -> str:
        return roll(day.plan, day.state, "printer", day.clock.now(), "zh")

    def print_metres(metres: float) -> None:
        number = day.take("A")
        day.ask(ReportPaper(day.state.day, number, "confirmed", round(metres * 1000), actor="stage"))

    print_metres(1)
    assert left() == "纸约剩 49 米"
    day.clock.advance(seconds=3600)
    print_metres(9)  # ten in an hour and two seconds: forty more in four hours
    assert left() == "纸约剩 40 米，照今天的用量约 13:00 用完"
    day.ask(ChangeRoll("printer", actor="technician"))
    assert left() == "纸约剩 50 米，照今天的用量约 14:00 用完"
    day.clock.advance(seconds=24 * 3600)
    print_metres(10)
    assert day.state.rolls["hall"] == Roll(10_000, 10_000, day.events[-1].at)


def refusal(day: Day, command: Command) -> str:
    with pytest.raises(Refused) as refused:
        day.ask(command)
    return refused.value.code


def test_numbers_count_by_service_from_001(day: Day) -> None:
    assert [day.take(s) for s in "ABAD"] == ["A001", "B001", "A002", "D001"]
    assert ahead(day.state, day.state.tickets["A002"]) == 1
    day.sign_in("1")
    assert day.next("1") == "A001"
    assert [ahead(day.state, day.state.tickets[number]) for number in ("A001", "A002")] == [0, 0]


def test_a_ticket_is_chosen_when_next_is_pressed_across_services(day: Day) -> None:
    day.take("B")
    day.take("A")
    day.sign_in("1", "3")
    assert day.next("1") == "A001", "window 1 does not serve B"
    assert day.next("3") == "B001"


def test_next_completes_what_was_at_the_window(day: Day) -> None:
    day.take("A")
    day.take("A")
    day.sign_in("1")
    day.next("1")
    events = day.ask(CallNext("1", actor="1001"))
    assert [type(e).__name__ for e in events] == ["TicketCompleted", "TicketCalled"]
    assert not events[0].started  # type: ignore[attr-defined]


def test_the_same_key_again_within_a_second_is_refused(day: Day) -> None:
    day.take("A")
    day.take("A")
    day.sign_in("1")
    day.next("1")
    day.clock.advance(seconds=-1.5)
    with pytest.raises(Refused, match="too_soon"):
        decide(day.plan, day.state, CallNext("1", actor="c"), day.clock.now())


@pytest.mark.parametrize("paused", [False, True])
def test_a_clerk_who_sits_down_elsewhere_is_signed_out_where_he_was(day: Day, paused: bool) -> None:
    """A box without digits knows one 工号: were it refused, nobody could open the window from it."""
    day.sign_in("1")
    if paused:
        day.ask(Pause("1", actor="c"))
    day.ask(SignIn("2", "1001", actor="c"))
    assert (day.state.window("1").clerk, day.state.window("2").clerk) == ("", "1001")
    day.sign_in("1")  # and back, from the box of his own window
    assert (day.state.window("1").clerk, day.state.window("2").clerk) == ("1001", "")
    assert day.state.window("1").paused == ""


def test_a_clerk_who_serves_somebody_is_taken_away_by_no_other_box(day: Day) -> None:
    day.take("A")
    day.sign_in("1")
    day.next("1")
    before = day.state
    for _ in range(3):  # with its reason every time
        assert refusal(day, SignIn("2", "1001", actor="c")) == "clerk_elsewhere"
    assert day.state == before


def test_every_refusal_has_its_code(day: Day) -> None:
    assert refusal(day, CallNext("1", actor="c")) == "not_open"
    assert refusal(day, CallNext("9", actor="c")) == "no_such_window"
    day.sign_in("1")
    assert refusal(day, CallNext("1", actor="c")) == "nobody_waiting"
    for kind in (Recall, Start, Complete, NoShow):
        assert refusal(day, kind("1", actor="c")) == "nothing_called"
    assert refusal(day, SignIn("1", "1001", actor="c")) == "already_open"
    day.ask(Pause("1", actor="c"))
    assert refusal(day, CallNext("1", actor="c")) == "paused"
    assert refusal(day, TakeTicket("X", "hall", actor="c")) == "no_such_service"
    assert refusal(day, Reprint("A009", actor="c")) == "no_such_ticket"
    day.ask(CloseKiosk("hall", "paper_out", actor="stage"))
    assert refusal(day, TakeTicket("A", "hall", actor="c")) == "kiosk_closed"
    day.clock.advance(minutes=240)
    assert refusal(day, TakeTicket("A", "hall", actor="c")) == "closed"


def test_a_new_day_closes_the_old_one_and_counts_anew(day: Day) -> None:
    day.take("A")
    day.sign_in("1")
    day.ask(CloseKiosk("hall", "paper_out", actor="stage"))
    day.clock.advance(minutes=24 * 60)
    events = day.ask(Tick(actor="clock"))
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["SessionClosed", "ClerkSignedOut", "DayClosed", "DayOpened", "SessionOpened"]
    assert events[2].unserved == ("A001",)  # type: ignore[attr-defined]
    assert day.state.kiosks == {"hall": "paper_out"}, "what is still true is carried over"
    day.ask(OpenKiosk("hall", actor="stage"))
    assert day.take("A") == "A001"
    assert not day.state.window("1").clerk


def test_a_clock_that_goes_back_repeats_no_number(day: Day) -> None:
    day.take("A")
    day.clock.move(MONDAY - timedelta(days=3))
    assert day.take("A") == "A002"


def test_under_a_doubtful_clock_the_hall_works_and_its_people_are_kept(plan: Settings) -> None:
    day = Day(plan, FakeClock(MONDAY - timedelta(hours=12)))  # Sunday evening, says the clock
    day.clock.trusted = False
    assert day.take("A") == "A001"
    day.clock.trusted = True
    day.clock.move(MONDAY)
    assert day.take("A") == "A002", "numbers go on"
    assert "A001" in day.state.tickets
    assert day.state.day == "2026-11-23"


def test_durations_never_come_from_wall_times(clock: FakeClock) -> None:
    start = clock.now()
    clock.advance(seconds=5)
    clock.move(MONDAY - timedelta(days=1))
    assert elapsed(start, clock.now()) == 5
    other = replace(start, boot="another")
    assert elapsed(start, other) is None


commands = st.one_of(
    st.builds(TakeTicket, st.sampled_from("ABCD"), st.just("hall"), actor=st.just("buttons")),
    *(st.builds(kind, st.sampled_from("1234"), actor=st.just("clerk")) for kind in KINDS),
    st.sampled_from("1234").map(lambda w: SignIn(w, f"100{w}", actor="clerk")),
    st.builds(Transfer, st.sampled_from("1234"), st.sampled_from("12349"), actor=st.just("clerk")),
    st.sampled_from("1234").map(lambda w: CallNext(w, "02", actor="clerk")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(commands, max_size=60))
def test_whatever_is_pressed_the_state_stays_whole(asked: list[Command]) -> None:
    day = Day(_PLAN, FakeClock(MONDAY))
    for command in asked:
        try:
            day.ask(command)
        except Refused:
            continue
        at_windows = [w.ticket for w in day.state.windows.values() if w.ticket]
        assert len(at_windows) == len(set(at_windows))
        assert set(at_windows) <= set(day.state.tickets)
        assert all(w.clerk for w in day.state.windows.values() if w.ticket)
    replayed = State()
    for event in day.events:
        replayed = evolve(replayed, event)
    assert replayed == day.state


_PLAN: Settings


@pytest.fixture(autouse=True)
def _plan(plan: Settings) -> None:
    global _PLAN
    _PLAN = plan


def test_random_interleavings_are_fair(
    plan: Settings, tmp_path: Path, times: int, counted: Callable[[str], None]
) -> None:
    """Presses at four windows and the kiosk in random order; the judge reads only the journal."""
    dice, store = random.Random(20261123), Store(tmp_path / "journal.db")
    day, keys = Day(plan, FakeClock(MONDAY)), (CallNext,) * 4 + KINDS
    for number in range(400 * times):
        week, weekday = divmod(number, 5)
        day.events = []
        day.clock.move(MONDAY + timedelta(weeks=week, days=weekday))
        day.sign_in(*"1234")
        presses: list[Command] = [TakeTicket(dice.choice("ABCD"), "hall", actor="buttons") for _ in range(4)]
        presses += [dice.choice(keys)(window, actor=window) for window in "11223344"]
        presses += [Transfer(dice.choice("1234"), dice.choice("1234"), actor="clerk") for _ in range(2)]
        presses.append(CallNext(dice.choice("1234"), dice.choice("123"), actor="clerk"))
        dice.shuffle(presses)
        for press in presses:
            try:
                day.ask(press)
            except Refused:
                pass
        store.append(day.events)
    store.close()
    windows = {name: window.services for name, window in plan.window.items()}
    assert judge(tmp_path / "journal.db", windows) == 1600 * times
    counted(f"{400 * times:,} interleavings of presses at four windows, all fair")


def test_a_transferred_ticket_waits_at_its_window_with_its_old_time(day: Day) -> None:
    for service in "AAA":
        day.take(service)
    day.sign_in("1", "2", "3")
    assert day.next("1") == "A001"
    day.ask(Transfer(window="1", to="2", actor="1001"))
    assert not day.state.window("1").ticket
    assert day.next("3") == "A002", "what was sent to window 2 is not called elsewhere"
    assert day.next("2") == "A001", "though window 2 does not offer this service"
    day.ask(Transfer(window="2", to="3", actor="1002"))
    assert day.next("3") == "A001", "it keeps its time, so it comes before A003"
    assert refusal(day, Transfer(window="3", to="4", actor="1003")) == "not_open"
    assert refusal(day, Transfer(window="3", to="9", actor="1003")) == "not_open"


def test_a_ticket_sent_to_a_window_that_closes_is_not_lost(day: Day) -> None:
    day.take("A")
    day.sign_in("1", "2")
    day.next("1")
    day.ask(Transfer(window="1", to="2", actor="1001"))
    day.ask(SignOut("2", actor="1002"))
    assert day.next("1") == "A001"


def test_a_call_by_number_is_marked_and_never_guesses(day: Day) -> None:
    for service in "AADD":
        day.take(service)
    day.sign_in("1", "3")
    assert refusal(day, CallNext("1", "2", actor="1001")) == "not_one_ticket", "A002 or D002?"
    assert refusal(day, CallNext("3", "9", actor="1003")) == "not_one_ticket", "there is none"
    day.next("1")
    call = day.ask(CallNext("1", "1", actor="1001"))[-1]
    assert isinstance(call, TicketCalled)
    assert (call.ticket, call.reason) == ("D001", "by_number")
    assert not day.state.tickets.get("A001"), "the one before is done"


def test_the_judge_catches_an_unfair_call(day: Day, plan: Settings, tmp_path: Path) -> None:
    store = Store(tmp_path / "journal.db")
    day.take("A")
    day.take("A")
    day.sign_in("1")
    stamp = {"at": day.clock.now(), "actor": "1001", "press": ""}
    store.append([*day.events, TicketCalled("1", "A002", **stamp)])  # type: ignore[arg-type]
    store.close()
    with pytest.raises(AssertionError, match="A001 came before A002"):
        judge(tmp_path / "journal.db", {"1": ("A", "D")})


def test_clerks_pressing_at_the_same_moment_never_get_the_same_ticket(
    plan: Settings, clock: FakeClock, tmp_path: Path
) -> None:
    engine = Engine(plan, store := Store(tmp_path / "journal.db"), clock)
    engine.start()
    for window in "1234":
        engine.submit(SignIn(window, f"100{window}", actor="c"))

    def work(window: str) -> None:
        for n in range(100):
            engine.submit(TakeTicket("ABCD"[n % 4], "hall", actor="buttons", press=f"{window}:{n}"))
            engine.submit(CallNext(window, actor=window)).result()
            engine.submit(Complete(window, actor=window)).result()

    clerks = [threading.Thread(target=work, args=window) for window in "1234"]
    for clerk in clerks:
        clerk.start()
    for clerk in clerks:
        clerk.join()
    engine.stop()
    store.close()
    windows = {name: window.services for name, window in plan.window.items()}
    assert judge(tmp_path / "journal.db", windows) == 400


def test_a_repeated_press_changes_nothing_also_after_a_restart(
    plan: Settings, clock: FakeClock, tmp_path: Path
) -> None:
    for _ in range(2):
        engine = Engine(plan, store := Store(tmp_path / "journal.db"), clock)
        engine.start()
        for _ in range(3):
            engine.submit(TakeTicket("A", "hall", actor="buttons", press="buttons:1")).result()
        engine.stop()
        assert list(engine.state.tickets) == ["A001"]
        store.close()
