"""The wall board in a real Chromium: legible from the farthest seat, steady, honest about silence."""

import io
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from conftest import EXAMPLE, MONDAY, Hall
from contrast import cut, cut_of, faint, texts
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from wait import until

from controller.hall.commands import CallNext
from controller.hall.events import Call, Ticket, Window
from controller.hall.state import State
from controller.runtime.clock import FakeClock
from controller.settings.reader import parse
from controller.settings.schema import Board, Service, Settings
from display.screens.board import board as on_the_wall
from drivers.base.load import load

TV = {"width": 1920, "height": 1080}
# hall.md §4.3: by inches and metres the height of the number called, of the list, and its rows.
TABLE = {
    **{(43, 6): (121, 61, 9), (43, 8): (161, 81, 7), (43, 10): (202, 101, 5)},
    **{(55, 6): (95, 47, 12), (55, 8): (126, 63, 9), (55, 10): (158, 79, 7)},
    **{(65, 6): (80, 40, 14), (65, 8): (107, 53, 11), (65, 10): (133, 67, 8)},
}
NAMES = (
    "社保",
    "民政",
    "计生",
    "综合咨询",
    "不动产登记",
    "公积金",
    "医疗保险",
    "残联",
    "退役军人",
    "户籍与身份证",
)
PLAN = parse(EXAMPLE.read_bytes(), load)


def busy(
    inches: float, metres: float, services: int = 4, figures: int = 3, missed: int = 3
) -> dict[str, Any]:
    """A board on a rush day: every window has somebody, and more are in line."""
    codes = "ABWDMFGHJK"[:services]
    named = {code: Service(name, name) for code, name in zip(codes, NAMES, strict=False)}
    plan: Settings = replace(PLAN, service=named, board=Board(1, inches, metres))
    now, numbers = FakeClock(MONDAY).now(), iter(range(10**figures - 900, 10**figures))
    tickets, windows, calls = {}, {}, []

    def ticket(state: str) -> Ticket:
        serial = next(numbers)
        code = codes[serial % services]
        number = f"{code}{serial:03}"
        tickets[number] = Ticket(number, code, "hall", now, 0.0, state=state)
        return tickets[number]

    for window in (3, 12, 1, 99, 5, 27, 8, 64, 2, 11, 10, 7, 33, 45):
        called = ticket("called")
        windows[str(window)] = Window(f"10{window}", ticket=called.number, calls=1)
        calls.append(Call(called.number, str(window)))
    for state, count in (("missed", missed), ("waiting", 137)):
        for _ in range(count):
            ticket(state)
    told = {code: {"low": 300.0 * i, "high": 1500.0 + 300 * i} for i, code in enumerate(codes)}
    state = State(open=True, tickets=tickets, windows=windows, calls=tuple(calls))
    return on_the_wall(plan, state, now, told)


class Television:
    """The board of a hall whose event stream says what the test wants."""

    def __init__(self, page: Page, hall: Hall) -> None:
        self.page, self.shown, self._serial = page, "", 0
        page.route("**/api/v1/events*", self._answer)
        page.emulate_media(reduced_motion="reduce")
        page.goto(hall.url + "/board")

    def _answer(self, route: Route) -> None:
        text = f"retry: 20\nevent: hall\ndata: {self.shown}\n\n"
        route.fulfill(content_type="text/event-stream", body=text if self.shown else "retry: 20\n\n")

    def show(self, board: dict[str, Any]) -> None:
        self._serial += 1
        look = self.page.evaluate("first.look")
        self.shown = json.dumps({**board, "look": look, "serial": self._serial})
        until(lambda: self.page.evaluate("shown.serial") == self._serial)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=TV)  # type: ignore[arg-type]
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    context.close()
    assert not errors


@pytest.fixture
def tv(context: BrowserContext, hall: Hall) -> Page:
    """The board of a hall, on a clock that the test can put forward."""
    page = context.new_page()
    page.clock.install()
    page.goto(hall.url + "/board")
    return page


