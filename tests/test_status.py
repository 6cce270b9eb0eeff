"""The technician's page and /metrics: what they say, and what their buttons do to real devices."""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import EXAMPLE, MONDAY, Hall, sign_in
from playwright.sync_api import Browser, Page, Request, Route, expect
from wait import until

from controller.app.running import SIMULATED
from controller.hall.events import Event
from controller.runtime import pi
from controller.runtime.clock import FakeClock
from display.words.catalogue import catalogue


@pytest.fixture
def page(browser: Browser, hall: Hall) -> Iterator[Page]:
    """The page as the technician sees it on a phone, without JavaScript."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, java_script_enabled=False, base_url=hall.url
    )
    page = context.new_page()
    page.goto("/login")
    page.fill("[name=given]", SIMULATED)
    page.click("button")
    yield page
    context.close()


def row(page: Page, device: str) -> str:
    page.goto("/")
    return page.locator("tr", has=page.locator(f"th:has-text('{device}')")).inner_text()


def press(page: Page, device: str, label: str) -> None:
    page.goto("/")
    page.locator("tr", has=page.locator(f"th:has-text('{device}')")).get_by_text(label, exact=True).click()


def test_the_printers_test_prints_a_slip_that_nobody_counts(hall: Hall, page: Page) -> None:
    press(page, "printer", "自检")
    until(lambda: hall.machine("printer").printed == 1)
    assert hall.state.tickets == {}
    assert page.url == f"{hall.url}/", "back on the page"


def test_a_signs_test_stands_for_a_moment_and_a_call_ends_it(hall: Hall, page: Page) -> None:
    press(page, "sign1", "自检")
    until(lambda: hall.machine("sign1").text == "测试")
    hall.take("A")
    hall.call("1")
    until(lambda: "A001" in hall.machine("sign1").text)


def test_a_call_units_test_blinks_red_and_a_kiosks_lights_its_buttons(hall: Hall, page: Page) -> None:
    with ThreadPoolExecutor() as watching:  # it is over before a slow page is there again
        red = watching.submit(until, lambda: hall.machine("unit2").lamps[2])
        press(page, "unit2", "自检")
        assert red.result()
    hall.ask("hall/freeze", reason="fault")
    until(lambda: not any(hall.twin.lit("buttons", key) for key in "ABCD"))
    press(page, "buttons", "自检")
    until(lambda: all(hall.twin.lit("buttons", key) for key in "ABCD"))


def test_a_muted_voice_says_nothing_and_the_page_says_so(hall: Hall, page: Page) -> None:
    voice = hall.machine("voice")
    press(page, "voice", "静默")
    assert "已静默" in row(page, "voice")
    assert "已静默" in page.locator("#speak").inner_text()
    hall.take("A")
    hall.call("1")
    press(page, "voice", "恢复播音")
    hall.take("A")
    hall.call("3")
    until(lambda: any("A零零二" in text for text in voice.spoken))
    assert not any("A零零一" in text for text in voice.spoken)


def test_a_device_that_is_down_says_since_when_and_is_opened_again_at_once(
    start_hall: Callable[..., Hall], browser: Browser
) -> None:
    slow = EXAMPLE.read_text()
    hall = start_hall(slow.replace("width = 576", "width = 576\nretry = 600.0"))
    context = browser.new_context(java_script_enabled=False, base_url=hall.url)
    page = context.new_page()
    page.goto("/login")
    page.fill("[name=given]", SIMULATED)
    page.click("button")
    hall.turn("printer", "unplugged")
    until(lambda: hall.health("printer") == ("down", "cable"))
    said = row(page, "printer")
    assert "连不上" in said
    assert "已 0 分钟" in said
    assert page.locator("tr").first.inner_text().startswith("printer"), "faults first"
    hall.turn("printer", "unplugged", 0)
    page.locator("tr", has_text="printer").get_by_text("重连", exact=True).click()
    until(lambda: hall.health("printer") == ("up", ""))
    page.goto("/")
    happened = page.locator("section", has=page.locator("h2:has-text('最近发生')")).inner_text()
    assert "printer 恢复正常" in happened
    assert "printer：连不上" in happened
    context.close()


def test_it_tells_what_happened_last_in_words_without_a_clerks_number(hall: Hall, page: Page) -> None:
    hall.take("A")
    hall.call("1")
    page.goto("/")
    happened = page.locator("section", has=page.locator("h2:has-text('最近发生')")).inner_text()
    assert "取号 A001" in happened
    assert "A001 1号窗口叫号" in happened
    assert "1001" not in page.locator("body").inner_text()


def test_what_somebody_wrote_himself_is_not_for_everybody(hall: Hall) -> None:
    hall.take("A")
    hall.ask("tickets/A001/cancel", reason="王小明走错了")
    page = hall.page("/")
    assert "作废 …" in page
    assert "王小明" not in page


def test_after_a_restart_it_still_tells_what_happened_before(start_hall: Callable[..., Hall]) -> None:
    hall = start_hall()
    hall.take("A")
    hall.stop()
    assert "取号 A001" in start_hall().page("/")


def test_every_event_has_a_sentence_in_both_languages() -> None:
    def kinds(kind: type[Event]) -> Iterator[type[Event]]:
        for sub in kind.__subclasses__():
            yield sub
            yield from kinds(sub)

    concrete = {kind.__name__ for kind in kinds(Event)} - {"WindowEvent", "TicketEvent"}
    assert {f"event.{name}" for name in concrete} <= catalogue().keys()


def test_the_clock_and_its_source_stand_there(start_hall: Callable[..., Hall]) -> None:
    assert "2026-11-23 08:00（模拟时钟）" in start_hall().page("/")
    doubtful = FakeClock(MONDAY)
    doubtful.trusted = False
    assert "未校准" in start_hall(folder="other", at=doubtful).page("/")


def test_nothing_is_wider_than_a_phone(hall: Hall, page: Page) -> None:
    hall.turn("printer", "paper_out")
    until(lambda: hall.health("printer")[1] == "paper_out")
    page.goto("/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    expect(page.locator("#take b")).to_contain_text("不能")


def test_with_scripts_a_fault_appears_by_itself_and_what_is_typed_stays(
    start_hall: Callable[..., Hall], browser: Browser
) -> None:
    doubtful = FakeClock(MONDAY)
    doubtful.trusted = False
    hall = start_hall(at=doubtful)
    page = browser.new_page(base_url=hall.url)
    page.clock.install()
    page.goto("/login")
    page.fill("[name=given]", SIMULATED)
    page.click("button")
    hall.turn("printer", "paper_out")
    until(lambda: hall.health("printer")[1] == "paper_out")
    page.clock.run_for(60_000)
    expect(page.locator("#take b")).to_contain_text("不能")
    # A renewal is under way when somebody begins to type: its answer may not take the field away.
    asked, held = list[Request](), list[Route]()
    page.on("request", lambda request: asked.append(request))
    page.route("**/", lambda route: held.append(route))
    hall.turn("printer", "paper_out", 0)
    until(lambda: hall.health("printer") == ("up", ""))
    page.clock.run_for(60_000)
    until(lambda: page.title() and held)
    page.fill("[name=wall]", "2026-11-23T09:30")
    with page.expect_event("requestfinished"):
        held.pop().continue_()
    page.unroute("**/")
    before = len(asked)
    page.clock.run_for(60_000)  # and nothing is renewed under the fingers
    assert len(asked) == before
    expect(page.locator("#take b")).to_contain_text("不能")
    assert page.input_value("[name=wall]") == "2026-11-23T09:30"
    page.locator("[name=wall]").blur()
    page.clock.run_for(60_000)
    expect(page.locator("#take b")).to_contain_text("✔")
    page.close()


@pytest.mark.parametrize("bits", range(16))
def test_the_powers_word_is_that_of_the_firmwares_bits(tmp_path: Path, bits: int) -> None:
    def told(register: int) -> str:
        (folder / "get_throttled").write_text(f"{register:#x}\n")
        return pi.power(tmp_path)

    folder = tmp_path / "sys/devices/platform/soc/soc:firmware"
    assert pi.power(tmp_path) == "", "not a Pi"
    folder.mkdir(parents=True)
    for before in range(16):  # all 256 patterns: now and since the start
        now = "low" if bits & 1 else "hot" if bits else ""
        was = "was_low" if before & 1 else "was_hot" if before else "ok"
        assert told(bits | before << 16) == (now or was)


def metric(text: str, name: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def test_metrics_are_prometheus_text_and_say_the_same_as_the_page(hall: Hall) -> None:
    hall.take("A")
    hall.take("B")
    hall.call("1")
    hall.turn("printer", "paper_out")
    until(lambda: hall.health("printer")[1] == "paper_out")
    with urllib.request.urlopen(f"{hall.url}/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    assert metric(text, 'hallqueue_tickets_today{state="issued"}') == 2
    assert metric(text, "hallqueue_waiting") == 1
    assert metric(text, "hallqueue_windows_open") == 1
    assert metric(text, 'hallqueue_device_up{device="printer"}') == 0
    assert metric(text, 'hallqueue_answer{question="take"}') == 0
    assert metric(text, 'hallqueue_answer{question="call"}') == 1
    assert metric(text, "hallqueue_journal_ok") == 1
    for line in text.splitlines():
        assert not line or line[0] == "#" or float(line.rpartition(" ")[2]) >= 0, line
    named = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert named == {line.split("{")[0].split()[0] for line in text.splitlines() if line and line[0] != "#"}


def test_only_the_technician_may_press_a_devices_button(hall: Hall) -> None:
    def status(cookie: str, path: str) -> int:
        request = urllib.request.Request(hall.url + path, b"", {"Cookie": cookie})
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    assert status("", "/device/printer/test") == 403
    cookie = sign_in(hall.url, SIMULATED)
    assert status(cookie, "/device/printer/test") == 200
    assert status(cookie, "/device/nothing/test") == 404
    assert status(cookie, "/device/printer/explode") == 404


def test_the_time_is_put_right_on_the_page_which_says_what_was_odd(
    start_hall: Callable[..., Hall], browser: Browser
) -> None:
    start_hall().stop()
    woken = FakeClock(MONDAY.replace(hour=17))
    woken.trusted = False
    hall = start_hall(at=woken)
    context = browser.new_context(viewport={"width": 360, "height": 740}, base_url=hall.url)
    page = context.new_page()
    page.goto("/login")
    page.fill("[name=given]", SIMULATED)
    page.click("button")

    def confirm(wall: str, sure: bool) -> None:
        page.goto("/")
        page.fill("[name=wall]", wall)
        page.set_checked("[name=sure]", sure)
        page.click("text=确认时间")

    confirm("2026-12-28T09:00", False)
    expect(page.locator(".note")).to_contain_text("离最后一次可信的时间 2026-11-23 08:00 有 35 天，确定吗")
    confirm("9999-12-31T23:59", True)
    expect(page.locator(".note")).to_have_text("年份要在 2000 到 2099 之间，请重新填写")
    assert hall.state.day == "2026-11-23"
    confirm("2028-12-28T09:00", True)
    until(lambda: hall.state.day == "2028-12-28")
    context.close()
