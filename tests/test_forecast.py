"""The waiting time: what it learns, what it says, and that nobody ever waits for it."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from statistics import fmean

import pytest
from conftest import EXAMPLE, MONDAY, Hall
from test_histories import Life
from wait import until

from controller.forecast.learner import Forecaster
from controller.hall.commands import CallNext, CloseWindow, Complete, SignIn, SignOut, TakeTicket
from controller.runtime import oracle
from controller.runtime.clock import FakeClock
from controller.settings.schema import Settings
from controller.simulated.day import Day
from display.words.catalogue import minutes


def waited(life: Life, service: str = "A") -> float:
    """The middle of the forecast for a visitor of now, in seconds."""
    forecaster = Forecaster(life.plan)
    for event in life.events:
        forecaster.hear(event)
    return forecaster.bands(life.clock.now())[service].mid


@pytest.fixture
def life(plan: Settings) -> Life:
    life = Life(plan)
    for name in "1234":
        life.ask(SignIn(name, f"100{name}", actor=name))
    return life


def take(life: Life, service: str, count: int) -> None:
    for _ in range(count):
        life.clock.advance(seconds=5)
        life.ask(TakeTicket(service, "hall", actor="buttons"))


def test_nobody_waiting_and_a_free_window_is_no_wait(life: Life) -> None:
    assert waited(life) == 0


def test_more_people_ahead_is_a_longer_wait_and_more_windows_a_shorter_one(life: Life) -> None:
    for name in "1234":
        take(life, "A", 1)
        life.ask(CallNext(name, actor=name))
    take(life, "A", 4)
    four = waited(life)
    take(life, "A", 8)
    twelve = waited(life)
    assert twelve > four > 60
    life.ask(CloseWindow("1", actor="desk"))
    assert waited(life) > twelve


def test_without_any_clerk_the_standard_minutes_are_all_there_is(plan: Settings) -> None:
    life = Life(plan)
    take(life, "A", 5)
    # Six visits of ten minutes at the two windows that are to serve A.
    assert waited(life) == pytest.approx(1800, rel=0.2)


def test_it_learns_how_long_visits_really_take(life: Life) -> None:
    for _ in range(40):
        take(life, "A", 1)
        life.ask(CallNext("1", actor="1"))
        life.clock.advance(minutes=2)
        life.ask(Complete("1", actor="1"))
    for name in ("2", "3", "4"):
        life.ask(SignOut(name, actor=name))
    take(life, "A", 6)
    life.ask(CallNext("1", actor="1"))
    assert waited(life) == pytest.approx(6 * 120, rel=0.1)


def test_a_week_of_simulated_days_is_foreseen_well(plan: Settings) -> None:
    forecaster = Forecaster(plan)
    for number in range(5):
        for event in Day(plan, date(2026, 11, 23) + timedelta(days=number), number, 1.0, {}).run():
            forecaster.hear(event)
    told = [told for several in forecaster.errors.values() for told in several]
    assert len(told) > 500
    assert 0.7 < fmean(holds for _, holds in told) < 0.9
    assert fmean(error for error, _ in told) < 600


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0, 200, "即将叫号"), (100, 301, "10分钟以内"), (901, 1799, "15～30分钟"), (3000, 5401, "90分钟以上")],
)
def test_a_range_is_rounded_outward_to_five_minutes(low: float, high: float, said: str) -> None:
    assert minutes({"low": low, "high": high}) == said


RANGE = re.compile(r"\d+～\d+分钟|\d+分钟以[内上]|即将叫号")


def test_the_ticket_the_board_and_the_hall_know_the_range(start_hall: Callable[..., Hall]) -> None:
    hall = start_hall(EXAMPLE.read_text().replace("width = 576", 'mode = "text"'))  # can be read here
    for name in "13":
        hall.ask(f"windows/{name}/sign-in", clerk=f"100{name}")
    for _ in range(4):
        hall.take("A")
    until(lambda: hall.house.foreseen().get("A", {}).get("high", 0))
    hall.take("A")
    printer = hall.machine("printer")
    until(lambda: printer.printed == 5)
    (said,) = re.findall("估计等候：(.*)", printer.texts[-1].partition("A005")[2])
    assert RANGE.fullmatch(said)
    (wait,) = [row["wait"] for row in hall.get("/api/v1/hall")["waiting"] if row["code"] == "A"]
    assert RANGE.fullmatch(wait)


def test_too_late_to_be_served_is_told_before_the_session_ends(start_hall: Callable[..., Hall]) -> None:
    hall = start_hall(at=FakeClock(MONDAY.replace(hour=11, minute=10)))
    hall.ask("windows/1/sign-in", clerk="1001")
    for _ in range(20):  # the last of them may already be refused
        hall.house.engine.submit(TakeTicket("A", "hall", actor="desk")).result()
        if hall.state.cut:
            break
    until(lambda: "A" in hall.state.cut)
    assert hall.refused("tickets", service="A")["error"] == "cut_off"
    assert "events" in hall.ask("tickets", service="A", reason="远道而来")
    assert "events" in hall.ask("hall/lift-cut-off", service="A", reason="加开窗口")
    hall.take("A")
    assert "A" not in hall.state.cut, "what the desk has lifted stays lifted"


def test_a_hall_whose_forecast_has_died_goes_on_and_the_forecast_begins_again(
    start_hall: Callable[..., Hall], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oracle, "PACE", 0.1)
    monkeypatch.setattr(oracle, "AGAIN", 0.1)
    hall = start_hall()
    hall.take("A")
    until(lambda: hall.house.foreseen())
    forecast = hall.house.foreseen.__self__  # type: ignore[attr-defined]
    dead = forecast.process
    dead.kill()
    assert hall.take("A") == "A002"
    assert hall.call("1") == "A001"
    until(lambda: forecast.process is not dead)
