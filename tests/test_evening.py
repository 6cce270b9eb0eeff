"""The end of the day: displays off, figures that add up, and the word that the mains may be cut."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import EXAMPLE, MONDAY, Hall
from contrast import cut, faint
from playwright.sync_api import Browser, Page, expect
from wait import until

from controller.hall.commands import ChangeRoll
from controller.runtime.clock import FakeClock


@pytest.fixture
def pages(browser: Browser) -> Iterator[Callable[..., Page]]:
    context = browser.new_context()

    def visit(hall: Hall, path: str, size: tuple[int, int]) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(hall.url + path)
        return page

    yield visit
    context.close()


@pytest.fixture
def disk() -> Iterator[Path]:
    """A folder for the backup, on another device than the journal's."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="hallqueue-disk-") as folder:
        yield Path(folder)


def test_when_the_last_visitor_has_gone_the_mains_may_go_off(
    start_hall: Callable[..., Hall], clock: FakeClock, pages: Callable[..., Page], disk: Path
) -> None:
    hall = start_hall(EXAMPLE.read_text() + f'\n[backup]\nfolder = "{disk}"\n')
    number = hall.take("A")
    assert hall.call("1") == number
    clock.move(MONDAY.replace(hour=18, minute=5))
    until(lambda: not hall.state.open)
    assert "可以关闭总电源" not in hall.page("/"), "somebody is still at window 1"
    hall.ask("windows/1/complete")
    clock.move(MONDAY.replace(hour=19))
    until(lambda: hall.state.done)
    until(lambda: all(hall.machine(f"sign{n}").text == "" for n in "1234"))
    status = pages(hall, "/", (360, 740))
    expect(status.locator(".good")).to_contain_text("可以关闭总电源 19:00：取号 1 = 办结 1")
    kiosk = pages(hall, "/kiosk", (1080, 1920))
    expect(kiosk.locator("h2")).to_have_text("今天已停止取号，下次：11月24日(周二)8:00")
    expect(kiosk.locator("main")).to_contain_text("可以关闭总电源 19:00")
    assert faint(kiosk, 7) == []
    assert cut(kiosk) == []
    disk.rename(f"{disk}-away")
    hall.house.engine.submit(ChangeRoll("printer", actor="technician")).result()
    assert "可以关闭总电源" not in hall.page("/"), "not all is copied yet"
    Path(f"{disk}-away").rename(disk)
    until(lambda: "可以关闭总电源" in hall.page("/"))
