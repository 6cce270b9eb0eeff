"""`make pictures`: every ticket, sign and page as people see it, in pictures/. The dozen that tell the
story stand, half as large, in docs/pictures/."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import zxingcpp
from conftest import EXAMPLE, MONDAY, ROOT, Hall
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect
from test_ticket import LINK, TOLD, issued, printed
from wait import until

from controller.app.running import SIMULATED
from controller.runtime.clock import FakeClock
from controller.settings.reader import parse
from display.paper import ticket
from drivers.base.load import load

OUT, DOCS = ROOT / "pictures", ROOT / "docs" / "pictures"
STORY = {
    *("twin", "board", "board-emergency", "kiosk", "kiosk-service", "kiosk-large", "kiosk-screen-number"),
    *("ticket-80", "ticket-80-large", "signs", "pager", "desk", "phone", "status-fault"),
}
RICH = (
    EXAMPLE.read_text().replace("[service.A]\n", '[service.A]\nmaterials = ["身份证", "社保卡", "户口本"]\n')
) + LINK
SIZES = {"tv": (1920, 1080), "kiosk": (1080, 1920), "phone": (360, 740), "laptop": (1440, 900)}


def keep(name: str, picture: Image.Image) -> None:
    OUT.mkdir(exist_ok=True)
    picture.save(OUT / f"{name}.png")
    if name in STORY:
        DOCS.mkdir(exist_ok=True)
        half = picture.convert("RGB").reduce(2)
        half.quantize(64).save(DOCS / f"{name}.png", optimize=True)


@pytest.fixture
def shoot(browser: Browser) -> Iterator[Callable[..., Page]]:
    context = browser.new_context()

    def visit(hall: Hall, path: str, size: str, before: Callable[[Page], object] = lambda page: None) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": SIZES[size][0], "height": SIZES[size][1]})
        page.goto(hall.url + path)
        before(page)
        return page

    yield visit
    context.close()


def snap(page: Page, name: str, whole: bool = False) -> None:
    page.wait_for_timeout(400)  # fonts and transitions
    page.screenshot(path=OUT / f"{name}.png", full_page=whole)
    keep(name, Image.open(OUT / f"{name}.png"))
    page.close()


def enter(page: Page, **words: str) -> None:
    for name, word in words.items():
        page.fill(f"[name={name}]", word)
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.parametrize("width", [576, 384])
@pytest.mark.parametrize("mode", ["raster", "text"])
def test_tickets(tmp_path: Path, width: int, mode: str) -> None:
    plan = parse(RICH.encode(), load)
    for form in ("", "large", "copy", "test", "doubt"):
        state, mine = issued(plan, large=form == "large", test=False)
        mine = replace(mine, prints=2 if form == "copy" else 1, test=form == "test")
        mine = replace(mine, issued=replace(mine.issued, trusted=form != "doubt"))
        content = ticket.lines(plan, state, mine, TOLD, "k" * 22)
        (folder := tmp_path / f"{form}{width}{mode}").mkdir()
        paper = printed(content, width, mode, folder).papers[0].convert("L")
        parts = ["ticket", str({576: 80, 384: 58}[width]), form, "text" * (mode == "text")]
        framed = Image.new("L", (paper.width + 24, paper.height + 24), 200)
        framed.paste(paper, (12, 12))
        keep("-".join(filter(None, parts)), framed)


def lit(text: str, width: int = 128) -> Image.Image:
    """A sign's text as its lamps show it: 16 dots high."""
    dots = Image.new("L", (width, 16))
    ImageDraw.Draw(dots).text((0, 7), text, 255, ticket.font(15), anchor="lm")
    panel = Image.new("RGB", (width * 6, 96), "#140400")
    draw = ImageDraw.Draw(panel)
    for x in range(width):
        for y in range(16):
            color = "#ff6a1a" if dots.getpixel((x, y)) > 110 else "#2a0d04"  # type: ignore[operator]
            draw.ellipse((6 * x + 1, 6 * y + 1, 6 * x + 5, 6 * y + 5), color)
    return panel


