"""The desk in real Chromium, without JavaScript, on a laptop and on a phone."""

from collections.abc import Callable, Iterator

import pytest
from conftest import Hall
from playwright.sync_api import Browser, Page, expect
from wait import until

from controller.hall.commands import AskHelp


@pytest.fixture
def hall(start_hall: Callable[..., Hall]) -> Hall:
    hall = start_hall()
    until(lambda: not hall.state.kiosks)
    return hall


@pytest.fixture
def desk(hall: Hall, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(f"{hall.url}/desk")
    page.fill("input[name=clerk]", "1001")
    page.fill("input[name=pin]", "000000")
    page.click("text=登录")
    yield page
    context.close()


def test_a_ticket_for_somebody_with_precedence_under_the_clerks_number(hall: Hall, desk: Page) -> None:
    desk.check("input[name=care]")
    desk.click("button[value=A]")
    expect(desk.locator(".found")).to_contain_text("A001在等候")
    assert hall.state.tickets["A001"].credit == 1200
    until(lambda: hall.machine("printer").printed == 1)
    desk.click("text=补打 A001")
    until(lambda: hall.machine("printer").printed == 2)
    desk.click("text=作废 A001")
    expect(desk.locator("#answer")).to_contain_text("没有等候中的")


def test_who_went_to_the_wrong_window_is_answered_for(hall: Hall, desk: Page) -> None:
    hall.take("A")
    hall.call("3")
    desk.fill("#number", "b1")
    desk.click("button:has-text('查号')")
    expect(desk.locator("#answer")).to_contain_text("没有")
    desk.fill("#number", "1")
    desk.click("button:has-text('查号')")
    expect(desk.locator(".found")).to_have_text("A001：3号窗口，已叫 1 次")
    desk.click("text=代答")
    expect(desk.locator(".found")).to_contain_text("已代答")
    assert hall.state.tickets["A001"].here


def test_the_missed_come_back(hall: Hall, desk: Page) -> None:
    hall.take("A")
    hall.call("3")
    for verb in ("recall", "recall", "no-show"):
        hall.house.engine.clock.advance(seconds=20)  # type: ignore[attr-defined]
        assert "events" in hall.ask(f"windows/3/{verb}")
    desk.click("text=刷新")
    desk.click("text=恢复 A001")
    expect(desk.locator(".found")).to_contain_text("A001在等候")


def test_help_at_the_kiosk_is_seen_and_given(hall: Hall, desk: Page) -> None:
    hall.house.engine.submit(AskHelp("hall", actor="kiosk hall")).result(10)
    desk.click("text=刷新")
    expect(desk.locator(".alarm")).to_contain_text("有人求助")
    desk.click("text=我去帮忙")
    expect(desk.locator(".alarm")).to_have_count(0)
    assert hall.state.help == ()


def test_handwritten_slips_and_a_slip_of_the_finger(hall: Hall, desk: Page) -> None:
    desk.click("summary")
    desk.fill("input[name=last]", "x")
    desk.click("text=记下")
    expect(desk.locator("#answer")).not_to_be_empty()
    desk.click("summary")
    desk.fill("input[name=last]", "30")
    desk.fill("input[name=served]", "12")
    desk.click("text=记下")
    until(lambda: hall.state.issued.get("A") == 30)
