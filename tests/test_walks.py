"""Walk-throughs of a hall's life (hall.md §3), end to end on the simulated hall."""

from collections.abc import Callable
from datetime import datetime, timedelta

from conftest import EXAMPLE, MONDAY, Hall
from playwright.sync_api import Browser, expect
from wait import until

from controller.app.running import SIMULATED
from controller.hall.commands import CutOff
from controller.hall.line import line
from controller.hall.state import account
from controller.runtime.clock import FakeClock
from display.paper import ticket
from display.voice import call

NARROW = EXAMPLE.read_text().replace("[hours]", "[policy]\nno_show_seconds = 0\n\n[hours]")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MONDAY.tzinfo)


def sign(hall: Hall, window: str) -> str:
    return str(hall.machine(f"sign{window}").text)


def test_a_a_visitor_of_72_who_sees_poorly_and_goes_to_the_wrong_window(
    start_hall: Callable[..., Hall], browser: Browser
) -> None:
    rich = NARROW.replace("[service.A]\n", '[service.A]\nmaterials = ["身份证", "社保卡"]\n')
    clock = FakeClock(at("2026-10-08 09:05"))  # the first day after the holiday
    hall = start_hall(rich, at=clock)
    for _ in range(7):
        hall.take("A")
    clock.move(at("2026-10-08 09:12"))
    # Large letters: two services, the page speaks, nothing presses her.
    kiosk = browser.new_page(viewport={"width": 1080, "height": 1920}, base_url=hall.url)
    kiosk.goto("/kiosk")
    with kiosk.expect_request(lambda request: "/voice?" in request.url):  # the page says what it shows
        kiosk.click("text=大字")
    expect(kiosk.locator(".tiles button")).to_have_count(2)
    kiosk.click(".tiles >> text=社保")
    expect(kiosk.locator("li")).to_have_text(["☐ 身份证", "☐ 社保卡"])
    expect(kiosk.locator("main")).to_contain_text("前面 7 人")
    kiosk.click("text=最多提前 20 分钟")
    kiosk.click("main >> text=取号")
    expect(kiosk.locator(".number")).to_have_text("A008")
    mine = hall.state.tickets["A008"]
    assert (mine.large, mine.credit) == (True, 1200), "nobody asked for her papers"
    paper = until(lambda: len(hall.machine("printer").papers) == 8 and hall.machine("printer").papers[-1])
    content = ticket.lines(hall.house.engine.plan, hall.state, mine)
    number = next(line for line in content if line.text == "A008")
    figures = ticket.picture((number,), 576)
    assert figures.height > 1.35 * 21 * 8, "figures 21 mm high"
    ink = figures.crop((0, 40, 576, figures.height - 40)).tobytes()
    rows = range(paper.height - figures.height)
    assert any(paper.crop((0, y + 40, 576, y + figures.height - 40)).tobytes() == ink for y in rows)
    # She passes only those who came in the twenty minutes before her. Her number is spoken and shown.
    board = browser.new_page(viewport={"width": 1920, "height": 1080}, base_url=hall.url)
    board.goto("/board")
    assert hall.call("3") == "A008"
    until(lambda: any("请A零零八号，到3号窗口" in text for text in hall.machine("voice").spoken))
    expect(board.locator("#now-ticket")).to_have_text("A008")
    expect(board.locator("#calls .flash")).to_have_count(1)
    until(lambda: sign(hall, "3") == "请A008到3号窗口")
    clock.advance(seconds=20)
    hall.press("unit3", "recall")
    until(lambda: hall.state.window("3").calls == 2)
    # She stands at window 1. The clerk there looks the number up and answers for her.
    pager = browser.new_page(viewport={"width": 360, "height": 740}, base_url=hall.url)
    pager.goto("/window/1")
    pager.fill("[name=clerk]", "1001")
    pager.fill("[name=pin]", "000000")
    with pager.expect_navigation():  # and its script with it
        pager.keyboard.press("Enter")
    pager.fill("#number", "A008")
    pager.click("[data-key=find]")
    expect(pager.locator("#answer")).to_have_text("A008：3号窗口，已叫 2 次")
    pager.click("#vouch")
    until(lambda: hall.state.tickets["A008"].here)
    there = browser.new_page(viewport={"width": 360, "height": 740}, base_url=hall.url)
    there.goto("/window/3")
    there.fill("[name=clerk]", "1003")
    there.fill("[name=pin]", "000000")
    there.keyboard.press("Enter")
    expect(there.locator("#said")).to_have_text("已到，走错窗口，正在过来")
    # No third call, and she is not missed, however long she walks.
    clock.advance(minutes=5)
    assert hall.refused("windows/3/recall")["error"] == "on_the_way"
    assert hall.state.tickets["A008"].state == "called"
    hall.press("unit3", "start")
    until(lambda: hall.state.tickets["A008"].state == "serving")
    for page in (kiosk, board, pager, there):
        page.close()


