"""The page behind a ticket's QR code, as a phone without JavaScript sees it."""

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import EXAMPLE, Hall
from playwright.sync_api import Browser, expect
from wait import until

from controller.hall.commands import TakeTicket
from controller.hall.outcome import Refused

LINKED = EXAMPLE.read_text() + '\n[web]\nlink = "http://127.0.0.1:8080"\n'


@pytest.fixture
def hall(start_hall: Callable[..., Hall]) -> Hall:
    return start_hall(text=LINKED)


def take(hall: Hall, token: str) -> str:
    command = TakeTicket("A", "hall", screen=True, token=token, actor="kiosk")
    events = hall.house.engine.submit(command).result(10)
    assert not isinstance(events, Refused)
    return str(events[-1].ticket)  # type: ignore[attr-defined]


def get(hall: Hall, token: str, **headers: str) -> tuple[int, str, Any]:
    request = urllib.request.Request(f"{hall.url}/t/{token}", headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def test_it_tells_where_one_is_until_two_hours_after_closing(hall: Hall, clock: Any) -> None:
    take(hall, "first-token")
    number = take(hall, "second-token")
    status, page, headers = get(hall, "second-token")
    assert (status, headers["Referrer-Policy"]) == (200, "no-referrer")
    assert number in page
    assert "前面还有 1 人" in page
    same = get(hall, "second-token", **{"If-None-Match": headers["ETag"]})
    assert same[0] == 304, "polite polling"
    hall.call("1")
    clock.advance(seconds=2)
    hall.call("1")
    assert "请到 1 号窗口" in get(hall, "second-token")[1]
    assert "已办结" in get(hall, "first-token")[1]
    assert hall.ask("windows/1/complete")["events"]
    assert "已办结" in get(hall, "second-token")[1]
    assert hall.ask("windows/1/sign-out")["events"]
    clock.advance(seconds=3600 * 11)  # 19:00: an hour and a half after closing
    until(lambda: not hall.state.open)
    assert get(hall, "second-token")[0] == 200
    clock.advance(seconds=3600)
    assert get(hall, "second-token")[0] == 404


def test_a_guess_finds_nothing_and_the_token_is_kept_nowhere(hall: Hall, caplog: Any) -> None:
    take(hall, "kept-nowhere-token")
    assert get(hall, "A001")[0] == 404
    assert "没有对应的号" in get(hall, "x" * 22)[1]
    hall.stop()
    for file in (path for path in Path(hall.folder).rglob("*") if path.is_file()):
        assert b"kept-nowhere-token" not in file.read_bytes(), file
    assert "kept-nowhere-token" not in caplog.text


def test_a_hall_without_wifi_for_visitors_has_no_such_page(start_hall: Callable[..., Hall]) -> None:
    hall = start_hall()
    take(hall, "token-of-nobody")
    assert get(hall, "token-of-nobody")[0] == 404


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_it_renews_itself_and_says_the_window(hall: Hall, browser: Browser, scripts: bool) -> None:
    number = take(hall, "my-token")
    context = browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=scripts)
    page, loads = context.new_page(), list[str]()
    if scripts:
        page.clock.install()
    page.goto(f"{hall.url}/t/my-token")
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    expect(page.locator("h1")).to_have_text(number)
    assert hall.call("1") == number
    if scripts:
        page.clock.run_for(30_000)
    expect(page.locator(".big")).to_have_text("请到 1 号窗口")  # without, its own ten seconds pass
    assert bool(loads) != scripts, "in its place where it can"
    assert int(page.evaluate("document.documentElement.scrollWidth")) <= 360
    context.close()
