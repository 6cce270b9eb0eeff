"""Why somebody came first: every overtaking is explained, and a checker confirms the events it names."""

import json
import random
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import MONDAY
from test_histories import PLAN, Life, rush

from controller.app import cli
from controller.figures import proof
from controller.hall.commands import CallNext, SignIn, TakeTicket
from controller.hall.events import DayOpened, TicketIssued
from controller.hall.moment import Now
from controller.journal.store import Store


def journal(life: Life, path: Path) -> list[proof.Row]:
    store = Store(path)
    store.append(life.events)
    store.close()
    return list(enumerate(life.events, 1))


def called_before(path: Path, day: str) -> dict[tuple[str, str], int]:
    """Read off the plain rows, knowing nothing of the rules' code: (ticket, passed) -> row of the call,
    for every ticket called before one of the same service that had been issued earlier, had not been
    called yet and was neither done nor gone."""
    db = sqlite3.connect(path)
    found: dict[tuple[str, str], int] = {}
    issued: dict[str, int] = {}
    service: dict[str, str] = {}
    busy: set[str] = set()
    first: set[str] = set()
    for seq, kind, text in db.execute("SELECT seq, kind, body FROM journal ORDER BY seq"):
        body = json.loads(text)
        ticket = body.get("ticket", "")
        if kind == "DayOpened" and body["day"] != day:
            issued.clear()
        elif kind == "TicketIssued" and not body["test"]:
            issued[ticket], service[ticket] = seq, body["service"]
        elif kind == "TicketTransferred":
            service[ticket] = body["service"]
            busy.discard(ticket)
        elif kind in ("TicketCompleted", "TicketCancelled"):
            issued.pop(ticket)
            busy.discard(ticket)
        elif kind in ("TicketMissed", "TicketHeld", "TicketParked"):
            busy.discard(ticket)
        elif kind == "TicketCalled":
            for other in issued:
                same = service[other] == service[ticket] and other not in busy | first
                if same and issued[other] < issued[ticket]:
                    found.setdefault((ticket, other), seq)
            first.add(ticket)
            busy.add(ticket)
        elif kind == "HeldCalled":
            busy.add(ticket)
    db.close()
    return found


SUPPORTS: dict[str, Callable[[dict[int, tuple[str, Any]], proof.Overtaking], bool]] = {
    "care": lambda rows, o: (
        [(kind, body["ticket"], body["care"]) for kind, body in rows.values() if kind == "TicketIssued"]
        == [("TicketIssued", o.passed, False), ("TicketIssued", o.ticket, True)]
        and o.minutes <= 20
    ),
    "special": lambda rows, o: any(body.get("reason") == "special" for _, body in rows.values()),
    "reinstated": lambda rows, o: "TicketReinstated" in {kind for kind, _ in rows.values()},
    "missed": lambda rows, o: ("TicketMissed", o.passed) in named(rows),
    "held": lambda rows, o: ("TicketHeld", o.passed) in named(rows),
    "parked": lambda rows, o: ("TicketParked", o.passed) in named(rows),
    "sent_here": lambda rows, o: ("TicketTransferred", o.ticket) in named(rows),
    "sent_elsewhere": lambda rows, o: ("TicketTransferred", o.passed) in named(rows),
}


def named(rows: dict[int, tuple[str, Any]]) -> set[tuple[str, str]]:
    return {(kind, body.get("ticket", "")) for kind, body in rows.values()}


def test_a_checker_confirms_every_reason_over_random_days(
    tmp_path: Path, times: int, counted: Callable[[str], None]
) -> None:
    explained = 0
    for seed in range(4 * times):
        life = rush(seed, steps=300)
        path = tmp_path / f"{seed}.db"
        rows = proof.of_day(journal(life, path), "2026-11-23")
        db = sqlite3.connect(path)
        plain = {
            seq: (kind, json.loads(body))
            for seq, kind, body in db.execute("SELECT seq, kind, body FROM journal")
        }
        db.close()
        told = {(o.ticket, o.passed): o for number in life_tickets(rows) for o in proof.why(rows, number)}
        for pair, call in called_before(path, "2026-11-23").items():
            assert pair in told, f"seed {seed}: {pair} at row {call} is not explained"
        for overtaking in told.values():
            evidence = {row: plain[row] for row in overtaking.rows}
            assert ("TicketCalled", overtaking.ticket) in named(evidence)
            assert SUPPORTS[overtaking.reason](evidence, overtaking), (seed, overtaking, evidence)
            explained += 1
    assert explained > 100
    counted(f"{4 * times:,} random days, {explained:,} overtakings, each explained and confirmed")