def figure(page: Page, selector: str) -> int:
    """The height in pixels of the figures of a text, as they are drawn."""
    box = page.locator(selector).first.bounding_box()
    assert box
    part = Image.open(io.BytesIO(page.screenshot(clip=box))).convert("L")
    ground = max(part.getcolors() or [])[1]
    ink = part.point(lambda value: 255 * (abs(value - ground) > 60)).getbbox()
    assert ink
    return ink[3] - ink[1]


ROWS = """[...document.querySelectorAll("#calls li")].map(
    row => [...row.querySelectorAll("b")].map(word => word.innerText))"""


def rows(page: Page) -> list[str]:
    """The list, a row "A001 3" each."""
    words = page.evaluate(ROWS)
    return [" ".join(row) for row in words]


def call(hall: Hall, window: str, service: str = "A") -> None:
    """Somebody comes, and is called to `window`."""
    if not hall.state.window(window).clerk:
        hall.ask(f"windows/{window}/sign-in", clerk=f"100{window}")
    hall.ask("tickets", service=service)
    hall.ask(f"windows/{window}/call-next")


def seen(page: Page) -> set[str]:
    return {text.text for text in texts(page)}


def test_the_table_of_domain_md_holds(context: BrowserContext, hall: Hall) -> None:
    page = context.new_page()
    tv = Television(page, hall)
    for (inches, metres), (called, listed, count) in TABLE.items():
        tv.show(busy(inches, metres))
        assert len(rows(page)) == count, (inches, metres)
        for selector, high in (
            ("#now-ticket", called),
            ("#now-window em", called),
            ("#calls li + li b", listed),
        ):
            # Round figures are a little higher than the 1.
            assert high - 1 <= figure(page, selector) <= 1.06 * high + 1, (inches, metres, selector)


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (3840, 2160)])
def test_nothing_is_cut_on_any_tv(context: BrowserContext, hall: Hall, size: tuple[int, int]) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    tv = Television(page, hall)
    for inches, metres in TABLE:
        for services, figures, missed in ((4, 3, 2), (10, 4, 30)):
            board = busy(inches, metres, services, figures, missed)
            tv.show(board)
            case, shown = (inches, metres, services), texts(page)
            assert cut_of(shown) == [], case
            listed = rows(page)
            assert listed == [f"{c['ticket']} {c['window']}" for c in board["calls"][: len(listed)]], case
            wanted = {
                board["calls"][0]["ticket"],
                board["hall"],
                board["time"],
                board["date"],
                board["missed"][0],
            }
            assert wanted | {word for row in listed for word in row.split()} <= {t.text for t in shown}, case


def test_every_service_has_its_turn_on_pages_of_eight_seconds(tv: Page, hall: Hall) -> None:
    wall = Television(tv, hall)
    board = busy(55, 8, services=10)
    wall.show(board)
    assert tv.inner_text("#page") == "1/3"
    found: set[str] = set()
    for _ in range(3):
        found |= seen(tv)
        assert cut(tv) == []
        tv.clock.run_for(8000)
    assert found >= {service["name"] for service in board["waiting"]}
    assert found >= {board["notice"], board["notice_en"]}, "the notice in both languages"


def test_a_small_tv_in_a_deep_hall_counts_by_letter(tv: Page, hall: Hall) -> None:
    wall = Television(tv, hall)
    board = busy(43, 10, services=10)
    wall.show(board)
    assert seen(tv) >= {service["code"] for service in board["waiting"]}
    assert not seen(tv) & {service["name"] for service in board["waiting"]}
    assert cut(tv) == []


