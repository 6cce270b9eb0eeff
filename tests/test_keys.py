"""What pressing a key asks for: the key, what was typed before it, and what is true at the window."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from conftest import MONDAY, Hall
from wait import until

from controller.hall import keys
from controller.hall.commands import (
    CallHeld,
    CallNext,
    Command,
    Complete,
    ConfirmTime,
    Hold,
    NoShow,
    Pause,
    Recall,
    Resume,
    SignIn,
    SignOut,
    Start,
    TakeTicket,
    Transfer,
)
from controller.hall.events import DayOpened, Window
from controller.hall.moment import Now
from controller.hall.state import State
from controller.journal.store import read
from controller.runtime.clock import FakeClock
from controller.settings.schema import Settings
from drivers.base.kinds import Press

STAMP = {"actor": "1002", "press": "p1"}
SHUT, FREE = State(), State(windows={"1": Window("1002")})
BUSY = State(windows={"1": Window("1002", ticket="A001")})
AWAY = State(windows={"1": Window("1002", paused="lunch")})


def at(now: bool, state: State) -> State:
    """The state under a clock that is trusted, or is not."""
    return replace(state, last=replace(FakeClock(MONDAY).now(), trusted=now), believed=MONDAY)


@pytest.mark.parametrize(
    ("state", "key", "typed", "asked"),
    [
        (FREE, "next", "", CallNext("1", **STAMP)),
        (FREE, "next", "12", CallNext("1", "12", **STAMP)),
        (FREE, "next", "0", CallHeld(window="1", **STAMP)),
        (BUSY, "next", "0", CallHeld(window="1", **STAMP)),
        (BUSY, "next", "", CallNext("1", **STAMP)),
        (BUSY, "hold", "", Hold("1", **STAMP)),
        (FREE, "hold", "", CallHeld(window="1", **STAMP)),
        (BUSY, "no_show", "", NoShow("1", **STAMP)),
        (BUSY, "no_show", "0", Hold("1", **STAMP)),
        (BUSY, "no_show", "5", None),
        (BUSY, "recall", "", Recall("1", **STAMP)),
        (BUSY, "recall", "03", Transfer(window="1", to="3", **STAMP)),
        (BUSY, "recall", "３", Transfer(window="1", to="3", **STAMP)),
        (BUSY, "recall", "²", None),
        (FREE, "pause", "1²", None),
        (BUSY, "start", "", Start("1", **STAMP)),
        (BUSY, "complete", "", Complete("1", **STAMP)),
        (BUSY, "complete", "3", None),
        (BUSY, "sign_out", "", SignOut("1", **STAMP)),
        (BUSY, "sign_out", "1", None),
        (FREE, "pause", "", Pause("1", **STAMP)),
        (FREE, "pause", "1", Pause("1", "away", 0, **STAMP)),
        (FREE, "pause", "210", Pause("1", "copy", 10, **STAMP)),
        (FREE, "pause", "5", Pause("1", "fault", 0, **STAMP)),
        (FREE, "pause", "930", Pause("1", "fault", 30, **STAMP)),
        (AWAY, "pause", "", Resume("1", **STAMP)),
        (AWAY, "next", "", CallNext("1", **STAMP)),
        (AWAY, "pause", "4", Pause("1", "lunch", 0, **STAMP)),
        (FREE, "dance", "", None),
    ],
)
def test_a_key_of_a_box_means(
    plan: Settings, state: State, key: str, typed: str, asked: Command | None
) -> None:
    assert keys.command(plan, state, "unit1", key, "p1", typed) == asked


@pytest.mark.parametrize(
    ("typed", "signed_in_as", "clerk"), [("", "", "1001"), ("1007", "", "1007"), ("1007", "1009", "1009")]
)
def test_the_first_press_opens_the_window_under_who_typed_or_is_configured(
    plan: Settings, typed: str, signed_in_as: str, clerk: str
) -> None:
    asked = keys.at_window(plan, SHUT, "1", "next", "p1", typed, signed_in_as)
    assert asked == SignIn("1", clerk, actor=clerk, press="p1")


def test_leaving_a_window_that_the_evening_has_closed_opens_nothing(plan: Settings) -> None:
    assert keys.command(plan, SHUT, "unit1", "sign_out", "p1") is None


def test_who_signed_in_by_hand_answers_for_the_key(plan: Settings) -> None:
    assert keys.at_window(plan, BUSY, "1", "recall", "p1", clerk="1009") == Recall(
        "1", actor="1009", press="p1"
    )


def test_a_ticket_button_means_a_ticket_of_its_kiosk(plan: Settings) -> None:
    asked = keys.command(plan, SHUT, "buttons", "B", "p1")
    assert asked == TakeTicket("B", "hall", actor="buttons", press="p1")


def test_a_key_before_which_nothing_was_typed_means_no_number(plan: Settings) -> None:
    assert keys.command(plan, FREE, "unit1", "next", "p1") == CallNext("1", **STAMP)


def test_a_device_of_no_window_and_no_kiosk_means_nothing(plan: Settings) -> None:
    assert keys.command(plan, FREE, "printer", "next", "p1") is None


@pytest.mark.parametrize(
    ("state", "signed_in_as", "actor"), [(SHUT, "", "1001"), (FREE, "", "1002"), (FREE, "1009", "1009")]
)
def test_eight_figures_under_a_doubtful_clock_are_the_time(
    plan: Settings, state: State, signed_in_as: str, actor: str
) -> None:
    asked = keys.at_window(plan, at(False, state), "1", "next", "p1", "11230745", signed_in_as)
    assert asked == ConfirmTime(datetime(2026, 11, 23, 7, 45), actor=actor, press="p1")


def test_eight_figures_that_are_no_time_mean_nothing(plan: Settings) -> None:
    assert keys.at_window(plan, at(False, FREE), "1", "next", "p1", "11310745") is None


@pytest.mark.parametrize(
    ("believed", "woke", "typed", "meant"),
    [
        ("2026-10-12 17:55", "1970-01-01 08:00", "10130742", "2026-10-13 07:42"),
        ("2026-12-31 17:55", "2026-12-31 17:56", "01040750", "2027-01-04 07:50"),
        ("2027-12-31 17:55", "2027-12-31 17:56", "02290750", "2028-02-29 07:50"),
        ("2026-10-12 07:55", "1970-01-01 08:00", "10120742", "2026-10-12 07:42"),
        ("", "1970-01-01 08:00", "11290745", "2026-11-29 07:45"),
        ("", "1970-01-01 08:00", "01040745", "2027-01-04 07:45"),
        ("", "2035-01-01 08:00", "02290745", "2028-02-29 07:45"),
    ],
)
def test_the_year_of_a_pad_is_the_first_not_before_what_is_known(
    plan: Settings, believed: str, woke: str, typed: str, meant: str
) -> None:
    zone = MONDAY.tzinfo
    known = datetime.fromisoformat(believed).replace(tzinfo=zone) if believed else None
    now = Now(datetime.fromisoformat(woke).replace(tzinfo=zone), 5.0, "woke", False)
    asked = keys.command(plan, replace(FREE, last=now, believed=known), "unit1", "next", "p1", typed)
    assert asked == ConfirmTime(datetime.fromisoformat(meant), **STAMP)


def test_every_day_of_four_years_is_found_from_every_other_one() -> None:
    dice = random.Random(1)
    for _ in range(2000):
        believed = MONDAY + timedelta(days=dice.randrange(3000))
        day = believed + timedelta(days=dice.randrange(365))
        if (day.month, day.day) != (2, 29):
            assert keys.meant(f"{day:%m%d%H%M}", believed) == day.replace(tzinfo=None)
    assert not any(keys.meant(f"{figures:08}", MONDAY) for figures in (0, 2300000, 2310800, 99999999))


@pytest.mark.parametrize(("state", "typed"), [(at(True, FREE), "11230745"), (at(False, FREE), "1123074")])
def test_under_a_trusted_clock_or_with_fewer_figures_it_is_a_number(
    plan: Settings, state: State, typed: str
) -> None:
    assert keys.at_window(plan, state, "1", "next", "p1", typed) == CallNext("1", typed, **STAMP)


def test_a_wrong_date_from_a_pad_opens_no_day_and_the_right_one_does(start_hall: Callable[..., Hall]) -> None:
    hall = start_hall(at=FakeClock(MONDAY.replace(hour=9)))
    assert hall.take() == "A001"
    hall.stop()
    woken = FakeClock(datetime(1970, 1, 1, 8, tzinfo=MONDAY.tzinfo))
    woken.trusted = False
    hall = start_hall(at=woken)
    for figures in ("12280900", "02290900", "13010900", "11240830"):
        hall.house.devices["unit1"].emit(Press("unit1", "next", figures, figures))  # type: ignore[attr-defined]
    until(lambda: hall.state.day == "2026-11-24")
    days = [e.day for _, e in read(hall.folder / "journal.db") if isinstance(e, DayOpened)]
    assert days == ["2026-11-23", "2026-11-24"]
    assert hall.take() == "A001"


def test_a_box_has_one_key_for_pause_and_resume_and_a_page_says_which(plan: Settings) -> None:
    assert keys.at_window(plan, AWAY, "1", "pause", "p1") == Resume("1", actor="1002", press="p1")
    for key, kind in (("pause", Pause), ("resume", Resume)):
        by_hand = keys.at_window(plan, AWAY, "1", key, "p1", clerk="1002")
        assert by_hand == kind("1", actor="1002", press="p1")
    assert keys.at_window(plan, SHUT, "1", "resume", "p1", clerk="1002") is None, "it opens no window"
