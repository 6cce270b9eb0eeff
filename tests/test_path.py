"""One path through the whole hall, from the finger to the wall, on real bytes."""

import re
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint

import pytest
from conftest import EXAMPLE, MONDAY, Hall
from PIL import Image
from wait import until

from controller.hall.commands import Reprint, SignIn, Tick
from controller.hall.events import Ticket
from controller.hall.state import seen_at
from controller.runtime.clock import FakeClock
from display.paper import ticket
from display.screens.levels import lamp, sign
from display.voice import emergency
from drivers.base.device import Device
from web.server.stream import HEARTBEAT


def spoken(hall: Hall) -> list[str]:
    return list(hall.machine("voice").spoken)


def paper(hall: Hall, number: int = 0) -> Image.Image:
    until(lambda: len(hall.machine("printer").papers) > number)
    picture: Image.Image = hall.machine("printer").papers[number]
    return picture


def drawn(hall: Hall, issued: Ticket, told: Mapping[str, float] | None = None) -> Image.Image:
    """The ticket as the layout draws it, to compare with what came out of the wire."""
    return ticket.picture(ticket.lines(hall.house.engine.plan, hall.state, issued, told), 576)


def same(paper: Image.Image, layout: Image.Image) -> bool:
    return paper.crop((0, 0, *layout.size)).tobytes() == layout.tobytes()


def test_a_press_on_the_button_becomes_a_ticket_that_can_be_read(hall: Hall) -> None:
    hall.press("buttons", "A")
    issued = until(lambda: hall.state.tickets.get("A001"))
    assert same(paper(hall), drawn(hall, issued))
    said = [line.text for line in ticket.lines(hall.house.engine.plan, hall.state, issued)]
    assert said[0] == "泷水塘社区为民服务中心"
    assert "A001" in said
    assert "社保 Social insurance" in said
    assert "在 1、3 号窗口办理，请等候叫号" in said
    assert "前面还有 0 人" in said
    assert any("2026-11-23 08:0" in text for text in said)
    until(lambda: hall.state.tickets["A001"].paper == "confirmed")


def test_one_flipped_byte_on_the_wire_changes_the_picture(hall: Hall) -> None:
    hall.turn("printer", "noise", 4001)
    hall.take("A")
    issued = hall.state.tickets["A001"]
    until(lambda: hall.machine("printer").printed)
    assert not same(paper(hall), drawn(hall, issued))


def test_next_at_window_3_shows_on_sign_board_lamp_and_is_spoken(hall: Hall) -> None:
    hall.take("A")
    assert hall.call("3") == "A001"
    until(lambda: hall.machine("sign3").text == "请A001到3号窗口")
    until(lambda: hall.machine("unit3").lamps[1])
    until(lambda: "请A零零一号，到3号窗口。请A零零一号，到3号窗口" in spoken(hall))
    board = hall.get("/api/v1/hall")
    assert board["calls"][0] == {"ticket": "A001", "window": "3", "calls": 1}


def test_a_waiting_visitor_makes_the_lamp_of_the_right_windows_pulse(hall: Hall) -> None:
    hall.press("unit2", "next")
    until(lambda: hall.machine("unit2").lamps[0])
    hall.take("B")
    until(lambda: not hall.machine("unit2").lamps[0])
    until(lambda: hall.machine("unit2").lamps[0])


def test_the_lamp_turns_amber_when_the_standard_minutes_are_over(hall: Hall, clock: FakeClock) -> None:
    hall.take("A")
    hall.call("1")
    hall.press("unit1", "start")
    until(lambda: hall.state.tickets["A001"].state == "serving")
    clock.advance(minutes=9)
    assert lamp(hall.house.engine.plan, seen_at(hall.state, clock.now()), "1") == "serving"
    clock.advance(minutes=2)  # and nobody presses anything
    until(lambda: hall.machine("unit1").lamps[:3] == [True, False, True])


def test_in_an_emergency_every_lamp_blinks_red_and_every_sign_says_what_to_do(hall: Hall) -> None:
    hall.ask("hall/freeze", reason="evacuation")
    for window in "1234":
        until(lambda window=window: hall.machine(f"sign{window}").text == "请听指挥")
        until(lambda window=window: hall.machine(f"unit{window}").lamps[2])
        until(lambda window=window: not hall.machine(f"unit{window}").lamps[2])
    hall.ask("hall/unfreeze")
    until(lambda: hall.machine("sign1").text == "1号窗口未开")