def test_long_names_shrink_and_stay_whole(tv: Page, hall: Hall) -> None:
    wall, board = Television(tv, hall), busy(55, 8)
    board["hall"] = "某某省某某市某某自治县某某街道泷水塘社区党群与为民服务中心"
    board["waiting"][0]["name"] = "不动产登记与住房公积金提取贷款"
    board["waiting"][0]["count"] = 128
    board["notice"] = "今天下午三点起系统升级，社保业务暂停办理，已取号的请到咨询台改办其他业务或预约明天上午"
    wall.show(board)
    assert cut(tv) == []
    assert {board["hall"], board["waiting"][0]["name"], board["notice"]} <= seen(tv)


def test_nobody_has_been_called_yet(tv: Page) -> None:
    assert {"请取号，等候叫号", "等候人数", "社保"} <= seen(tv)
    assert cut(tv) == []
    assert faint(tv) == []


def test_two_calls_in_the_same_instant_both_show(tv: Page, hall: Hall) -> None:
    for window, service in (("1", "A"), ("2", "C")):
        hall.ask(f"windows/{window}/sign-in", clerk=f"100{window}")
        hall.ask("tickets", service=service)
    for done in [hall.house.engine.submit(CallNext(window, actor=window)) for window in "12"]:
        done.result()
    expect(tv.locator("#calls li.new.flash")).to_have_count(2)
    assert sorted(rows(tv)) == ["A001 1", "C001 2"]
    assert faint(tv) == []


def test_the_newest_is_on_top_and_blinks_twice_a_second_for_six(tv: Page, hall: Hall) -> None:
    call(hall, "1")
    top = tv.locator("#calls li").first
    expect(top).to_have_class("new flash")
    seconds = top.evaluate("row => parseFloat(getComputedStyle(row).animationDuration)")
    assert 1 / seconds <= 3, "nobody may be dazzled (WCAG 2.3.1)"
    for phase in (0, 300):  # both colours can be read
        tv.evaluate(
            "at => document.getAnimations().forEach(one => { one.pause(); one.currentTime = at; })", phase
        )
        assert faint(tv) == []
    tv.clock.run_for(6600)
    expect(top).to_have_class("new")
    call(hall, "2", "B")
    expect(tv.locator("#calls li")).to_have_count(2)
    assert rows(tv) == ["B001 2", "A001 1"]
    expect(tv.locator("#calls li").last).to_have_class("")
    expect(tv.locator("#now-ticket")).to_have_text("B001")


def test_a_recall_blinks_again(tv: Page, hall: Hall) -> None:
    for window in "13":
        call(hall, window)
    expect(tv.locator("#calls li.flash")).to_have_count(2)
    tv.clock.run_for(6600)
    expect(tv.locator("#calls li.flash")).to_have_count(0)
    hall.twin.clock(1, None)
    hall.ask("windows/1/recall")
    expect(tv.locator("#calls li").first).to_have_class("new flash")
    assert rows(tv) == ["A001 1", "A002 3"]


MOVES = """() => {
  const real = Element.prototype.animate;
  window.moves = [];
  Element.prototype.animate = function (frames, timing) {
    moves.push(timing.duration);
    return real.call(this, frames, timing);
  };
}"""


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_rows_make_room_in_a_moment_and_are_not_drawn_anew(tv: Page, hall: Hall, motion: Any) -> None:
    tv.emulate_media(reduced_motion=motion)
    tv.evaluate(MOVES)
    for window in "13":
        call(hall, window)
    expect(tv.locator("#calls li")).to_have_count(2)
    tv.evaluate(
        "() => document.querySelectorAll('#calls li').forEach(row => { row.mark = row.dataset.ticket; })"
    )
    call(hall, "2", "B")
    expect(tv.locator("#calls li")).to_have_count(3)
    marks = tv.evaluate("[...document.querySelectorAll('#calls li')].map(row => row.mark ?? '')")
    assert marks == ["", "A002", "A001"], "a row that is being read stays the same row"
    moves = tv.evaluate("moves")
    if motion == "reduce":
        assert moves == []
        name = "getComputedStyle(document.querySelector('#calls li')).animationName"
        assert tv.evaluate(name) == "none"
        assert faint(tv) == []
    else:
        assert moves
        assert max(moves) <= 300


