"""A day that was played with 61c65b9, asked by the house of now: the answers are the same to the letter.

tests/golden/played holds the day's journal, its hall.toml, and what 61c65b9 answered.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import ROOT, Hall

from controller.journal.store import Store
from controller.runtime.clock import FakeClock

PLAYED = ROOT / "tests" / "golden" / "played"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (folder := tmp_path / "data").mkdir()
    shutil.copy(PLAYED / "journal.db", folder)
    return folder


def test_why_trail_at_and_report_say_the_same_to_the_letter(data: Path) -> None:
    program = [sys.executable, PLAYED / "ask.py", "controller.app.cli", data]
    asked = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert asked.stderr == ""
    assert asked.stdout == (PLAYED / "answers.txt").read_text()
    assert asked.stdout.count("status 0") > 40


def test_its_hall_opens_the_next_morning_with_its_own_hall_toml(
    data: Path, start_hall: Callable[..., Hall]
) -> None:
    store = Store(data / "journal.db")
    last = store.believed()
    store.close()
    assert last
    morning = (last.wall + timedelta(days=1)).replace(hour=9)
    hall = start_hall((PLAYED / "hall.toml").read_text(), at=FakeClock(morning))
    assert hall.take("A") == "A001"
    assert hall.call("1") == "A001"
    assert hall.state.day == "2026-12-01"