def life_tickets(rows: list[proof.Row]) -> list[str]:
    return [event.ticket for _, event in rows if isinstance(event, TicketIssued) and not event.test]


@pytest.fixture
def morning(tmp_path: Path) -> Path:
    """A001 waits, A002 has care and comes first; then A003 is called by its number."""
    life = Life(PLAN)
    for care in (False, True, False):
        life.clock.advance(minutes=3)
        life.ask(TakeTicket("A", "hall", care=care, actor="buttons", press=f"p{life.clock.now().mono}"))
    life.ask(TakeTicket("X", "hall", actor="buttons"))
    life.ask(SignIn("3", "1003", actor="1003"))
    life.ask(CallNext("3", actor="1003"))
    life.clock.advance(minutes=5)
    life.ask(CallNext("3", "A003", "papers", actor="1003"))
    life.wait("reboot")
    life.clock.advance(minutes=2)
    life.ask(CallNext("3", actor="1003"))
    journal(life, tmp_path / "journal.db")
    return tmp_path


@pytest.fixture
def ask(
    morning: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """A verb of the command line in Chinese: exit status, and what it printed."""

    def ask(*words: str, lang: str = "zh_CN.UTF-8") -> tuple[int, str]:
        monkeypatch.setenv("LC_ALL", lang)
        monkeypatch.setattr(sys, "argv", ["hallqueue", *words, "--data", str(morning)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out + told.err

    return ask


def test_why_names_the_reason_and_the_events(ask: Callable[..., tuple[int, str]]) -> None:
    status, said = ask("why", "a001")
    assert status == 0
    care, papers = said.splitlines()
    assert (
        care == "A002 先于 A001 叫到(3号窗口 1003，晚来 3 分钟)：优先对象，在公布的分钟数以内。依据 #3 #4 #7"
    )
    assert papers == "A003 先于 A001 叫到(3号窗口 1003，晚来 6 分钟)：窗口指定呼叫：材料补齐。依据 #9"
    assert ask("why", "A001", "A003") == (0, papers + "\n")
    assert ask("why", "A002") == (0, "没有人比 A002 晚来先叫到\n")
    assert ask("why", "A009")[0] == 2
    assert ask("why", "A001", "--day", "2026-01-01")[0] == 2


def test_a_trail_is_the_life_of_a_ticket_with_estimates_across_a_reboot(
    ask: Callable[..., tuple[int, str]],
) -> None:
    status, said = ask("trail", "A001")
    assert status == 0
    first, second = said.splitlines()
    assert first == "#3 08:03:00 取号 A001 (buttons)"
    assert second.startswith("#11 08:16:00 3号窗口叫号")
    assert "约 13.0 分钟(中间重启过)" in second


def test_where_the_locale_is_silent_one_language_comes_after_the_other(
    ask: Callable[..., tuple[int, str]],
) -> None:
    both, english = ask("trail", "A001", lang="C")[1], ask("trail", "A001", lang="en_US.UTF-8")[1]
    assert both == ask("trail", "A001")[1] + english
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in english)


def test_no_code_of_the_program_is_in_a_trail(ask: Callable[..., tuple[int, str]]) -> None:
    assert "3号窗口叫号 窗口指定呼叫：材料补齐 (1003)" in ask("trail", "A003")[1]


def test_the_hall_is_shown_as_it_was(ask: Callable[..., tuple[int, str]]) -> None:
    status, said = ask("at", "2026-11-23 08:10")
    assert status == 0
    assert "营业中" in said
    assert "3号窗口 1003：已叫 A002" in said
    assert "A 等候：A001 A003" in said
    assert "等候：A001 A003" not in ask("at", "2026-11-23 08:15")[1]
    assert ask("at", "2026-11-22 08:15")[0] == 2


def test_the_report_adds_up_and_lists_every_overtaking(ask: Callable[..., tuple[int, str]]) -> None:
    status, said = ask("report")
    assert status == 0
    assert said.startswith("2026-11-23：取号 3 = 办结 2 + 过号 0 + 作废 0 + 未办 0 + 在办 1\n后来先叫 2 次\n")
    assert "1003 窗口指定呼叫：材料补齐 1 次" in said


def when(*moments: str) -> list[proof.Row]:
    """A ticket at each moment, in this order; with ? nobody trusts the clock."""
    zone = MONDAY.tzinfo
    walls = [
        (datetime.fromisoformat(f"2026-11-{m.rstrip('?')}").replace(tzinfo=zone), m[-1] != "?")
        for m in moments
    ]
    stamp = {"actor": "", "press": ""}
    return [
        (n, TicketIssued(f"A{n:03}", "A", "hall", at=Now(wall, float(n), "boot", trusted), **stamp))
        for n, (wall, trusted) in enumerate(walls, 1)
    ]


@pytest.mark.parametrize(
    ("moments", "asked", "there"),
    [
        (["23 08:00", "23 09:00", "23 10:00"], "23 09:30", 2),
        (["23 08:00", "23 09:00", "23 10:00"], "23 09:00", 2),
        (["23 08:00", "23 09:00", "23 10:00"], "23 07:59", 0),
        (["23 08:00", "23 09:00", "23 10:00"], "24 08:00", 3),
        (["23 08:00", "23 09:00", "23 08:30"], "23 08:45", 1),
        (["23 08:00", "23 09:00", "23 08:30"], "23 08:15", 1),
        (["23 08:00", "23 09:00", "23 08:30", "23 09:30"], "23 08:45", 3),
        (["23 08:00", "30 09:00", "23 09:30", "23 10:30"], "23 10:00", 3),
        (["23 08:00", "23 09:00", "01 08:00?", "01 08:05?", "24 09:00"], "23 09:30", 2),
        (["23 08:00", "23 09:00", "01 08:00?", "01 08:05?"], "23 08:30", 1),
        (["01 08:00?", "01 08:05?"], "01 08:01", 1),
    ],
)
def test_a_moment_is_found_in_the_order_of_the_rows_wherever_the_clock_went(
    moments: list[str], asked: str, there: int
) -> None:
    (_, last), *_ = when(asked)
    assert len(proof.at(when(*moments), last.at.wall).tickets) == there


def test_what_is_said_of_a_past_day_depends_on_no_wall_time_of_a_later_one() -> None:
    """Whatever the clocks show later, the rows of before are told alike."""
    for seed in range(30):
        dice = random.Random(seed)
        first = [f"23 {hour:02}:{minute:02}" for hour in (8, 9) for minute in (0, 20, 40)]
        later = [f"{dice.choice(('01', '22', '24', '30'))} 09:30{dice.choice(('', '?'))}" for _ in range(4)]
        later.append("30 23:00")
        (_, asked), *_ = when("23 08:50")
        if not any(moment.startswith(("01", "22")) and "?" not in moment for moment in later):
            assert len(proof.at(when(*first, *later), asked.at.wall).tickets) == 3, (seed, later)


def test_a_day_that_turned_back_was_the_earlier_one_all_the_time() -> None:
    opened = [DayOpened(d, at=Now(MONDAY, 0.0, "b", True), actor="", press="") for d in ("1", "3", "2")]
    rows = list(enumerate(opened, 1))
    assert proof.days(rows) == ["1", "2"], "the third was the second all the time"
    assert proof.of_day(rows, "2") == rows[1:]


def test_a_duration_over_a_reboot_asks_no_clock_that_nobody_believes() -> None:
    start, end = Now(MONDAY, 900.0, "one", True), Now(MONDAY + timedelta(days=20_000), 60.0, "two", True)
    for pair in (replace(start, trusted=False), end), (start, replace(end, trusted=False)):
        assert proof.lasted(*pair) == (60.0, True), "since the boot at least"
    assert proof.lasted(start, end) == (20_000 * 86_400.0, True)


def test_durations_are_never_negative() -> None:
    life = Life(PLAN)
    start = life.clock.now()
    life.clock.move(MONDAY - timedelta(hours=1))
    assert proof.lasted(start, life.clock.now()) == (0.0, False)
    life.wait("reboot")
    assert proof.lasted(start, life.clock.now()) == (0.0, True)