def test_a_missed_number_leaves_the_list_for_ten_minutes_in_a_line_of_its_own(
    start_hall: Callable[..., Hall], context: BrowserContext
) -> None:
    hall = start_hall(EXAMPLE.read_text() + "\n[policy]\nno_show_seconds = 1\ncalls = 1\n")
    page = context.new_page()
    page.goto(hall.url + "/board")
    call(hall, "1")
    expect(page.locator("#calls")).to_contain_text("A001")
    hall.twin.clock(0.1, None)
    expect(page.locator("#missed")).to_contain_text("A001")
    expect(page.locator("#calls li")).to_have_count(0)
    assert cut(page) == []
    hall.twin.clock(11, None)
    expect(page.locator("#missed")).to_be_hidden()


def test_an_emergency_takes_the_whole_screen(tv: Page, hall: Hall) -> None:
    call(hall, "1")
    for reason, said in (
        ("evacuation", "请按指引撤离，请听工作人员安排"),
        ("power", "停电，请听工作人员安排"),
    ):
        hall.ask("hall/freeze", reason=reason)
        expect(tv.locator("#full")).to_contain_text(said)
        shown = texts(tv)
        assert {text.text for text in shown} >= {said}
        assert len({text.text for text in shown}) == 2, "in Chinese and in English, and nothing else"
        assert max(text.box[3] - text.box[1] for text in shown) >= 80
        assert cut(tv) == []
        assert faint(tv) == []
        hall.ask("hall/unfreeze")
        expect(tv.locator("#full")).to_be_hidden()
    assert rows(tv) == ["A001 1"], "what was called is still called"


def test_who_is_at_a_window_is_shown_when_tickets_have_ended_and_then_only_the_next_opening(
    start_hall: Callable[..., Hall], context: BrowserContext
) -> None:
    clock = FakeClock(MONDAY.replace(hour=11, minute=20))
    hall = start_hall(at=clock)
    page = context.new_page()
    page.goto(hall.url + "/board")
    call(hall, "1")
    clock.move(MONDAY.replace(hour=11, minute=40))
    expect(page.locator("#notice")).to_contain_text("午休，14:30继续取号")
    assert rows(page) == ["A001 1"]
    hall.ask("windows/1/complete")
    expect(page.locator("#full")).to_be_visible()
    assert not {text for text in seen(page) if re.search(r"[A-Z]\d{3}", text)}, "no old number"
    assert "午休，14:30继续取号" in seen(page)
    assert cut(page) == []
    assert faint(page) == []


@pytest.mark.parametrize(
    ("day", "hour", "said"),
    [
        (0, 7, "8:00开始取号"),
        (0, 18, "已停止取号，下次开门：11月24日(周二)8:00"),
        (5, 9, "已停止取号，下次开门：11月30日(周一)8:00"),
    ],
)
def test_out_of_hours_the_next_opening_stands_large(
    start_hall: Callable[..., Hall], context: BrowserContext, day: int, hour: int, said: str
) -> None:
    hall = start_hall(at=FakeClock(MONDAY.replace(day=MONDAY.day + day, hour=hour)))
    page = context.new_page()
    page.goto(hall.url + "/board")
    expect(page.locator("#full")).to_contain_text(said)
    assert cut(page) == []
    assert faint(page) == []


def test_a_ticket_machine_out_of_order_is_told_on_the_board(tv: Page, hall: Hall) -> None:
    call(hall, "1")
    hall.turn("printer", "paper_out")
    expect(tv.locator("#notice")).to_contain_text("取号机暂停使用，请到咨询台取号")
    expect(tv.locator("body")).to_have_class("alert")
    assert cut(tv) == []
    assert faint(tv) == []