def test_a_journal_that_takes_nothing_turns_every_lamp_red_and_back(hall: Hall) -> None:
    hall.press("unit1", "next")
    until(lambda: hall.machine("unit1").lamps[0])
    journal = sqlite3.connect(hall.folder / "journal.db", isolation_level=None)
    journal.execute("CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'full'); END")
    hall.press("unit1", "pause")
    for unit in ("unit1", "unit2"):
        for lit in (True, False, True):
            until(lambda unit=unit, lit=lit: hall.machine(unit).lamps[:3] == [False, False, lit])
    journal.execute("DROP TRIGGER full")
    journal.close()
    hall.press("unit1", "pause")
    until(lambda: hall.state.window("1").paused)
    until(lambda: hall.machine("unit1").lamps[:3] == [False, False, True])
    until(lambda: not any(hall.machine("unit2").lamps))


def test_seconds_in_which_nothing_happens_are_not_told_to_the_screens(hall: Hall) -> None:
    ticks, told, start = [], [], time.monotonic()
    hall.house.engine.listeners.append(lambda command, outcome, state: ticks.append(outcome))
    with urllib.request.urlopen(hall.url + "/api/v1/events", timeout=0.5) as stream:
        until(lambda: ticks.count(()) == 4)
        try:
            while line := stream.readline():
                told += [line] * line.startswith(b"data")
        except TimeoutError:
            pass
    assert 1 <= len(told) <= 3 + (time.monotonic() - start) / HEARTBEAT, "what it began with, and heartbeats"


def test_a_pause_that_lasts_longer_than_said_says_no_time_any_more(hall: Hall, clock: FakeClock) -> None:
    hall.press("unit1", "next")
    until(lambda: hall.state.window("1").clerk)
    hall.ask("windows/1/pause", minutes=10)
    until(lambda: hall.machine("sign1").text == "8:10恢复")
    clock.advance(minutes=11)
    until(lambda: hall.machine("sign1").text == "暂停服务")
    now = clock.now()
    pages = sign(hall.house.engine.plan, seen_at(hall.state, now), "1", now.wall, 16)
    assert pages == ("暂停服务",)


def test_a_clerks_day_of_keys(hall: Hall) -> None:
    hall.take("A")
    hall.take("A")
    hall.call("1")
    hall.twin.clock(1, None)
    hall.press("unit1", "recall")
    until(lambda: len(spoken(hall)) == 2)
    hall.press("unit1", "start")
    until(lambda: hall.machine("sign1").text == "正在办理 A001")
    hall.press("unit1", "complete")
    until(lambda: hall.machine("sign1").text == "欢迎光临 1号")
    hall.call("1")
    for times in (2, 3):
        hall.twin.clock(1, None)
        hall.press("unit1", "recall")
        until(lambda times=times: hall.state.window("1").calls == times)
    hall.press("unit1", "no_show")
    until(lambda: hall.state.tickets["A002"].state == "missed")
    hall.press("unit1", "pause")
    until(lambda: hall.machine("sign1").text == "暂停服务")
    until(lambda: hall.machine("unit1").lamps[2])
    hall.press("unit1", "pause")
    until(lambda: hall.machine("sign1").text == "欢迎光临 1号")
    hall.press("unit1", "sign_out")
    until(lambda: hall.machine("sign1").text == "1号窗口未开")


def test_a_refused_press_blinks_red(hall: Hall) -> None:
    hall.press("unit4", "next")
    until(lambda: hall.machine("unit4").lamps[0])
    hall.press("unit4", "recall")
    until(lambda: hall.machine("unit4").lamps[2])
    until(lambda: not hall.machine("unit4").lamps[2])


def test_a_press_that_means_nothing_now_blinks_red_too(hall: Hall) -> None:
    until(lambda: hall.house.devices["unit1"].health.state == "up")
    hall.press("unit1", "sign_out")  # nobody is signed in
    until(lambda: hall.machine("unit1").lamps[2])
    until(lambda: not hall.machine("unit1").lamps[2])
    assert not hall.state.window("1").clerk


