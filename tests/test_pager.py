"""The clerk's page in real Chromium: keys, keyboard, 代答, offline."""

from collections.abc import Callable

import pytest
from conftest import Hall
from playwright.sync_api import Browser, Page, Route, expect
from wait import until


@pytest.fixture
def hall(start_hall: Callable[..., Hall]) -> Hall:
    return start_hall()


def at_window(hall: Hall, browser: Browser, window: str = "3") -> Page:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(f"{hall.url}/window/{window}")
    page.fill("input[name=clerk]", f"100{window}")
    page.fill("input[name=pin]", "000000")
    page.click("text=登录")
    expect(page.locator("#who")).to_have_text(f"100{window}")
    return page


def test_a_wrong_pin_is_told_and_five_of_them_close_the_door_for_a_quarter_of_an_hour(
    hall: Hall, browser: Browser
) -> None:
    page = browser.new_page()
    page.goto(f"{hall.url}/window/3")
    for pin in ["111111"] * 5:
        page.fill("input[name=clerk]", "1003")
        page.fill("input[name=pin]", pin)
        page.click("text=登录")
        expect(page.locator("#answer")).to_contain_text("PIN 不对")
    page.fill("input[name=clerk]", "1003")
    page.fill("input[name=pin]", "000000")
    page.click("text=登录")
    expect(page.locator("#answer")).to_contain_text("过一刻钟")
    assert not hall.state.window("3").clerk
    hall.house.engine.clock.advance(seconds=901)  # type: ignore[attr-defined]
    page.fill("input[name=clerk]", "1003")
    page.fill("input[name=pin]", "000000")
    page.click("text=登录")
    expect(page.locator("#who")).to_have_text("1003")
    assert hall.state.window("3").clerk == "1003"


def test_keys_and_keyboard_call_serve_and_finish(hall: Hall, browser: Browser) -> None:
    first, second = hall.take("A"), hall.take("A")
    page = at_window(hall, browser)
    expect(page.locator("#waiting")).to_have_text("2")
    page.click("text=下一位")
    expect(page.locator("#ticket")).to_have_text(first)
    expect(page.locator("#said")).to_have_text("已叫 1 次")
    page.keyboard.press("r")
    expect(page.locator("#answer")).to_contain_text("秒")
    page.keyboard.press("s")
    expect(page.locator("#said")).to_have_text("正在办理")
    hall.house.engine.clock.advance(seconds=60 * 30)  # type: ignore[attr-defined]
    page.keyboard.press("n")
    expect(page.locator("#ticket")).to_have_text(second)
    page.keyboard.press("p")
    expect(page.locator("[data-key=resume]")).to_contain_text("恢复")
    page.click("text=恢复")
    expect(page.locator("[data-key=pause]")).to_contain_text("暂停")
    assert not hall.state.window("3").paused
    assert page.evaluate("document.documentElement.scrollWidth <= 360")
    page.close()


def test_who_stands_at_the_wrong_window_is_answered_for(hall: Hall, browser: Browser) -> None:
    number = hall.take("A")
    hall.call("3")
    wrong = at_window(hall, browser, "4")
    wrong.fill("#number", number.lower())
    wrong.click("text=查号")
    expect(wrong.locator("#answer")).to_have_text(f"{number}：3号窗口，已叫 1 次")
    wrong.click("text=代答")
    until(lambda: hall.state.tickets[number].here)
    right = at_window(hall, browser, "3")
    expect(right.locator("#said")).to_contain_text("走错窗口")
    hall.house.engine.clock.advance(seconds=20)  # type: ignore[attr-defined]
    right.keyboard.press("r")
    expect(right.locator("#answer")).to_contain_text("正在过来")
    hall.house.engine.clock.advance(seconds=600)  # type: ignore[attr-defined]
    right.keyboard.press("s")
    until(lambda: hall.state.tickets[number].state == "serving")


def test_offline_it_says_so_and_an_old_press_is_never_done(hall: Hall, browser: Browser) -> None:
    hall.take("A")
    page = at_window(hall, browser)
    page.context.set_offline(True)
    expect(page.locator("#off")).to_be_visible()
    assert page.locator("[data-key=next]").is_disabled()
    page.keyboard.press("n")
    page.context.set_offline(False)
    expect(page.locator("#off")).to_be_hidden()
    assert not hall.state.window("3").ticket
    seen = page.evaluate("seen.server") - 6
    late = page.evaluate(
        """async seen => (await (await fetch("/window/3/press", {method: "POST",
        headers: {"Content-Type": "application/json"},
        body: JSON.stringify({key: "next", number: "", press: "late", seen})})).json()).text""",
        seen,
    )
    assert "太旧" in late
    assert not hall.state.window("3").ticket
    page.click("text=下一位")
    until(lambda: hall.state.window("3").ticket == "A001")


def test_while_the_hall_takes_its_time_it_asks_for_a_moment(hall: Hall, browser: Browser) -> None:
    hall.take("A")
    page, held = at_window(hall, browser), list[Route]()
    page.route("**/press", lambda route: held.append(route))
    page.click("text=下一位")
    expect(page.locator("#answer")).to_have_text("请稍候")
    held[0].continue_()
    expect(page.locator("#ticket")).to_have_text("A001")
    expect(page.locator("#answer")).to_have_text("")