def test_b_who_comes_late_with_precedence_passes_only_those_within_the_bound(
    start_hall: Callable[..., Hall],
) -> None:
    clock = FakeClock(at("2026-11-23 09:30"))
    hall = start_hall(at=clock)
    for minutes in (0, 16, 2, 18):  # 9:30, 9:46, 9:48, 10:06
        clock.advance(minutes=minutes)
        hall.take("A")
    clock.advance(minutes=1)
    event = hall.ask("tickets", service="A", care=True)["events"][-1]
    assert event["ticket"] == "A005"
    until(lambda: hall.state.tickets["A005"].paper == "confirmed")
    hall.call("1")
    order = [hall.state.window("1").ticket]
    while line(hall.house.engine.plan, hall.state, "1"):
        clock.advance(seconds=2)
        order.append(hall.call("1"))
    assert order == ["A001", "A002", "A005", "A003", "A004"], "10:07 less 20 minutes is 9:47"


def test_c_the_clerk_of_window_3_on_a_rush_monday(start_hall: Callable[..., Hall]) -> None:
    clock = FakeClock(at("2026-09-28 07:55"))  # the first day after Mid-Autumn
    hall = start_hall(NARROW, at=clock)
    hall.press("unit3", "next")
    until(lambda: hall.state.window("3").clerk == "1003")
    until(lambda: hall.machine("unit3").lamps[0] and not hall.state.open)
    clock.move(at("2026-09-28 08:00"))
    for _ in range(4):
        hall.take("A")
    assert hall.call("3") == "A001"
    until(lambda: sign(hall, "3") == "请A001到3号窗口")
    until(lambda: call("A001", "3") in hall.machine("voice").spoken)
    hall.press("unit3", "start")
    until(lambda: sign(hall, "3") == "正在办理 A001")
    # The visitor lacks a copy.
    assert "events" in hall.ask("windows/3/hold")
    assert hall.call("3") == "A002"
    hall.press("unit3", "next")  # twice by accident
    until(lambda: hall.machine("unit3").lamps[2])
    assert hall.state.window("3").ticket == "A002"
    clock.advance(minutes=1)
    hall.press("unit3", "complete")
    until(lambda: not hall.state.window("3").ticket)
    assert "events" in hall.ask("windows/3/call-held")
    until(lambda: sign(hall, "3") == "请A001到3号窗口")
    clock.advance(minutes=1)
    assert hall.call("3") == "A003"
    for times in (2, 3):
        clock.advance(seconds=20)
        hall.press("unit3", "recall")
        until(lambda times=times: hall.state.window("3").calls == times)
    clock.advance(seconds=20)
    until(lambda: not hall.machine("unit3").lamps[2])
    hall.press("unit3", "recall")  # a fourth time
    until(lambda: hall.machine("unit3").lamps[2])
    assert hall.state.window("3").calls == 3
    hall.press("unit3", "no_show")
    until(lambda: hall.state.tickets["A003"].state == "missed")
    # Somebody kicks the cable of the boxes; the page does what the box did.
    hall.turn("unit3", "unplugged")
    until(lambda: hall.health("unit3") == ("down", "cable"))
    assert hall.state.window("3").clerk == "1003"
    assert "events" in hall.ask("windows/3/call-next")
    assert hall.state.window("3").ticket == "A004"
    assert "events" in hall.ask("windows/3/complete")
    hall.turn("unit3", "unplugged", 0)
    # The missed visitor reports at the desk and comes back.
    assert "events" in hall.ask("tickets/A003/reinstate")
    clock.move(at("2026-09-28 10:40"))
    assert "events" in hall.ask("windows/3/pause", reason="away", minutes=10)
    for page in ("暂停服务", "10:50恢复"):  # in turn
        until(lambda page=page: sign(hall, "3") == page)
    assert hall.call("1") == "A003", "window 1 gets her visitors"
    clock.move(at("2026-09-28 11:14"))
    hall.house.engine.submit(CutOff("A", at("2026-09-28 12:05"), actor="forecast"))
    until(lambda: "A" in hall.state.cut)
    told = hall.refused("tickets", service="A")
    assert (told["error"], told["message"]) == ("cut_off", "社保本场已停止取号，14:30再取，或到咨询台")
    assert "events" in hall.ask("tickets", service="A", reason="远道而来"), "the desk may, with a reason"
    clock.move(at("2026-09-28 11:52"))
    hall.press("unit3", "pause")
    until(lambda: not hall.state.window("3").paused)
    assert hall.call("3") == "A005", "who has a ticket is served after closing time"
    clock.advance(minutes=5)
    hall.press("unit3", "sign_out")
    until(lambda: sign(hall, "3") == "午休 14:30")