class Cable:
    """The network between a hall and its board; while it is `out` nothing goes through, without a word."""

    def __init__(self, port: int) -> None:
        self.out, self._port, self._ends = False, port, list[socket.socket]()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._plug, daemon=True).start()

    def _plug(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            self._ends.append(near)
            if not self.out:
                far = socket.create_connection(("127.0.0.1", self._port))
                self._ends.append(far)
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, here: socket.socket, there: socket.socket) -> None:
        try:
            while (data := here.recv(65536)) and not self.out:
                there.sendall(data)
            if not self.out:
                there.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        for end in (self._listener, *self._ends):
            end.close()


@pytest.fixture
def cable(hall: Hall) -> Iterator[Cable]:
    cable = Cable(int(hall.url.rpartition(":")[2]))
    yield cable
    cable.close()


def test_a_board_that_hears_nothing_says_so_and_comes_back_by_itself(
    hall: Hall, context: BrowserContext, cable: Cable
) -> None:
    call(hall, "1")
    page = context.new_page()
    page.clock.install()
    page.goto(cable.url + "/board")
    expect(page.locator("#calls")).to_contain_text("A001")
    until(lambda: hall.house.screens() == 1)
    expect(page.locator("#stale")).to_be_hidden()
    cable.out = True
    page.clock.run_for(6000)
    expect(page.locator("#stale")).to_be_visible()
    assert cut(page) == []
    assert faint(page) == []
    page.clock.run_for(25_000)
    expect(page.locator("#dead")).to_contain_text("显示中断，请听广播")
    assert not {text for text in seen(page) if "A001" in text}, "an old number is a false one"
    assert faint(page) == []
    call(hall, "2", "B")
    cable.out = False
    until(lambda: page.clock.run_for(500) or page.locator("#dead").is_hidden())
    assert rows(page) == ["B001 2", "A001 1"]
    expect(page.locator("#calls li.flash")).to_have_count(0)  # it was called by voice, minutes ago perhaps
    call(hall, "3")
    expect(page.locator("#calls li.flash")).to_have_count(1)


def test_a_board_that_was_refused_asks_again(tv: Page, hall: Hall) -> None:
    tv.route("**/api/v1/events*", lambda route: route.fulfill(status=503))
    tv.evaluate("listen()")
    until(lambda: tv.evaluate("source.readyState") == 2)
    tv.unroute("**/api/v1/events*")
    call(hall, "1")
    tv.clock.run_for(1000)
    expect(tv.locator("#calls")).to_contain_text("A001")


def test_a_board_survives_a_restart_and_loads_a_new_page_after_an_upgrade(
    start_hall: Callable[..., Hall], context: BrowserContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall = start_hall()
    call(hall, "1")
    page = context.new_page()
    page.goto(hall.url + "/board")
    page.evaluate("window.mark = true")
    port = int(hall.url.rpartition(":")[2])
    hall.stop()
    hall = start_hall(port=port)
    until(lambda: hall.house.screens() == 1)
    call(hall, "2", "B")
    expect(page.locator("#calls li")).to_have_count(2)
    assert page.evaluate("window.mark"), "the same page is not loaded again"
    look = page.evaluate("first.look")
    monkeypatch.setattr("web.house.LOOK", b"another")
    page.locator(f"body:not([data-first*='{look}'])").wait_for(timeout=60_000)
    expect(page.locator("#calls li")).to_have_count(2)
    assert page.evaluate("window.mark") is None, "it was loaded anew"


def test_a_board_takes_over_the_halls_new_words_after_a_restart(
    start_hall: Callable[..., Hall], context: BrowserContext
) -> None:
    hall = start_hall()
    page = context.new_page()
    page.goto(hall.url + "/board")
    expect(page.locator("#waiting h2")).to_contain_text("等候人数")
    port = int(hall.url.rpartition(":")[2])
    hall.stop()
    start_hall(EXAMPLE.read_text() + '\n[words]\n"board.waiting" = { zh = "还在等" }\n', port=port)
    expect(page.locator("#waiting h2")).to_contain_text("还在等")
