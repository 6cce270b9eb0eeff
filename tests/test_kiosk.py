"""The kiosk's page in real Chromium at its two sizes: every state, touch and button as equals."""

import io
import os
import wave
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import EXAMPLE, MONDAY, Hall, needs
from contrast import faint
from playwright.sync_api import Browser, Page, Response, Route, expect
from visitor import Visitor
from wait import until

from controller.hall.moment import Now
from controller.hall.state import State
from controller.runtime.clock import FakeClock
from controller.settings.schema import Settings
from display.screens import kiosk as view
from display.words.catalogue import minutes as in_minutes
from drivers.parts.speech import spoken, wav
from web.pages.kiosk import VOICES

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
    [(-60, "还没到取号时间，8:00 开始"), (240, "午休，14:30 继续取号")],
    ids=["before", "break"],
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


def test_a_service_without_tickets_left_says_when_to_come_and_what_else_there_is(
    start_hall: Callable[..., Hall], visit: Callable[..., Page], size: tuple[int, int]
) -> None:
    hall = start_hall(text=RICH.replace("[service.A]\n", "[service.A]\nquota = [1, 5]\n"))
    page = visit(hall, size)
    page.click(".tiles >> text=社保")
    page.click("main >> text=取号")
    expect(page.locator(".number")).to_have_text("A001")
    page.click("main >> text=好了")
    expect(page.locator(".tiles button.no")).to_contain_text("社保本场号已发完，14:30再取，或到咨询台")
    page.click(".tiles >> text=社保")
    expect(page.locator("h2")).to_have_text("现在不能取这个号")
    expect(page.locator("main")).to_contain_text("可以办别的事，或找人帮忙")
    fits(page)
    assert faint(page, 7) == []
    page.click("main >> text=返回")
    page.click(".tiles >> text=综合咨询")
    page.click("main >> text=取号")
    expect(page.locator(".number")).to_have_text("D001")