def test_the_box_of_a_clerk_who_sits_elsewhere_opens_its_window(hall: Hall) -> None:
    until(lambda: hall.house.devices["unit1"].health.state == "up")
    clerk = hall.house.engine.plan.window["1"].clerk
    hall.house.engine.submit(SignIn("2", clerk, actor=clerk)).result(timeout=10)
    hall.press("unit1", "next")
    until(lambda: hall.state.window("1").clerk == clerk)
    assert not hall.state.window("2").clerk


def test_a_voice_with_a_zone_speaks_the_calls_of_its_windows_only(start_hall: Callable[..., Hall]) -> None:
    voice = '\n[device.{0}]\ndriver = "voice_command"\nurl = "exec:{0}"\nzone = {1}\n'
    text = EXAMPLE.read_text() + voice.format("left", ["1", "2"]) + voice.format("right", ["3", "4"])
    hall = start_hall(text)
    for window in ("1", "3"):
        hall.take("A")
        hall.call(window)
    until(lambda: len(spoken(hall)) == 2)
    until(lambda: ["到1号" in text for text in hall.machine("left").spoken] == [True])
    until(lambda: ["到3号" in text for text in hall.machine("right").spoken] == [True])
    hall.turn("printer", "paper_out")
    until(lambda: all("取号机暂停" in hall.machine(name).spoken[-1] for name in ("left", "right")))


@pytest.fixture
def busy(start_hall: Callable[..., Hall]) -> Hall:
    """Three tickets and all windows open; the voice speaks of A001 for two seconds."""
    text = EXAMPLE.read_text().replace("[device.voice]", "[device.voice]\ntimeout = 2.0")
    text = text.replace('services = ["C", "D"]', 'services = ["A"]') + "\n[policy]\ncalls = 1\n"
    hall = start_hall(text)
    for window in ("1", "3", "4"):
        hall.ask(f"windows/{window}/sign-in", clerk=f"100{window}")
        hall.ask("tickets", service="A")
    hall.turn("voice", "deaf")
    hall.ask("windows/1/call-next")
    until(lambda: hall.house.devices["voice"].speaking)  # type: ignore[attr-defined]
    return hall


def others(hall: Hall) -> list[str]:
    return [text for text in spoken(hall) if "A零零一" not in text]


def test_calls_are_short_while_others_wait(busy: Hall) -> None:
    for window in ("3", "4"):
        busy.ask(f"windows/{window}/call-next")
    busy.turn("voice", "deaf", 0)
    until(lambda: others(busy) == ["A零零二，到3号窗口", "请A零零三号，到4号窗口。请A零零三号，到4号窗口"])


@pytest.mark.parametrize("act", ["start", "answer", "hold", "no-show", "cancel", "complete", "transfer"])
def test_a_call_that_has_come_to_its_end_is_never_said(busy: Hall, act: str) -> None:
    busy.ask("windows/3/call-next")
    more = {"cancel": {"reason": "gone"}, "transfer": {"to": "1"}}.get(act, {})
    assert "events" in busy.ask("tickets/A002/answer" if act == "answer" else f"windows/3/{act}", **more)
    busy.ask("windows/4/call-next")
    busy.turn("voice", "deaf", 0)
    until(lambda: others(busy) == ["请A零零三号，到4号窗口。请A零零三号，到4号窗口"])


def test_an_emergency_is_said_at_once_and_the_calls_of_before_are_not(busy: Hall) -> None:
    busy.ask("windows/3/call-next")
    busy.turn("voice", "deaf", 0)
    busy.ask("hall/freeze", reason="evacuation")
    until(lambda: others(busy)[:1] == [emergency("evacuation")])
    busy.ask("hall/unfreeze")
    busy.ask("windows/4/call-next")
    until(lambda: others(busy)[1:] == ["请A零零三号，到4号窗口。请A零零三号，到4号窗口"])


