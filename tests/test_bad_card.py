"""The real daemon on a card that is slow, full, read-only or dead, by faults at its system calls."""

import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ordeal import Ordeal
from wait import until

from drivers.sim.wire import Machine

WAIT, DARK, RED = [False, True, False], [False] * 3, [False, False, True]


@pytest.fixture
def ordeal(tmp_path: Path) -> Iterator[Ordeal]:
    made = Ordeal(tmp_path)
    made.live()
    yield made
    made.close()


def heard(machine: Machine) -> Callable[[], int]:
    """How often this machine has been spoken to since now."""
    times, feed = [0], machine.feed

    def counted(data: bytes) -> bytes:
        times[0] += bool(data)
        return feed(data)

    machine.feed = counted  # type: ignore[method-assign]
    return lambda: times[0]


def test_while_the_card_takes_two_seconds_for_a_write_everything_else_goes_on(ordeal: Ordeal) -> None:
    page = f"http://127.0.0.1:{ordeal.daemon.port}/api/v1/events"
    with ThreadPoolExecutor() as people, urllib.request.urlopen(page) as board:
        slow, before = ordeal.fault("fdatasync", "delay_enter=2000000"), ordeal.shown()
        bus, signs = heard(ordeal.twin.machines["unit2"]), heard(ordeal.twin.machines["sign2"])
        answers = [people.submit(ordeal.daemon.ask, "tickets", service=s, press=s) for s in "ABC"]
        ordeal.twin.press("unit1", "next")
        beats = people.submit(lambda: [board.readline() for _ in range(8)])
        for lamp in (WAIT, DARK, WAIT):
            until(lambda lamp=lamp: ordeal.unit.lamps[:3] == lamp)
        until(lambda: bus() > 20 and signs() > 2 and beats.done())
        assert ordeal.daemon.get("/health")["ok"]
        assert not all(answer.done() for answer in answers), "the card is still at it"
        numbers = [answer.result()["events"][0]["ticket"] for answer in answers]
        slow.end()
    until(lambda: ordeal.shown() - before)
    assert sorted(number[0] for number in numbers) == ["A", "B", "C"]
    ordeal.told |= zip("ABC", numbers, strict=True)
    ordeal.wait(ordeal.settled)
    ordeal.check()


BAD = [
    ("fdatasync", "EIO"),
    ("pwrite64", "EIO"),
    ("pwrite64", "ENOSPC"),
    ("pwrite64", "EROFS"),
    ("pread64,pwrite64,fdatasync,openat", "EIO"),
]


def test_a_press_that_a_bad_card_does_not_take_is_refused_and_leaves_nothing_behind(ordeal: Ordeal) -> None:
    for number, (calls, error) in enumerate(BAD):
        refuses(ordeal, calls, error, f"bad {number}")
    ordeal.daemon.kill()
    ordeal.live()


def refuses(ordeal: Ordeal, calls: str, error: str, press: str) -> None:
    before = ordeal.column("seq", "TicketIssued", "TicketCalled")
    bad, bus = ordeal.fault(calls, f"error={error}"), heard(ordeal.twin.machines["unit2"])
    for _ in range(3):  # people go on pressing
        assert ordeal.daemon.ask("tickets", service="A", press=press)["error"] == "journal"
    ordeal.twin.press("unit1", "pause")
    for lamp in (RED, DARK, RED):
        until(lambda lamp=lamp: ordeal.unit.lamps[:3] == lamp)
    asked = bus()
    until(lambda: bus() > asked + 20)
    assert not ordeal.daemon.get("/health")["ok"]
    bad.end()
    assert ordeal.column("seq", "TicketIssued", "TicketCalled") == before
    ordeal.press = press
    until(ordeal.answered)
    ordeal.presses()
    assert ordeal.daemon.get("/health")["ok"]
    ordeal.check()


def test_killed_after_a_sync_that_failed_the_press_is_there_once_or_not_at_all(ordeal: Ordeal) -> None:
    bad = ordeal.fault("fdatasync", "error=EIO")
    assert ordeal.daemon.ask("tickets", service="A", press="bad")["error"] == "journal"
    ordeal.daemon.kill()
    bad.end()
    ordeal.press = "bad"
    ordeal.live()
    ordeal.presses()
    ordeal.check()
