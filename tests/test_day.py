"""A simulated day: the real rules under dice; the same seed is the same day."""

import sys
from datetime import date, time
from pathlib import Path

import pytest
from conftest import EXAMPLE
from judge import judge

from controller.app import cli
from controller.figures.account import figures
from controller.journal.store import Store
from controller.settings.schema import Settings
from controller.simulated.day import Day

MONDAY = date(2026, 11, 23)


def test_the_same_seed_is_the_same_day(plan: Settings) -> None:
    def told(seed: int) -> list[str]:
        events = Day(plan, MONDAY, seed, 1.0, {}).run()
        return [f"{type(e).__name__} {e.at.wall} {getattr(e, 'ticket', '')}" for e in events]

    assert told(1) == told(1)
    assert told(1) != told(2)


@pytest.mark.parametrize("load", [0.75, 1.25])
def test_a_simulated_day_is_fair_and_adds_up(plan: Settings, tmp_path: Path, load: float) -> None:
    store = Store(tmp_path / "journal.db")
    events = list(Day(plan, MONDAY, 3, load, {}).run())
    store.append(events)
    store.close()
    issued = judge(tmp_path / "journal.db", {name: w.services for name, w in plan.window.items()})
    account = figures(iter(events)).account
    assert account["issued"] == issued > 50
    assert account["open"] == account["unserved"] == 0, (
        "everybody with a ticket is served (the policy says so)"
    )


def test_a_window_that_opens_later_makes_people_wait(plan: Settings) -> None:
    def waited(opens: dict[str, time]) -> float:
        found = figures(Day(plan, MONDAY, 1, 1.0, opens).run())
        return sum(map(sum, found.waits.values()))

    assert waited({"4": time(11)}) > waited({})


def test_the_verb_answers_what_if(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")

    def asked(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["hallqueue", "day", *words, str(EXAMPLE)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return int(left.value.code or 0)

    assert asked("--open", "4=9:00") == 0
    said = capsys.readouterr().out
    assert "种子 1" in said
    assert " → " in next(line for line in said.splitlines() if line.startswith("4号窗口"))
    assert asked("--open", "9=9:00") == 2
    assert asked("--open", "4") == 2
    assert asked("--open", "4=9:00", "--open", "9=9:00") == 2
    assert asked("--date", "2026-10-01") == 2
    assert "2026-10-01 不营业" in capsys.readouterr().err
