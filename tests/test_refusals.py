"""What people are told when the hall says no, word for word: who asked for what, and why not."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from tables import BY, CALL, IN, MONDAY, PLAN, RECALLS, START, TAKE, TICKETS, WINDOWS, Scene

from controller.hall.commands import (
    Answer,
    CallHeld,
    CallNext,
    ChangeServices,
    CloseKiosk,
    CloseWindow,
    Command,
    ConfirmTime,
    CutOff,
    Freeze,
    LiftCutOff,
    LoadPlan,
    NoShow,
    Park,
    Pause,
    Recall,
    RecordSlips,
    Reinstate,
    Reprint,
    SignIn,
    SignOut,
    Start,
    StopTickets,
    TakeTicket,
    Transfer,
)
from controller.hall.decide import decide
from controller.hall.events import TimeConfirmed
from controller.hall.outcome import Refused
from display.words.catalogue import refusal

TWO = (TAKE, TAKE, *IN)
HELD = TICKETS["held"]
AT_NINE = MONDAY.replace(hour=9)
MISSED = (Recall("1", **BY), Recall("1", **BY), NoShow("1", **BY))
BACK = (Reinstate("A001", **BY), CALL)

TOLD: list[tuple[str, tuple[Command, ...], Command, float, str]] = [
    # Windows and their clerks.
    ("no window", (), SignIn("9", "1009", **BY), 16, "没有 9 号窗口"),
    ("shut", (CloseWindow("1", **BY),), SignIn("1", "1001", **BY), 16, "1号窗口今天停用，请先恢复使用"),
    ("open already", IN, SignIn("1", "1007", **BY), 16, "1号窗口已由 1001 登录"),
    (
        "clerk elsewhere",
        (TAKE, *IN, CALL),
        SignIn("3", "1001", **BY),
        16,
        "1001 已在 1 号窗口叫了号，请先在那里办结或退出",
    ),
    ("nobody signed in", (), SignOut("1", **BY), 16, "1号窗口还没有登录"),
    ("no services", IN, ChangeServices("1", (), **BY), 16, "1号窗口至少要办理一项业务"),
    ("unknown service", IN, ChangeServices("1", ("A", "X"), **BY), 16, "没有“X”这项业务"),
    (
        "unknown pause",
        IN,
        Pause("1", "nap", **BY),
        16,
        "原因“nap”不认识，可用：away copy training lunch fault",
    ),
    # Calls.
    ("nobody waits", IN, CALL, 16, "没有人在等候"),
    ("paused", WINDOWS["paused"], CALL, 16, "1号窗口暂停中，先恢复服务"),
    ("emergency", WINDOWS["emergency"], CALL, 16, "暂停取号和叫号：停电，请听工作人员安排"),
    ("too quick", (*TWO, CALL), CALL, 0.5, "按得太快了，请稍等一秒"),
    ("no such number", TWO, CallNext("1", "9", **BY), 16, "1号窗口能叫的号里，9 没有或不止一个"),
    ("number unknown", TWO, CallNext("1", "A009", **BY), 16, "1号窗口能叫的号里，A009 没有或不止一个"),
    (
        "number called",
        (*TWO, CALL),
        CallNext("1", "A001", **BY),
        16,
        "1号窗口能叫的号里，A001 没有或不止一个",
    ),
    ("number of others", TWO, CallNext("2", "A001", **BY), 16, "2号窗口能叫的号里，A001 没有或不止一个"),
    (
        "call without a reason",
        TWO,
        CallNext("1", "A001", "friend", **BY),
        16,
        "原因“friend”不认识，可用：by_number special papers mistake",
    ),
    # Whoever was called.
    ("nobody called", IN, Recall("1", **BY), 16, "1号窗口现在没有叫到的号"),
    ("recall at once", (*TWO, CALL), Recall("1", **BY), 5, "刚叫过，10 秒后再重呼"),
    ("recall nearly", (*TWO, CALL), Recall("1", **BY), 14.75, "刚叫过，1 秒后再重呼"),
    ("recall paused", (*TWO, CALL, Pause("1", **BY)), Recall("1", **BY), 16, "1号窗口暂停中，先恢复服务"),
    (
        "recalled enough",
        (*TWO, CALL, *RECALLS),
        Recall("1", **BY),
        16,
        "A001 已叫过 3 次，没有人来就按“过号”",
    ),
    (
        "on the way",
        (*TWO, CALL, Answer("A001", **BY)),
        Recall("1", **BY),
        16,
        "A001已到大厅，走错了窗口，正在过来",
    ),
    ("missed too soon", (*TWO, CALL), NoShow("1", **BY), 16, "A001 叫满 3 次才能过号，请再重呼"),
    ("missed while served", (*TWO, CALL, *RECALLS, START), NoShow("1", **BY), 16, "A001 现在不能这样办"),
    # Tickets.
    ("gone", (), Reprint("A009", **BY), 16, "没有等候中的 A009 号"),
    ("wrong state", TWO, CallHeld("A001", "1", **BY), 16, "A001 现在不能这样办"),
    ("nothing held", IN, CallHeld(window="1", **BY), 16, "1号窗口现在没有叫到的号"),
    ("ticket at no window", (), Park("A001", "9", **BY), 16, "没有 9 号窗口"),
    ("ticket at an empty window", (TAKE,), Park("A001", "1", **BY), 16, "1号窗口还没有登录"),
    ("held elsewhere", HELD, CallHeld("A001", "2", **BY), 16, "A001 挂起在 1 号窗口"),
    ("somebody is there", (TAKE, *HELD, CALL), CallHeld("A001", "1", **BY), 16, "请先办结 A002"),
    ("to nowhere", TWO, Transfer("A001", **BY), 16, "请写明转到哪个窗口，或者转到哪项业务"),
    ("to both", TWO, Transfer("A001", to="2", service="B", **BY), 16, "请写明转到哪个窗口，或者转到哪项业务"),
    ("to an empty window", TWO, Transfer("A001", to="3", **BY), 16, "3号窗口还没有登录"),
    ("to its own window", (*TWO, CALL), Transfer("A001", to="1", **BY), 16, "1号窗口还没有登录"),
    ("to an unknown service", TWO, Transfer("A001", service="X", **BY), 16, "没有“X”这项业务"),
    ("back too late", TICKETS["missed"], Reinstate("A001", **BY), 1801, "A001 过号超过 30 分钟，请重新取号"),
    (
        "back too often",
        (*TICKETS["missed"], *BACK, *MISSED, *BACK, *MISSED),
        Reinstate("A001", **BY),
        16,
        "A001 已恢复过 2 次，请重新取号",
    ),
    # Of the hall.
    ("no service", (), TakeTicket("X", "hall", **BY), 16, "没有“X”这项业务"),
    ("no kiosk", (), TakeTicket("A", "yard", **BY), 16, "没有取号机“yard”"),
    ("no tickets at noon", (TAKE,), TAKE, 4 * 3600, "现在不取号，14:30开始取号"),
    ("cut off", (CutOff("A", AT_NINE, **BY),), TAKE, 16, "社保本场已停止取号，14:30再取，或到咨询台"),
    ("frozen", (Freeze("evacuation", **BY),), TAKE, 16, "暂停取号和叫号：请按指引撤离，请听工作人员安排"),
    ("card full", (StopTickets("disk_full", **BY),), TAKE, 16, "存储卡已满，暂停取号，请到咨询台"),
    ("no paper", (CloseKiosk("hall", "paper_out", **BY),), TAKE, 16, "取号机暂停使用，请到咨询台取号"),
    ("frozen without reason", (), Freeze("rain", **BY), 16, "原因“rain”不认识，可用：evacuation power fault"),
    ("stopped for a reason of nobody's", (), StopTickets("x", **BY), 16, "原因“x”不认识，可用：disk_full"),
    ("lifted without reason", (CutOff("A", AT_NINE, **BY),), LiftCutOff("A", " ", **BY), 16, "请写明原因"),
    ("not cut off", (), LiftCutOff("A", "few", **BY), 16, "业务 A 没有停止取号"),
    (
        "slips of before",
        TWO,
        RecordSlips("A", 2, **BY),
        16,
        "手写号要从 3 写起，到 999 为止；已叫到的不能超过最后一个",
    ),
    (
        "plan while open",
        TWO,
        LoadPlan("x", **BY),
        16,
        "大厅正在叫号：新配置下一个业务日生效，要马上生效请写明原因",
    ),
    (
        "time is right",
        (),
        ConfirmTime(MONDAY, **BY),
        16,
        "时钟可信，不用确认；确实不对，请技师在状态页勾选“确定无误”再改",
    ),
]


@pytest.mark.parametrize(
    ("before", "command", "seconds", "sentence"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD]
)
def test_who_is_refused_is_told_why(
    before: tuple[Command, ...], command: Command, seconds: float, sentence: str
) -> None:
    scene = Scene().ask(*before)
    scene.clock.advance(seconds=seconds)
    with pytest.raises(Refused) as refused:
        decide(PLAN, scene.state, command, scene.clock.now())
    assert refusal(refused.value) == sentence


def woken() -> Scene:
    """A hall whose clock was believed at 8:00, and no longer is."""
    scene = Scene().ask(TAKE)
    scene.clock.trusted = False
    return scene.ask(TAKE)


DAY = timedelta(days=1)
ON_THE_PAGE = "确定吗?请技师在状态页勾选“确定无误”再确认"


@pytest.mark.parametrize(
    ("wall", "sentence"),
    [
        (MONDAY - 3 * DAY, f"2026-11-20 08:00 比最后一次可信的时间 2026-11-23 08:00 还早，{ON_THE_PAGE}"),
        (MONDAY + 5 * DAY, "2026-11-28 08:00 不是营业日，确定营业吗?"),
        (
            MONDAY + 16 * DAY,
            f"2026-12-09 08:00 离最后一次可信的时间 2026-11-23 08:00 有 15 天，{ON_THE_PAGE}",
        ),
    ],
)
def test_an_odd_time_is_asked_back_once(wall: datetime, sentence: str) -> None:
    scene = woken()
    with pytest.raises(Refused) as refused:
        decide(PLAN, scene.state, ConfirmTime(wall, **BY), scene.clock.now())
    assert refusal(refused.value) == sentence
    assert decide(PLAN, scene.state, ConfirmTime(wall, True, **BY), scene.clock.now())


@pytest.mark.parametrize(
    ("days", "sure", "actor", "code"),
    [
        (14, False, "1001", ""),
        (14.01, False, "1001", "time_far"),
        (400, True, "1001", ""),
        (400.01, True, "1001", "time_too_far"),
        (-400.01, True, "1001", "time_too_far"),
        (400.01, False, "technician", "time_far"),
        (400.01, True, "technician", ""),
        (20_000, True, "technician", ""),
    ],
)
def test_how_far_a_time_may_be_from_the_newest_known_one(
    days: float, sure: bool, actor: str, code: str
) -> None:
    scene, wall = woken(), MONDAY + timedelta(days=days)
    try:
        decide(PLAN, scene.state, ConfirmTime(wall, sure, actor=actor), scene.clock.now())
        refused = ""
    except Refused as why:
        refused = why.code
    assert refused == code


def test_where_no_time_was_ever_known_none_is_far() -> None:
    scene = Scene()
    scene.clock.trusted = False
    scene.ask(TAKE)
    for days in (-4 * 365 + 1, 2 * 364, 6 * 364):
        assert decide(PLAN, scene.state, ConfirmTime(MONDAY + days * DAY, **BY), scene.clock.now())


@pytest.mark.parametrize("year", [1, 1970, 1999, 2100, 9999])
@pytest.mark.parametrize("actor", ["1001", "technician"])
def test_no_hall_is_in_such_a_year(year: int, actor: str) -> None:
    for scene in (Scene(), woken()):
        for wall in (datetime(year, 1, 1), datetime(year, 12, 31, 23, 59, tzinfo=UTC)):
            with pytest.raises(Refused) as refused:
                decide(PLAN, scene.state, ConfirmTime(wall, True, actor=actor), scene.clock.now())
            assert refusal(refused.value) == "年份要在 2000 到 2099 之间，请重新填写"


@pytest.mark.parametrize("hours", [*range(-23, 0), *range(1, 24)])
def test_a_time_said_by_the_clocks_of_another_zone_is_that_moment_by_the_halls_own(hours: int) -> None:
    scene, elsewhere = woken(), timezone(timedelta(hours=hours))
    wall = (AT_NINE + DAY).astimezone(elsewhere)
    said = decide(PLAN, scene.state, ConfirmTime(wall, True, **BY), scene.clock.now())[-1]
    assert isinstance(said, TimeConfirmed)
    assert said.wall.isoformat() == (AT_NINE + DAY).isoformat()
    scene.clock.confirm(wall, scene.clock.now())  # as an old journal may have it
    assert scene.clock.now().wall.isoformat() == (AT_NINE + DAY).isoformat()


def test_the_last_hours_of_the_last_year_elsewhere_are_too_late_here() -> None:
    scene, wall = woken(), datetime(2099, 12, 31, 23, 59, tzinfo=UTC)
    with pytest.raises(Refused) as refused:
        decide(PLAN, scene.state, ConfirmTime(wall, True, actor="technician"), scene.clock.now())
    assert refused.value.code == "time_never"


@pytest.mark.parametrize(
    ("command", "seconds"), [(Recall("1", **BY), 15.0), (CallNext("1", **BY), 1.0), (Start("1", **BY), 0.0)]
)
def test_what_is_asked_at_the_very_second_is_done(command: Command, seconds: float) -> None:
    scene = Scene().ask(*TWO, CALL)
    scene.clock.advance(seconds=seconds)
    assert decide(PLAN, scene.state, command, scene.clock.now())