def test_every_text_of_the_kiosk_is_seven_times_lighter_or_darker_than_its_ground(
    start_hall: Callable[..., Hall], visit: Callable[..., Page], size: tuple[int, int]
) -> None:
    hall = start_hall(text=RICH)
    page = visit(hall, size)
    assert faint(page, 7) == []
    page.click("text=大字")
    assert faint(page, 7) == []
    page.click(".tiles >> text=社保")
    assert faint(page, 7) == []
    page.click("main >> text=取号")
    expect(page.locator(".number")).to_be_visible()
    assert faint(page, 7) == []
    hall.turn("printer", "paper_out")
    expect(page.locator("#note")).to_contain_text("号码显示在屏幕上")
    page.click("main >> text=好了")
    assert faint(page, 7) == []
    hall.ask("hall/freeze", reason="power")
    expect(page.locator("h2")).to_contain_text("请听工作人员安排")
    assert faint(page, 7) == []


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
    expect(page.locator("#off")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#off")).to_be_hidden()


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


Heard = tuple[Hall, Page, list[Response]]


@pytest.fixture
def hears(start_hall: Callable[..., Hall], visit: Callable[..., Page]) -> Heard:
    """A hall, its kiosk's page, and what the page was given to play."""
    needs("espeak-ng")
    hall = start_hall(text=RICH)
    until(lambda: not hall.state.kiosks)
    for _ in range(2):
        hall.ask("tickets", service="A")
    until(lambda: "A" in hall.house.foreseen())
    page, played = visit(hall), list[Response]()
    page.on("response", lambda answer: played.append(answer) if "/voice?" in answer.url else None)
    return hall, page, played


def says(hears: Heard, text: str, lang: str = "zh") -> None:
    """The page plays this sentence, and no other one since the last."""
    _, page, played = hears
    until(lambda: page.evaluate("voice.src") in [answer.url for answer in played])
    until(lambda: page.evaluate("voice.readyState > 2 && !voice.paused && voice.currentTime > 0"))
    (answer,) = played
    played.clear()
    sound = page.request.get(answer.url).body()
    assert sound == wav(*spoken(text, VOICES[lang])), answer.url
    with wave.open(io.BytesIO(sound)) as file:
        assert file.getnframes() > file.getframerate(), "more than a second"
        assert max(array("h", file.readframes(file.getnframes()))) > 3000, "that can be heard"


HOME = "请按您要办的事。民政与计生，按上面的按钮。社保，按下面的按钮。别的事，按右边的下一页"


def test_with_large_letters_the_page_says_what_it_shows(hears: Heard) -> None:
    hall, page, played = hears
    expect(page.locator(".tiles >> text=前面 2 人 ·")).to_be_visible()
    page.click("text=大字")
    says(hears, HOME)
    fits(page)
    page.click(".tiles >> text=社保")
    wait = in_minutes(hall.house.foreseen()["A"]).replace("～", "到")
    care = "70岁以上、残疾、孕妇、军人可以优先，按中间的按钮"
    says(hears, f"社保。请带身份证、社保卡。前面2人。大约等{wait}。{care}。取号，按下面的大按钮")
    page.click("main >> text=取号")
    says(hears, "您的号是A零零三，A零零三。在 1、3 号窗口办理，请等候叫号。前面 2 人。请取号票")
    page.click("main >> text=好了")
    expect(page.locator(".tiles button")).to_have_count(3)  # the next visitor finds the usual page
    page.click("text=English")
    page.click(".tiles >> text=Civil")
    assert not played, "which says nothing"
    page.click("text=Large")
    tiles = "Civil affairs: the upper button。Family planning: the lower button"
    says(hears, f"What do you come for?。{tiles}", "en")


def test_the_sound_alone_can_be_switched_off_and_on(hears: Heard) -> None:
    _, page, played = hears
    page.click("text=大字")
    says(hears, HOME)
    page.click("text=关声音")
    expect(page.locator("#sound")).to_have_text("开声音")
    assert page.evaluate("voice.paused")
    page.click("text=下一页")
    expect(page.locator(".tiles button")).to_have_count(1)
    assert not played
    page.click("text=开声音")
    says(hears, "请按您要办的事。综合咨询，按上面的按钮。别的事，按右边的下一页")
    page.click("text=大字")
    expect(page.locator("#sound")).to_be_hidden()
    assert page.evaluate("voice.paused")


def test_who_hesitates_is_asked_and_then_the_usual_page_comes_back(hears: Heard) -> None:
    _, page, _ = hears
    page.clock.install()
    page.reload()
    page.click("text=大字")
    says(hears, HOME)
    page.click("text=关声音")  # while it speaks nobody counts as idle
    page.clock.run_for(61_000)
    expect(page.locator("h2")).to_have_text("还需要时间吗？")
    page.click("text=开声音")
    says(hears, "还需要时间吗？需要，按左边的按钮")
    page.get_by_role("button", name="需要", exact=True).click()
    expect(page.locator(".tiles button")).to_have_count(2)
    page.click("text=关声音")
    page.clock.run_for(61_000)
    expect(page.locator("h2")).to_have_text("还需要时间吗？")
    page.clock.run_for(31_000)
    expect(page.locator(".tiles button")).to_have_count(3)


def test_without_espeak_the_page_goes_on_without_a_word(
    hears: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, page, played = hears
    monkeypatch.setenv("PATH", "/nowhere")
    page.click("text=大字")
    until(lambda: page.title() and [answer.status for answer in played] == [404])
    page.click(".tiles >> text=社保")
    page.click("main >> text=取号")
    expect(page.locator(".number")).to_have_text("A003")


def test_only_our_own_sentences_are_spoken(hears: Heard) -> None:
    hall, _, _ = hears
    plan, state = hall.house.engine.plan, hall.state
    shown = view.page(plan, state, "hall", hall.house.engine.clock.now(), {})
    for part in ("你好", "name 你好", "upper", "number 你好", "said.__class__ A", "", "{hall}", "ahead A001"):
        for lang in view.LANGS:
            assert "你好" not in view.spoken(plan, state, shown, [part, "take_paper"], lang)
    assert view.spoken(plan, state, shown, ["你好", "name 你好", "bring 你好"], "zh") == "请带"
    here = Visitor(hall.url, "127.0.0.1")
    assert here.get(f"/kiosk/hall/voice?say={quote('你好')}").status == 404
    assert here.get("/kiosk/nowhere/voice?say=said").status == 404


def test_hours_and_ranges_are_spoken_as_words(plan: Settings) -> None:
    early = Now(MONDAY - timedelta(hours=1), 0.0, "boot", True)
    shown = view.page(plan, State(), "hall", early, {"A": {"low": 600, "high": 1700}})
    said = [view.spoken(plan, State(), shown, ["said", "wait A"], lang) for lang in view.LANGS]
    assert said[0] == "还没到取号时间，8点 开始。大约等10到30分钟"
    assert said[1] == "Not open yet: tickets from 8 o'clock。Estimated wait: 10 to 30 min"


def test_a_kiosk_speaks_one_screen_at_a_time(
    hears: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall, _, _ = hears
    sound = wav(*spoken("请取号票", VOICES["zh"]))
    os.mkfifo(tmp_path / "mouth")
    slow = tmp_path / "espeak-ng"  # speaks when the test lets it
    slow.write_text(f"#!/bin/sh\nexec /bin/cat {tmp_path}/mouth\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    path, here = "/kiosk/hall/voice?say=take_paper", Visitor(hall.url, "127.0.0.1")
    with ThreadPoolExecutor() as others:
        first = others.submit(Visitor(hall.url, "127.0.0.1").get, path)
        with open(tmp_path / "mouth", "wb") as mouth:  # waits for somebody to listen
            assert here.get(path).status == 404, "it is speaking"
            mouth.write(sound)
        answer = first.result()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "audio/wav")
    assert int(answer.headers["Content-Length"]) == len(sound)


def test_while_the_hall_takes_its_time_it_asks_for_a_moment(
    start_hall: Callable[..., Hall], visit: Callable[..., Page]
) -> None:
    hall = start_hall()
    until(lambda: not hall.state.kiosks)
    page, held = visit(hall), list[Route]()
    page.route("**/take", lambda route: held.append(route))
    page.click(".tiles >> text=社保")
    page.click("main >> text=取号")
    expect(page.locator("h2")).to_have_text("请稍候")
    held[0].continue_()
    expect(page.locator(".number")).to_have_text("A001")
    page.click("main >> text=好了")
    page.click(".tiles >> text=社保")
    page.click("main >> text=取号")
    expect(page.locator("h2")).to_have_text("请稍候")
    held[1].abort()
    expect(page.locator("h2")).to_have_text("社保")
    page.unroute("**/take")
    page.click("main >> text=取号")
    expect(page.locator(".number")).to_have_text("A002")
