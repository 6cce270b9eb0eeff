"""axe-core reads every page in every state: no violation of WCAG 2.2 A and AA."""

from collections.abc import Callable, Iterator

import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from conftest import EXAMPLE, Hall
from contrast import cut, faint
from playwright.sync_api import Browser, Page, expect
from wait import until

from controller.app.running import SIMULATED

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
SIZES = {"tv": (1920, 1080), "kiosk": (1080, 1920), "phone": (360, 740), "laptop": (1440, 900)}
HALL = (
    EXAMPLE.read_text().replace("[service.A]\n", '[service.A]\nmaterials = ["身份证", "社保卡"]\n')
    + '\n[web]\nlink = "http://127.0.0.1"\n'
)


def clean(page: Page) -> None:
    """Nothing for axe to complain about."""
    found = Axe().run(page, options=RULES)
    assert found.response["passes"], "there was something to look at"
    faults = [
        (rule["id"], rule["help"], [node["html"][:160] for node in rule["nodes"]])
        for rule in found.response["violations"]
    ]
    assert faults == []


def legible(page: Page) -> None:
    """Clean, whole, and of the contrast that eyes of any age can read from where they stand."""
    clean(page)
    assert faint(page) == []
    assert cut(page) == []


@pytest.fixture
def hall(start_hall: Callable[..., Hall]) -> Hall:
    """One with somebody at window 1, somebody in line, somebody missed, and a printer without paper."""
    hall = start_hall(HALL + "\n[policy]\ncalls = 1\n")
    for _ in range(3):
        hall.ask("tickets", service="A")
    hall.ask("windows/1/sign-in", clerk="1001")
    hall.ask("windows/1/call-next")
    hall.ask("windows/1/no-show")
    hall.ask("windows/1/call-next")
    until(lambda: hall.state.tickets["A001"].paper == "confirmed")
    hall.turn("printer", "paper_out")
    until(lambda: hall.state.kiosks)
    return hall


@pytest.fixture
def visit(browser: Browser, hall: Hall) -> Iterator[Callable[..., Page]]:
    context = browser.new_context(base_url=hall.url)

    def open_page(path: str, size: str = "laptop") -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": SIZES[size][0], "height": SIZES[size][1]})
        page.goto(path)
        return page

    yield open_page
    context.close()


def enter(page: Page, **words: str) -> None:
    for name, word in words.items():
        page.fill(f"[name={name}]", word)
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.parametrize("size", ["phone", "laptop"])
def test_the_technicians_pages(hall: Hall, visit: Callable[..., Page], size: str) -> None:
    clean(visit("/", size))
    clean(visit("/?lang=en", size))
    page = visit("/login", size)
    clean(page)
    enter(page, given="wrong")
    expect(page.locator("body")).to_contain_text("不对")
    clean(page)
    enter(page, given=SIMULATED)
    page.goto("/")
    expect(page.locator("#take")).to_have_class("no")
    clean(page)
    page.goto("/access")
    expect(page.locator("[name=clerk]").first).to_be_attached()
    clean(page)


@pytest.mark.parametrize("size", ["phone", "laptop"])
def test_the_clerks_and_the_desks_pages(hall: Hall, visit: Callable[..., Page], size: str) -> None:
    page = visit("/window/1", size)
    clean(page)
    enter(page, clerk="1001", pin="000000")
    expect(page.locator("#ticket")).to_have_text("A002")
    clean(page)
    page = visit("/desk", size)
    clean(page)
    enter(page, clerk="1002", pin="000000")
    clean(page)
    page.goto("/desk?number=A001")
    expect(page.locator("body")).to_contain_text("A001")
    clean(page)


def test_the_board_open_and_in_an_emergency(hall: Hall, visit: Callable[..., Page]) -> None:
    page = visit("/board", "tv")
    expect(page.locator("#calls li").first).to_contain_text("A002")
    legible(page)
    hall.ask("hall/freeze", reason="evacuation")
    expect(page.locator("body")).to_contain_text("请听工作人员安排")
    legible(page)


@pytest.mark.parametrize("size", ["kiosk", "tv"])
def test_the_kiosk_in_its_states(hall: Hall, visit: Callable[..., Page], size: str) -> None:
    page = visit("/kiosk", size)
    legible(page)
    page.click("text=大字")
    legible(page)
    page.click("text=大字")
    page.click(".tiles >> text=社保")
    legible(page)
    page.click("main >> text=取号")
    expect(page.locator(".number")).to_be_visible()
    legible(page)
    hall.ask("hall/freeze", reason="power")
    expect(page.locator("h2")).to_contain_text("请听工作人员安排")
    legible(page)


def test_a_tickets_page_the_rules_and_the_twin(hall: Hall, visit: Callable[..., Page]) -> None:
    hall.turn("printer", "paper_out", 0)
    until(lambda: not hall.state.kiosks)
    clean(visit("/rules", "phone"))
    clean(visit("/t/nothing", "phone"))
    (code,) = zxingcpp.read_barcodes(hall.machine("printer").papers[0].convert("L"))
    ticket = visit(code.text.removeprefix("http://127.0.0.1"), "phone")
    expect(ticket.locator("h1")).to_have_text("A001")
    clean(ticket)
    twin = visit("/twin")
    expect(twin.locator("#clock")).to_contain_text(":")
    clean(twin)
