"""The kiosk's page in real Chromium at its two sizes: every state, touch and button as equals."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from conftest import EXAMPLE, MONDAY, Hall
from playwright.sync_api import Browser, Page, expect
from wait import until

from controller.clock import FakeClock

SIZES = {"portrait": (1080, 1920), "landscape": (1920, 1080)}
RICH = (
    EXAMPLE.read_text()
    .replace("[service.A]\n", '[service.A]\nmaterials = ["身份证", "社保卡"]\n')
    .replace("[service.B]\n", '[service.B]\ngroup = "people"\n')
    .replace("[service.C]\n", '[service.C]\ngroup = "people"\n')
) + '\n[group.people]\nname = "民政与计生"\nname_en = "Civil affairs"\n[web]\nlink = "http://10.0.0.5"\n'


CUT = """[...document.querySelectorAll("body *")].filter(e => e.checkVisibility() &&
    (e.scrollWidth > e.clientWidth + 1 && e.clientWidth
    || e.getBoundingClientRect().bottom > innerHeight + 1
    || e.tagName === "BUTTON" && Math.min(e.offsetWidth, e.offsetHeight) < 60))
    .map(e => e.outerHTML.slice(0, 90))"""


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return SIZES[request.param]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    pages: list[Page] = []

    def open_page(hall: Hall, size: tuple[int, int] = (1080, 1920)) -> Page:
        pages.append(browser.new_page(viewport={"width": size[0], "height": size[1]}))
        pages[-1].goto(f"{hall.url}/kiosk")
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()


def fits(page: Page) -> None:
    """Nothing is cut off, nothing scrolls, every target is 60 px and more."""
    cut = page.evaluate(CUT)
    assert cut == []
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_two_touches_give_a_ticket_on_paper(
    start_hall: Callable[..., Hall], visit: Callable[..., Page], size: tuple[int, int]
) -> None:
    hall = start_hall(text=RICH)
    until(lambda: not hall.state.kiosks)
    page = visit(hall, size)
    expect(page.locator(".tiles button")).to_have_count(3)  # A, D and the group of B and C
    fits(page)
    page.click(".tiles >> text=社保")
    expect(page.locator("li")).to_have_text(["☐ 身份证", "☐ 社保卡"])
    fits(page)
    page.click("text=最多提前")
    page.click("main >> text=取号")
    expect(page.locator(".number")).to_have_text("A001")
    fits(page)
    assert hall.state.tickets["A001"].credit == 1200
    until(lambda: hall.machine("printer").printed == 1)
    page.click("main >> text=好了")
    page.click(".tiles >> text=民政与计生")
    expect(page.locator(".tiles button")).to_have_count(2)
    page.click("text=返回")
    expect(page.locator(".tiles button")).to_have_count(3)
    page.click("text=English")
    expect(page.locator("h2")).to_have_text("What do you come for?")


def test_large_letters_show_two_at_a_time(
    start_hall: Callable[..., Hall], visit: Callable[..., Page], size: tuple[int, int]
) -> None:
    hall = start_hall()
    until(lambda: not hall.state.kiosks)
    page = visit(hall, size)
    page.click("text=大字")
    expect(page.locator(".tiles button")).to_have_count(2)
    fits(page)
    page.click("text=下一页")
    page.click(".tiles >> text=计生")
    fits(page)
    page.click("main >> text=取号")
    expect(page.locator(".number")).to_have_text("C001")
    fits(page)
    assert hall.state.tickets["C001"].large


def test_without_a_printer_the_number_stands_on_the_screen_and_waits_for_paper(
    start_hall: Callable[..., Hall], visit: Callable[..., Page], size: tuple[int, int]
) -> None:
    hall = start_hall(text=RICH)
    page = visit(hall, size)
    hall.turn("printer", "paper_out")
    until(lambda: hall.state.kiosks.get("hall") == "paper_out")
    expect(page.locator("#note")).to_contain_text("号码显示在屏幕上")
    page.click(".tiles >> text=社保")
    page.click("main >> text=取号")
    expect(page.locator("h2")).to_contain_text("请记住这个号")
    expect(page.locator(".number")).to_have_text("A001")
    expect(page.locator("img")).to_be_visible()
    fits(page)
    assert hall.state.tickets["A001"].paper == "screen"
    hall.turn("printer", "paper_out", 0)
    until(lambda: not hall.state.kiosks)
    assert hall.machine("printer").printed == 0, "not printed by itself: the visitor has the number"
    assert "events" in hall.ask("tickets/A001/reprint")
    until(lambda: hall.machine("printer").printed == 1)


def test_the_button_beside_the_screen_is_its_equal(
    start_hall: Callable[..., Hall], visit: Callable[..., Page]
) -> None:
    hall = start_hall()
    until(lambda: not hall.state.kiosks)
    page = visit(hall)
    expect(page.locator(".tiles button")).to_have_count(4)
    number = hall.take("B")
    expect(page.locator(".number")).to_have_text(number)


def test_a_call_for_help_reaches_the_desk(
    start_hall: Callable[..., Hall], visit: Callable[..., Page]
) -> None:
    hall = start_hall()
    page = visit(hall)
    page.click("text=找人帮忙")
    expect(page.locator("#help")).to_have_text("已告诉工作人员")
    assert hall.state.help == ("hall",)


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (-60, "还没到取号时间，8:00 开始"),
        (240, "午休，14:30 继续取号"),
        (660, "今天已停止取号，下次：11月24日(周二)8:00"),
    ],
    ids=["before", "break", "closed"],
)
def test_out_of_hours_it_says_when_to_come(
    start_hall: Callable[..., Hall], visit: Callable[..., Page], minutes: int, said: str
) -> None:
    hall = start_hall(at=FakeClock(MONDAY + timedelta(minutes=minutes)))
    page = visit(hall)
    expect(page.locator("h2")).to_have_text(said)
    page.click(".tiles >> text=社保")
    expect(page.locator(".big")).to_contain_text("取号")
    fits(page)
    page.click("main >> text=返回")
    expect(page.locator("h2")).to_have_text(said)


def test_an_emergency_a_doubtful_clock_and_a_lost_connection_take_the_screen(
    start_hall: Callable[..., Hall], visit: Callable[..., Page], size: tuple[int, int]
) -> None:
    clock = FakeClock(MONDAY)
    clock.trusted = False
    hall = start_hall(at=clock)
    page = visit(hall, size)
    expect(page.locator("#note")).to_contain_text("时钟待确认")
    hall.ask("hall/freeze", reason="evacuation")
    expect(page.locator("h2")).to_contain_text("请听工作人员安排")
    fits(page)
    page.context.set_offline(True)
    expect(page.locator("#off")).to_be_visible(timeout=15_000)
    page.context.set_offline(False)
    expect(page.locator("#off")).to_be_hidden(timeout=15_000)


def test_it_can_be_used_by_keyboard_alone(
    start_hall: Callable[..., Hall], visit: Callable[..., Page]
) -> None:
    hall = start_hall()
    until(lambda: not hall.state.kiosks)
    page = visit(hall)
    page.locator(".tiles button").first.focus()
    page.keyboard.press("Enter")
    until(lambda: page.locator("main >> text=取号").count())
    page.locator("main >> text=取号").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".number")).to_have_text("A001")