def test_the_paper_that_was_used_is_counted_until_a_new_roll(hall: Hall) -> None:
    assert "纸约剩 50 米" in hall.page("/")
    for _ in range(3):
        number = hall.take()
        until(lambda n=number: hall.state.tickets[n].paper == "confirmed")
    pieces = hall.machine("printer").papers
    assert hall.state.rolls["hall"].used == sum(piece.height // 8 for piece in pieces)
    hall.turn("printer", "paper_out")
    until(lambda: hall.state.rolls["hall"].used == 0)
    assert "纸约剩" not in hall.page("/"), "none is left, and none is promised"
    hall.turn("printer", "paper_out", 0)
    until(lambda: "纸约剩 50 米" in hall.page("/"))


def test_at_the_midday_break_the_buttons_go_dark_and_the_signs_say_when_it_goes_on(hall: Hall) -> None:
    until(lambda: hall.twin.lit("buttons", "A"))
    hall.twin.clock(210, None)
    until(lambda: not hall.twin.lit("buttons", "A"))
    until(lambda: hall.machine("sign1").text == "午休 14:30")
    hall.press("buttons", "A")
    until(lambda: "现在不取号，14:30开始取号" in spoken(hall))
    assert not hall.state.tickets
    assert "午休" in hall.get("/api/v1/hall")["notice"]
    hall.twin.clock(180, None)
    until(lambda: hall.machine("sign1").text == "1号窗口未开")


def test_paper_out_keeps_the_ticket_and_prints_the_same_one_later(start_hall: Callable[..., Hall]) -> None:
    seldom = "width = 576\nevery = 600.0"  # the printer is asked; so nobody notices before there is a ticket
    hall = start_hall(EXAMPLE.read_text().replace("width = 576", seldom))
    printer = hall.house.devices["printer"]
    hall.turn("printer", "paper_out")
    assert hall.take("A") == "A001"
    until(lambda: hall.health("printer") == ("down", "paper_out"))
    until(lambda: hall.state.kiosks == {"hall": "paper_out"})
    page = hall.page("/")
    assert "缺纸：打开上盖，换一卷新纸" in page
    until(lambda: not hall.twin.lit("buttons", "A"))
    assert "咨询台" in hall.get("/api/v1/hall")["notice"]
    until(lambda: "取号机暂停使用，请到咨询台取号" in spoken(hall))
    hall.press("buttons", "A")
    until(lambda: len(spoken(hall)) >= 2)
    assert list(hall.state.tickets) == ["A001"], "a kiosk that cannot print must not issue"
    hall.turn("printer", "paper_out", 0)
    until(lambda: printer.wake() or not hall.state.kiosks)
    until(lambda: printer.wake() or hall.state.tickets["A001"].paper == "confirmed")
    assert hall.machine("printer").printed == 1
    assert hall.state.tickets["A001"].prints == 1


def test_cover_open_and_garbled_answers_are_told_in_plain_words(hall: Hall) -> None:
    for knob, code, words in (
        ("cover_open", "cover_open", "上盖没合好"),
        ("garbled", "garbled", "回答有误"),
        ("deaf", "silent", "没有回答"),
    ):
        hall.turn("printer", knob)
        until(lambda c=code: hall.health("printer") == ("down", c))
        assert words in hall.page("/")
        until(lambda: hall.state.kiosks)
        hall.turn("printer", knob, 0)
        until(lambda: hall.health("printer")[0] == "up")
        until(lambda: not hall.state.kiosks)


def test_one_fault_that_turns_into_another_is_announced_once(hall: Hall) -> None:
    hall.turn("printer", "paper_out")
    until(lambda: hall.state.kiosks == {"hall": "paper_out"})
    hall.turn("printer", "cover_open")  # to put in the new roll
    until(lambda: hall.state.kiosks == {"hall": "cover_open"})
    until(lambda: spoken(hall))
    hall.press("buttons", "A")
    until(lambda: len(spoken(hall)) == 2)
    assert spoken(hall) == ["取号机暂停使用，请到咨询台取号"] * 2, "once by itself, once for the press"


def test_cable_out_never_prints_twice_without_the_mark(hall: Hall) -> None:
    hall.turn("printer", "unplugged")
    until(lambda: hall.health("printer") == ("down", "cable"))
    until(lambda: hall.state.kiosks)
    hall.turn("printer", "unplugged", 0)
    until(lambda: not hall.state.kiosks)
    hall.take("A")
    until(lambda: hall.state.tickets["A001"].paper == "confirmed")
    assert hall.machine("printer").printed == 1
    before = hall.house.foreseen().get("A")
    hall.house.engine.submit(Reprint("A001", actor="technician")).result()
    copy = until(lambda: hall.machine("printer").printed == 2 and hall.machine("printer").papers[-1])
    after, held = hall.house.foreseen().get("A"), hall.state.tickets["A001"]
    assert any(same(copy, drawn(hall, held, told)) for told in (before, after))
    said = [
        line.text for line in ticket.lines(hall.house.engine.plan, hall.state, hall.state.tickets["A001"])
    ]
    assert "补打 第2份" in said


def test_a_sign_unplugged_and_back_shows_its_number_again(hall: Hall) -> None:
    hall.take("A")
    hall.call("1")
    until(lambda: "A001" in hall.machine("sign1").text)
    hall.turn("sign1", "power_off")
    until(lambda: hall.health("sign1")[0] == "down")
    assert re.search(r'class="down"><th>sign1', hall.page("/"))
    assert hall.health("sign2")[0] == "up", "its neighbours on the wire go on"
    hall.turn("sign1", "power_off", 0)
    until(lambda: "A001" in hall.machine("sign1").text)
    until(lambda: hall.health("sign1")[0] == "up")


class CannotBuild(Device):
    def __init__(self, name: str, url: str = "") -> None:
        raise RuntimeError("no such board")


class CannotTurn(Device):
    wired = False

    def turn(self, link: object) -> float:
        raise RuntimeError("oh")


@pytest.mark.parametrize("broken", [CannotBuild, CannotTurn])
def test_a_broken_driver_does_not_stop_the_hall(
    start_hall: Callable[..., Hall], monkeypatch: pytest.MonkeyPatch, broken: type[Device]
) -> None:
    entry = EntryPoint("voice_other", f"test_path:{broken.__name__}", "hallqueue.drivers")
    monkeypatch.setattr("drivers.base.load.entry_points", lambda group: [entry])
    text = re.sub(r'driver = "voice_command"\nurl = .*', 'driver = "voice_other"', EXAMPLE.read_text())
    hall = start_hall(text.replace("voice_other", 'voice_other"\nurl = "') if broken.wired else text)
    assert hall.health("voice") == ("down", "bug")
    page = hall.page("/")
    assert "驱动程序出错" in page
    assert re.search(r'class="no" id="speak"', page)
    assert re.search(r'class="yes" id="take"', page)
    hall.take("A")
    assert hall.call("1") == "A001"


def test_a_bus_unplugged_and_back_executes_no_old_press(hall: Hall) -> None:
    hall.take("A")
    hall.turn("unit1", "unplugged")
    until(lambda: hall.health("unit2") == ("down", "cable"))
    hall.press("unit1", "next")
    hall.turn("unit1", "unplugged", 0)
    until(lambda: hall.health("unit1")[0] == "up")
    assert not hall.state.window("1").clerk
    assert hall.call("1") == "A001"


def test_before_the_opening_every_device_is_tried_and_what_is_ill_is_told(
    start_hall: Callable[..., Hall],
) -> None:
    clock = FakeClock(MONDAY.replace(hour=7, minute=20))
    hall = start_hall(at=clock)
    hall.turn("sign2", "deaf")
    until(lambda: hall.health("sign2")[0] == "down")
    assert not hall.state.tested
    clock.move(MONDAY.replace(hour=7, minute=31))
    for window in "134":
        until(lambda window=window: hall.machine(f"sign{window}").text == "测试")
    assert "播音测试" in spoken(hall)
    until(lambda: hall.state.tested)
    assert hall.state.faults == {"sign2": "silent"}
    assert "7:31 自检发现：sign2" in hall.page("/")
    until(lambda: hall.machine("sign1").text == "下班 8:00开")
    assert hall.machine("printer").printed == 0, "the paper is for visitors"
    printed = len(spoken(hall))
    clock.move(MONDAY.replace(hour=7, minute=50))
    for _ in range(3):
        hall.house.engine.submit(Tick(actor="clock")).result()
    assert len(spoken(hall)) == printed, "once a day"
