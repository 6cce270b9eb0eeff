"""When the hall cannot run at all: pages, signs and voice send everybody to the desk, until it can."""

import argparse
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import EXAMPLE
from contrast import cut, faint
from daemon import Daemon, outside
from playwright.sync_api import Browser, expect
from wait import until

from controller.app.serving import early, readable
from controller.simulated.simulation import Simulation

SIZES = {"tv": (1920, 1080), "kiosk": (1080, 1920), "phone": (360, 740)}


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[tuple[Simulation, Path]]:
    """The machines and their hall.toml."""
    twin, file = outside(tmp_path)
    yield twin, file
    twin.close()


def answer(safe: Daemon, path: str) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(f"http://127.0.0.1:{safe.port}{path}", timeout=5)
    return told.value.code, told.value.read().decode()


@pytest.fixture
def safe(hall: tuple[Simulation, Path], tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(hall[1], tmp_path / "data", verb="safe")
    yield daemon
    assert daemon.stop() == 0


def test_every_address_sends_people_to_the_desk(safe: Daemon) -> None:
    for path in ("/", "/board", "/kiosk", "/window/3", "/t/whatever"):
        status, page = answer(safe, path)
        assert status == 503
        assert "请到咨询台办理" in page
        assert "Please go to the information desk" in page
    status, told = answer(safe, "/health")
    assert (status, json.loads(told)["ok"]) == (503, False)
    assert not (safe.data / "journal.db").exists(), "it opens no journal"


def test_signs_lamps_and_voice_say_so_too(hall: tuple[Simulation, Path], safe: Daemon) -> None:
    twin, _ = hall
    until(lambda: all("请听指挥" in twin.machines[f"sign{n}"].text for n in "1234"))
    until(lambda: any("系统故障，请听工作人员安排" in s for s in twin.machines["voice"].spoken))
    for n in "1234":  # the red lamp of a fault blinks
        until(lambda n=n: twin.machines[f"unit{n}"].lamps[2])


@pytest.mark.parametrize("size", ["tv", "kiosk", "phone"])
def test_it_is_read_from_afar(safe: Daemon, browser: Browser, size: str) -> None:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(f"http://127.0.0.1:{safe.port}/board")
    expect(page.locator("h1")).to_contain_text("请到咨询台办理")
    assert faint(page, 4.5) == []
    assert cut(page) == []
    page.close()


def test_a_board_that_hangs_there_tells_it_and_comes_back_by_itself(
    hall: tuple[Simulation, Path], tmp_path: Path, browser: Browser
) -> None:
    _, file = hall
    daemon = Daemon(file, tmp_path / "data")
    number = daemon.take()
    page = browser.new_page(viewport={"width": 1920, "height": 1080})
    page.goto(f"http://127.0.0.1:{daemon.port}/board")
    expect(page.locator("#waiting b").first).to_have_text("1")
    daemon.kill()
    safe = Daemon(file, tmp_path / "data", verb="safe", port=daemon.port)
    expect(page.locator("#full")).to_contain_text("系统故障")
    assert safe.stop() == 0
    daemon = Daemon(file, tmp_path / "data", port=daemon.port)
    expect(page.locator("#waiting b").first).to_have_text("1")
    expect(page.locator("#full")).to_be_hidden()
    assert daemon.take() > number, "numbers go on"
    assert daemon.stop() == 0
    page.close()


def test_with_a_broken_hall_toml_it_uses_the_last_plan_of_the_journal(
    hall: tuple[Simulation, Path], tmp_path: Path
) -> None:
    twin, file = hall
    Daemon(file, tmp_path / "data").stop()
    file.write_text("[hall\n")
    safe = Daemon(file, tmp_path / "data", verb="safe")
    assert "泷水塘社区为民服务中心" in answer(safe, "/")[1]
    until(lambda: "请听指挥" in twin.machines["sign1"].text)
    assert safe.stop() == 0


def test_what_is_right_in_a_hall_toml_stands_in_even_where_no_journal_is(
    hall: tuple[Simulation, Path], tmp_path: Path
) -> None:
    hall[1].write_text(hall[1].read_text().replace("width = 576 ", "width = 500 "))
    plan = readable(argparse.Namespace(file=hall[1], data=tmp_path / "data"))
    assert plan.device.keys() > {"sign1", "unit1", "voice"}
    assert plan.down == {"printer"}


def test_it_tells_what_the_hall_waits_for_and_gives_way_when_that_is_there(tmp_path: Path) -> None:
    (text := tmp_path / "hall.toml").write_text(
        EXAMPLE.read_text().replace("/dev/serial", f"{tmp_path}/serial")
    )
    safe = Daemon(text, tmp_path / "data", verb="safe")
    page = answer(safe, "/board")[1]
    assert "unit1 的接口" in page
    assert "it in or mend hall.toml. The hall starts again by itself" in page
    (by_path := tmp_path / "serial/by-path").mkdir(parents=True)
    for port in ("1.1", "1.2"):
        (by_path / f"platform-xhci-usb-0:{port}:1.0-port0").touch()
    until(lambda: safe.process.poll() is not None)
    assert safe.stop() == os.EX_TEMPFAIL


def test_its_pages_wait_for_an_address_that_is_not_there_and_a_busy_one_does_not_silence_it() -> None:
    listener = early("203.0.113.9", 0)
    assert listener
    with listener:
        assert early(*listener.getsockname()) is None


def test_of_a_hall_of_which_nothing_can_be_read_pages_and_voice_say_so_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (speaker := tmp_path / "espeak-ng").write_text(f"#!/bin/sh\ncat >> {(heard := tmp_path / 'heard')}\n")
    speaker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    safe = Daemon(tmp_path / "hall.toml", tmp_path / "data", verb="safe")
    assert "请到咨询台办理" in answer(safe, "/board")[1]
    until(lambda: heard.exists() and "系统故障，请听工作人员安排" in heard.read_text())
    with urllib.request.urlopen(f"http://127.0.0.1:{safe.port}/api/v1/events?screen=1", timeout=5) as told:
        assert "系统故障" in "".join(told.readline().decode() for _ in range(3))
    assert safe.stop() == 0
