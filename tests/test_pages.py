"""The pages in a real Chromium, as the technician, the hall and the visitor see them."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from conftest import EXAMPLE, MONDAY, Hall, sign_in
from playwright.sync_api import Browser, Page, expect
from wait import until

from controller.app.running import SIMULATED
from controller.hall.commands import ReportPaper
from controller.runtime.clock import FakeClock
from display.voice import call

SIZES = {"tv": (1920, 1080), "laptop": (1440, 900), "phone": (360, 740)}


@pytest.fixture
def visit(browser: Browser, hall: Hall) -> Iterator[Callable[..., Page]]:
    """Open a page at one of the sizes; any script error fails the test."""
    context = browser.new_context()
    errors: list[str] = []

    def visit(path: str, size: str) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": SIZES[size][0], "height": SIZES[size][1]})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(hall.url + path)
        return page

    yield visit
    context.close()
    assert not errors


def wide(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_a_visitor_presses_a_on_the_twin_and_is_called_to_window_3(
    hall: Hall, visit: Callable[..., Page]
) -> None:
    twin = visit("/twin", "laptop")
    twin.click("[data-device=buttons] [data-key=A]")
    ticket = twin.locator("[data-device=printer] img").first
    ticket.wait_for()
    until(lambda: ticket.evaluate("image => image.naturalWidth") == 576)
    twin.click("[data-device=unit3] [data-key=next]")
    expect(twin.locator("[data-device=sign3] .sign")).to_have_text("欢迎光临 3号")
    twin.click("[data-device=unit3] [data-key=next]")
    expect(twin.locator("[data-device=sign3] .sign")).to_have_text("请A001到3号窗口")
    expect(twin.locator("[data-device=unit3] i[data-lamp='1']")).to_have_class("on")
    expect(twin.locator(".spoken li").first).to_have_text(call("A001", "3"))
    board = twin.frame_locator("#tv iframe")
    expect(board.locator("#now-ticket")).to_have_text("A001")
    expect(board.locator("#now-window em")).to_have_text("3")


def test_a_fault_knob_on_the_twin_reaches_the_status_page(hall: Hall, visit: Callable[..., Page]) -> None:
    twin = visit("/twin", "laptop")
    twin.locator("[data-device=printer] details summary").click()
    twin.locator("[data-device=printer] [data-knob=paper_out]").check()
    until(lambda: hall.health("printer") == ("down", "paper_out"))
    status = visit("/", "phone")
    expect(status.locator("#take")).to_have_class("no")
    expect(status.locator("#take p").first).to_contain_text("缺纸：打开上盖")
    assert wide(status) <= 360
    assert status.locator("table tr").first.inner_text().startswith("printer")


def test_the_clock_of_the_twin_can_be_moved_and_sped_up(hall: Hall, visit: Callable[..., Page]) -> None:
    twin = visit("/twin", "laptop")
    expect(twin.locator("#clock")).to_contain_text("2026-11-23 08:0")
    twin.click("[data-minutes='60']")
    expect(twin.locator("#clock")).to_contain_text("2026-11-23 09:0")
    twin.select_option("#speed", "60")
    until(lambda: hall.twin.view()["speed"] == 60)


def test_the_twin_plays_a_day_by_itself_and_stops(hall: Hall, visit: Callable[..., Page]) -> None:
    twin = visit("/twin", "laptop")
    twin.select_option("#speed", "60")
    twin.click("#play")
    expect(twin.locator("#play")).to_have_text("■ 停")
    until(lambda: any("号窗口" in text for text in hall.machine("voice").spoken))
    until(lambda: hall.machine("printer").printed)  # the visitor pressed a button and gets paper
    twin.click("#play")
    expect(twin.locator("#play")).to_have_text("▶ 来人，过一天")
    assert hall.twin.view()["playing"] is False


def test_the_status_page_counts_the_boards(hall: Hall, visit: Callable[..., Page]) -> None:
    status = visit("/", "laptop")
    expect(status.locator("#show")).to_have_class("partly")
    visit("/board", "tv")
    until(lambda: hall.house.screens() == 1)
    status.reload()
    expect(status.locator("#show")).to_have_class("yes")
    expect(status.locator("#take")).to_have_class("yes")


def ask(hall: Hall, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(
        hall.url + path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text[:1] == b"{" else text.decode()


def test_only_who_signed_in_changes_anything(hall: Hall) -> None:
    status, answer = ask(hall, "/api/v1/tickets", {"service": "A"})
    assert (status, answer["error"]) == (403, "forbidden")
    assert "请先登录" in answer["message"]
    key = {"Cookie": sign_in(hall.url, SIMULATED)}
    status, answer = ask(hall, "/api/v1/tickets", {"service": "A"}, **key)
    assert status == 200
    assert answer["events"][-1]["ticket"] == "A001"
    status, answer = ask(hall, "/api/v1/windows/1/call-next", {}, **key)
    assert (status, answer["error"]) == (409, "not_open")
    assert ask(hall, "/api/v1/windows/1/dance", {}, **key)[0] == 400


def test_a_hostile_request_gets_a_plain_no(hall: Hall) -> None:
    key = {"Cookie": sign_in(hall.url, SIMULATED)}
    assert ask(hall, "/api/v1/tickets", {"service": "A"}, Host="evil.example", **key)[0] == 421
    assert ask(hall, "/api/v1/tickets", {"service": "A"}, Origin="http://evil.example", **key)[0] == 403
    assert ask(hall, "/api/v1/tickets", {"service": "A" * 40_000}, **key)[0] == 413
    assert ask(hall, "/api/v1/tickets", ["A"], **key)[0] == 400
    assert ask(hall, "/twin/knob", {"device": "printer", "knob": "__class__", "value": 1})[0] == 400
    for lever, body in (
        ("press", "x"),
        ("clock", []),
        ("clock", {"speed": "x"}),
        ("clock", {"minutes": 1e300}),
    ):
        assert ask(hall, f"/twin/{lever}", body)[0] == 400, body
    assert not hall.state.tickets


def test_an_unconfirmed_ticket_is_offered_for_a_marked_copy(hall: Hall, visit: Callable[..., Page]) -> None:
    hall.turn("printer", "deaf")
    until(lambda: hall.state.kiosks)
    hall.turn("printer", "deaf", 0)
    until(lambda: not hall.state.kiosks)
    hall.take("A")
    until(lambda: hall.state.tickets["A001"].paper == "confirmed")
    report = ReportPaper(hall.state.day, "A001", "unconfirmed", actor="printer")
    hall.house.engine.submit(report).result()
    login = visit("/login", "phone")
    login.fill("[name=given]", SIMULATED)
    login.click("button")
    login.click("text=补打 A001")
    until(lambda: hall.state.tickets["A001"].prints == 2)
    until(lambda: hall.machine("printer").printed == 2)
    until(lambda: hall.state.rolls["hall"].used)
    login.click("text=换了新纸卷")
    until(lambda: not hall.state.rolls["hall"].used)


def test_a_technician_confirms_the_time_on_the_status_page(
    start_hall: Callable[..., Hall], browser: Browser
) -> None:
    clock = FakeClock(MONDAY - timedelta(days=3))
    clock.trusted = False
    hall = start_hall(at=clock)
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(hall.url + "/login")
    page.fill("[name=given]", SIMULATED)
    page.click("button")
    page.fill("input[name=wall]", "2026-11-22T07:50")
    page.click("text=确认时间")
    expect(page.locator(".note")).to_contain_text("不是营业日，确定营业吗")
    page.click("text=返回状态页")
    page.fill("input[name=wall]", "2026-11-23T07:50")
    page.click("text=确认时间")
    until(lambda: hall.state.day == "2026-11-23")
    assert clock.now().trusted
    page.close()


def test_the_twin_shows_every_kind_of_device(
    start_hall: Callable[..., Hall], visit: Callable[..., Page]
) -> None:
    hall = start_hall(
        EXAMPLE.read_text()
        + """
[device.pad1]
driver = "callunit_keypad"
url = "/dev/input/by-path/pad-1"
window = "1"

[device.unit5]
driver = "callunit_profile"
url = "/dev/units5"
profile = "ff68"
window = "2"

[device.number1]
driver = "sign_modbus"
url = "/dev/number"
address = 9
window = "1"

[device.tv]
driver = "power_cec"

[device.relay]
driver = "power_modbus"
url = "/dev/relay"
address = 40
""",
        "everything",
    )
    hall.take()
    twin = visit("/board", "laptop")
    twin.goto(hall.url + "/twin")
    pad = twin.locator("[data-device=pad1]")
    for key in ("7", "7", "next"):
        pad.locator(f"[data-key='{key}']").click()
    until(lambda: hall.state.window("1").clerk == "77")
    pad.locator("[data-key=next]").click()
    expect(twin.locator("[data-device=number1] .sign")).to_have_text("1")
    twin.locator("[data-device=unit5] [data-key=next]").click()
    until(lambda: hall.state.window("2").clerk)
    expect(twin.locator("[data-device=tv] .sign")).to_have_text("TV ●")
    expect(twin.locator("[data-device=relay] .on")).to_have_count(1)
    expect(twin.locator("#clock")).to_contain_text("08:0")