def monday_evening(start_hall: Callable[..., Hall]) -> None:
    """A day with one visitor, closed in the evening; then the mains are cut."""
    clock = FakeClock(at("2026-10-12 17:00"))
    hall = start_hall(at=clock)
    hall.take("A")
    hall.call("1")
    hall.press("unit1", "sign_out")
    until(lambda: not hall.state.staffed)
    clock.move(at("2026-10-12 17:52"))
    until(lambda: hall.state.done)
    assert "可以关闭总电源" in hall.page("/")
    assert "1 = 办结 1 + 过号 0" in hall.page("/")
    hall.stop()


def test_e_no_ticket_comes_out_and_the_technician_is_called(
    start_hall: Callable[..., Hall], browser: Browser
) -> None:
    hall = start_hall(at=FakeClock(at("2026-11-23 09:00")))
    for _ in range(2):
        hall.take("A")
    until(lambda: hall.machine("printer").printed == 2)
    # 09:08: the cutter jams. The kiosk's screen shows numbers, and the desk is told.
    kiosk = browser.new_page(viewport={"width": 1080, "height": 1920}, base_url=hall.url)
    kiosk.goto("/kiosk")
    hall.turn("printer", "cutter")
    hall.take("B")  # its paper is under way when the fault is noticed
    until(lambda: hall.state.kiosks == {"hall": "cutter"})
    until(lambda: hall.state.tickets["B001"].paper == "pending")
    kiosk.click(".tiles >> text=社保")
    kiosk.click("main >> text=取号")
    expect(kiosk.locator("h2")).to_contain_text("请记住这个号")
    expect(kiosk.locator(".number")).to_have_text("A003")
    assert "取号机暂停使用" in hall.page("/board")
    # 09:10: one look at the page, on a phone.
    phone = browser.new_page(viewport={"width": 360, "height": 740}, base_url=hall.url)
    phone.goto("/login")
    phone.fill("[name=given]", SIMULATED)
    phone.click("button")
    expect(phone.locator("#take")).to_have_class("no")
    expect(phone.locator("#take")).to_contain_text("切刀卡住：关电源，开盖取出卡纸，再开电源")
    for answer in ("call", "speak"):
        expect(phone.locator(f"#{answer}")).to_have_class("yes")
    expect(phone.locator(".papers").first).to_contain_text("A003 只在屏幕上显示过")
    # The paper is taken out, the power is switched off and on.
    hall.machine("printer").power_cycle()
    hall.turn("printer", "cutter", 0)
    until(lambda: not hall.state.kiosks)
    # It comes out now, unless the printer had it in its memory, which is gone.
    until(lambda: hall.state.tickets["B001"].paper in ("confirmed", "unconfirmed"))
    before = hall.machine("printer").printed
    phone.goto("/")
    phone.locator("tr", has_text="printer").get_by_text("自检", exact=True).click()
    until(lambda: hall.machine("printer").printed > before)
    doubtful = [n for n, t in hall.state.tickets.items() if t.paper != "confirmed"]
    assert "A003" in doubtful
    for number in doubtful:
        phone.goto("/")
        phone.click(f"text=补打 {number}")
        until(lambda number=number: hall.state.tickets[number].paper == "confirmed")
    phone.goto("/")
    expect(phone.locator("#take")).to_have_class("yes")
    expect(phone.locator("body")).not_to_contain_text("出纸未确认的号票")
    assert account(hall.state)["issued"] == 4, "a test slip is no ticket"
    for page in (kiosk, phone):
        page.close()


