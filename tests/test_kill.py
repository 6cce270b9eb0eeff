"""kill -9 at any moment: every acknowledged ticket is there again, no number comes twice."""

import contextlib
import sqlite3
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from daemon import Daemon, outside
from wait import until

from controller.journal.verify import verify
from controller.simulated.simulation import Simulation
from drivers.sim.printer import Printer


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[tuple[Simulation, Path]]:
    twin, file = outside(tmp_path)
    yield twin, file
    twin.close()


def issued(data: Path) -> list[str]:
    db = sqlite3.connect(f"file:{data / 'journal.db'}?mode=ro", uri=True)
    rows = db.execute("SELECT body->>'ticket' FROM journal WHERE kind = 'TicketIssued'").fetchall()
    db.close()
    return [number for (number,) in rows]


def test_killed_between_two_commands_nothing_is_lost_and_signs_and_board_show_again(
    devices: tuple[Simulation, Path], tmp_path: Path
) -> None:
    twin, file = devices
    data, numbers = tmp_path / "data", []
    daemon = Daemon(file, data)
    daemon.ask("windows/1/sign-in", clerk="1001")
    numbers.append(daemon.take())
    printer = twin.machines["printer"]
    until(lambda: printer.printed == 1)  # type: ignore[attr-defined]
    assert daemon.ask("windows/1/call-next")["events"][0]["ticket"] == numbers[0]
    sign = twin.machines["sign1"]
    until(lambda: numbers[0] in sign.text)  # type: ignore[attr-defined]
    for _ in range(3):
        daemon.kill()
        assert numbers[0] in sign.text, "the sign is outside and keeps its text"  # type: ignore[attr-defined]
        twin.turn("sign1", "power_off", 1)
        twin.turn("sign1", "power_off", 0)
        daemon = Daemon(file, data)
        until(lambda: numbers[0] in sign.text)  # type: ignore[attr-defined]
        assert daemon.get("/api/v1/hall")["calls"][0]["ticket"] == numbers[0]
        assert daemon.get("/api/v1/hall")["windows"] == {"1": numbers[0]}
        numbers.append(daemon.take())
        assert daemon.ask("tickets", service="A", press=daemon.press) == {"events": []}
    assert daemon.stop() == 0
    assert numbers == issued(data) == [f"A{n:03}" for n in range(1, 5)]
    assert verify(data / "journal.db")[1] == 0


def test_killed_in_the_middle_of_a_page_it_is_named_and_the_next_ticket_is_whole(
    devices: tuple[Simulation, Path], tmp_path: Path
) -> None:
    twin, file = devices
    printer = cast(Printer, twin.machines["printer"])
    hear, daemon = printer.feed, Daemon(file, data := tmp_path / "data")

    def feed(bytes_: bytes) -> bytes:
        if b"\x1b@\x1dv" in bytes_:  # the page has begun
            daemon.process.kill()
        return hear(bytes_)

    printer.feed = feed  # type: ignore[method-assign]
    with contextlib.suppress(OSError):
        while "events" not in daemon.ask("tickets", service="A"):
            pass
    daemon.kill()
    printer.feed = hear  # type: ignore[method-assign]
    assert printer.printed == 0
    daemon = Daemon(file, data)
    page = until(lambda: "<b>A001</b>" in (p := _page(daemon)) and p)
    assert "不知是否打出" in page
    assert daemon.take() == "A002"
    until(lambda: printer.printed)
    until(lambda: not daemon.get("/health")["down"])
    assert "<b>A002</b>" not in _page(daemon), "the next one is confirmed"
    assert daemon.take() == "A003"
    until(lambda: printer.printed == 2)
    torn, whole = printer.papers
    line = 65  # dots: the line of the waiting time, on tickets taken when there is a forecast
    assert whole.height - line <= torn.height <= whole.height + 64, "a whole ticket below what was torn"
    daemon.stop()


def _page(daemon: Daemon) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/") as answer:
        return str(answer.read().decode())