def test_signs(start_hall: Callable[..., Hall]) -> None:
    shown: list[str] = []

    def look(hall: Hall) -> None:
        text = until(lambda: (t := str(hall.machine("sign1").text)) not in shown and t)
        shown.append(text)

    clock = FakeClock(MONDAY)
    hall = start_hall(at=clock)
    look(hall)
    hall.press("unit1", "next")
    look(hall)
    hall.take("A")
    hall.call("1")
    look(hall)
    for path in ("windows/1/start", "windows/1/complete", "windows/1/pause"):
        hall.ask(path, **({"minutes": 20} if "pause" in path else {}))
        if "complete" not in path:
            look(hall)
    hall.ask("hall/freeze", reason="evacuation")
    look(hall)
    hall.ask("hall/unfreeze")
    hall.ask("windows/1/sign-out")
    for minutes in (240, 420):
        clock.move(MONDAY + timedelta(minutes=minutes + (180 if minutes == 420 else 0)))
        look(hall)
    sheet = Image.new("RGB", (128 * 6 + 40, 116 * len(shown) + 20), "#444")
    for row, text in enumerate(shown):
        sheet.paste(lit(text), (20, 20 + 116 * row))
    keep("signs", sheet)


def test_pages(start_hall: Callable[..., Hall], shoot: Callable[..., Page]) -> None:
    hall = start_hall(RICH)
    for service in "AABADC":
        hall.take(service)
    for window in "134":
        hall.call(window)
    until(lambda: hall.house.foreseen())
    snap(shoot(hall, "/twin", "laptop", lambda page: page.locator("#printers img").first.wait_for()), "twin")
    snap(shoot(hall, "/board", "tv"), "board")
    snap(shoot(hall, "/rules", "phone"), "rules", True)
    snap(shoot(hall, "/kiosk", "kiosk"), "kiosk")
    snap(shoot(hall, "/kiosk", "tv"), "kiosk-wide")
    snap(shoot(hall, "/kiosk", "kiosk", lambda page: page.click(".tiles >> text=社保")), "kiosk-service")
    snap(shoot(hall, "/kiosk", "kiosk", lambda page: page.click("text=大字")), "kiosk-large")
    snap(shoot(hall, "/kiosk", "kiosk", lambda page: page.click("text=English")), "kiosk-english")
    (code,) = zxingcpp.read_barcodes(hall.machine("printer").papers[1].convert("L"))
    snap(shoot(hall, code.text.removeprefix("http://192.168.1.5:8080"), "phone"), "phone")
    clerk = lambda page: enter(page, clerk="1003", pin="000000")  # noqa: E731
    snap(shoot(hall, "/window/3", "phone", clerk), "pager", True)
    desk = shoot(hall, "/desk", "laptop", lambda page: enter(page, clerk="1002", pin="000000"))
    snap(desk, "desk", True)
    snap(shoot(hall, "/login", "phone"), "login")
    hall.turn("printer", "paper_out")
    until(lambda: hall.state.kiosks.get("hall") == "paper_out")
    page = shoot(hall, "/kiosk", "kiosk", lambda page: page.click(".tiles >> text=社保"))
    page.click("main >> text=取号")
    expect(page.locator(".number")).to_be_visible()
    snap(page, "kiosk-screen-number")
    snap(shoot(hall, "/board", "tv"), "board-no-paper")

    def sign_in(page: Page) -> None:
        enter(page, given=SIMULATED)
        page.goto(hall.url)

    snap(shoot(hall, "/login", "phone", sign_in), "status-fault", True)
    snap(shoot(hall, "/access", "laptop"), "access", True)
    hall.ask("hall/freeze", reason="evacuation")
    snap(shoot(hall, "/board", "tv"), "board-emergency")
    snap(shoot(hall, "/kiosk", "kiosk"), "kiosk-emergency")


@pytest.mark.parametrize(("state", "minutes"), [("before", -60), ("break", 240), ("closed", 660)])
def test_pages_out_of_hours(
    start_hall: Callable[..., Hall], shoot: Callable[..., Page], state: str, minutes: int
) -> None:
    hall = start_hall(at=FakeClock(MONDAY + timedelta(minutes=minutes)))
    snap(shoot(hall, "/board", "tv"), f"board-{state}")
    snap(shoot(hall, "/kiosk", "kiosk"), f"kiosk-{state}")
    snap(shoot(hall, "/", "phone"), f"status-{state}", True)