def test_f_no_clock_in_the_morning_and_somebody_confirms_the_time(start_hall: Callable[..., Hall]) -> None:
    monday_evening(start_hall)
    clock = FakeClock(at("2026-10-12 17:55"))
    clock.trusted = False
    hall = start_hall(at=clock)
    assert hall.state.day == "2026-10-12", "no day begins under a clock that nobody trusts"
    assert not hall.state.tickets
    assert "未校准" in hall.page("/")
    answer = hall.refused("hall/confirm-time", wall="2026-10-17T07:42")
    assert answer["error"] == "time_holiday", "a Saturday is asked back"
    assert hall.refused("hall/confirm-time", wall="2026-10-11T07:42")["error"] == "time_before"
    assert "events" in hall.ask("hall/confirm-time", wall="2026-10-13T07:42")
    until(lambda: hall.state.day == "2026-10-13")
    clock.advance(minutes=20)
    assert hall.take("A") == "A001", "numbers start anew"
    clock.advance(minutes=5)
    # The network is back: ninety-five seconds were missing.
    now = clock.now()
    clock.confirm(now.wall + timedelta(seconds=95), now)
    hall.take("A")
    clock.confirm(clock.now().wall - timedelta(minutes=2), clock.now())
    hall.take("A")
    places = [held.place for held in hall.state.tickets.values()]
    assert places == sorted(places), "no step of the clock reorders anybody"
    assert hall.call("1") == "A001"


def test_f_the_confirmed_time_survives_a_restart_but_not_a_power_cut(start_hall: Callable[..., Hall]) -> None:
    clock = FakeClock(at("2026-10-12 17:55"))
    clock.trusted = False
    hall = start_hall(at=clock)
    hall.ask("hall/confirm-time", wall="2026-10-13T07:42")
    until(lambda: hall.state.day == "2026-10-13")
    hall.stop()
    clock.move(at("2026-10-12 17:57"))
    clock.trusted = False
    hall = start_hall(at=clock)
    assert clock.now().trusted
    assert clock.now().wall >= at("2026-10-13 07:42")
    hall.stop()
    other = FakeClock(at("2026-10-12 17:57"))
    other.trusted = False
    start_hall(at=other)
    assert not other.now().trusted


def test_f_nobody_confirms_and_the_first_press_begins_a_provisional_day(
    start_hall: Callable[..., Hall],
) -> None:
    monday_evening(start_hall)
    clock = FakeClock(at("2026-10-12 17:55"))
    clock.trusted = False
    hall = start_hall(at=clock)
    assert hall.take("A") == "A002", "numbers go on"
    assert hall.state.provisional
    issued = hall.state.tickets["A002"]
    printed = [row.text for row in ticket.lines(hall.house.engine.plan, hall.state, issued)]
    assert "今日取号（时钟待校准）" in printed, "no date that may be wrong"
    clock.move(at("2026-10-13 08:20"))
    clock.trusted = True
    until(lambda: hall.state.day == "2026-10-13")
    assert list(hall.state.tickets) == ["A002"], "who holds a ticket is still in line"
    assert hall.take("A") == "A003"
    assert not hall.state.provisional
    assert account(hall.state)["issued"] == 2
