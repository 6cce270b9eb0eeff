"""A driver that hangs: its port is given up, another generation serves; what the old one does is lost."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from conftest import EXAMPLE, Hall
from hypothesis import given
from hypothesis import strategies as st
from wait import until

from controller.runtime.ports import HOUR, TIMES, Generations
from controller.simulated.simulation import MACHINES
from drivers import power_cec, printer_escpos, sign_onbon
from drivers.base.device import Device
from drivers.base.kinds import Button, Press
from drivers.base.link import Link
from drivers.base.paper import Page, Tray
from drivers.base.port import Port
from drivers.sim.wire import Machine, Wire


class Ear(Machine):
    """Answers each byte with itself and keeps what it heard."""

    def __init__(self) -> None:
        self.heard = b""

    def feed(self, data: bytes) -> bytes:
        self.heard += data
        return data


class Toy(Button):
    """Writes its own letter each turn; hangs while `hang` says so, and then does all that it can."""

    longest = 60.0  # the tests tell the time themselves

    def __init__(self, name: str, letter: bytes) -> None:
        super().__init__(name)
        self.letter, self.hang, self.turns, self.closed = letter, threading.Event(), 0, 0
        self.hang.set()  # it does not

    def turn(self, link: Link) -> float:
        self.turns += 1
        if not self.hang.is_set():
            self.hang.wait()
            self.press("next")
            self.report("degraded", "near_end")
            self.letter = self.letter.upper()
        link.write(self.letter)
        assert link.read(1, 5.0) == self.letter
        return 0.01

    def close(self) -> None:
        self.closed += 1


class Bench:
    """A wire with two toys on it, and their port in all its generations."""

    def __init__(self, folder: Path) -> None:
        self.ear, self.presses, self.met = Ear(), list[Press](), list[Toy]()
        self.told: list[str] = []
        self.wire = Wire(folder / "wire", self.ear)
        self.now = {"one": self.met_one("one"), "two": self.met_one("two")}
        port = Port(self.wire.url, 9600, list(self.now.values()), 0.02)
        self.generations = Generations(port, lambda old: self.met_one(old.name), self.succeed)
        self.generations.start()

    def met_one(self, name: str) -> Toy:
        toy = Toy(name, b"abcdefghijklmnopqrstuvwxyz"[len(self.met) :][:1])
        toy.emit = self.presses.append
        self.met.append(toy)
        return toy

    def succeed(self, device: Device) -> None:
        assert isinstance(device, Toy)
        self.now[device.name] = device
        # Kept as it is told: a moment later it may be well again.
        device.on_health = lambda toy: self.told.append(toy.health.code) if toy.health.code else None

    def well(self) -> bool:
        return all(toy.health.state == "up" and toy.turns > 1 for toy in self.now.values())

    def hung(self) -> Toy:
        """Let the first toy hang; the object that it is."""
        until(self.well)
        toy = self.now["one"]
        toy.hang.clear()
        turns = toy.turns
        toy.wake()
        until(lambda: toy.turns > turns)
        return toy

    def late(self, after: float = 0.0) -> float:
        """A moment at which whoever hangs is late."""
        return time.monotonic() + Toy.longest + 1.0 + after


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    threads = threading.active_count()
    bench = Bench(tmp_path)
    yield bench
    for toy in bench.met:
        toy.hang.set()
    bench.generations.stop()
    bench.wire.unplug()
    until(lambda: threading.active_count() <= threads)


def test_a_driver_that_hangs_is_given_up_and_what_it_does_later_reaches_nobody(bench: Bench) -> None:
    toy = bench.hung()
    bench.generations.look(time.monotonic())
    assert bench.now["one"] is toy, "it is within its time"
    bench.generations.look(bench.late())
    assert bench.told == ["stuck", "stuck"]  # for both, as both are on its wire
    assert bench.now["one"] is not toy
    until(bench.well)
    toy.hang.set()
    until(lambda: toy.closed == 2)  # by its successor, and by its own thread at last
    assert bench.presses == []
    assert toy.letter.isupper()
    assert toy.letter not in bench.ear.heard
    assert (toy.health.state, toy.health.code) == ("up", "")
    heard = len(bench.ear.heard)
    until(lambda: len(bench.ear.heard) > heard + 3)
    assert bench.well(), "the new ones go on"


def test_after_three_times_in_an_hour_it_stays_down_until_somebody_reconnects_it(bench: Bench) -> None:
    for _ in range(TIMES):
        assert bench.generations.thread.is_alive()
        bench.hung()
        bench.generations.look(bench.late())
    for _ in range(3):
        bench.generations.look(bench.late())
    assert not bench.generations.thread.is_alive()
    assert [toy.health.code for toy in bench.now.values()] == ["stuck", "stuck"]
    bench.now["two"].reopen()
    bench.generations.look(bench.late())
    until(bench.well)
    bench.told.clear()
    bench.now["two"].reopen()  # as on any wire that is well
    until(lambda: "cable" in bench.told)
    until(bench.well)
    bench.hung()
    bench.generations.look(bench.late())
    until(bench.well)  # counted from there anew


def test_three_times_in_more_than_an_hour_are_forgotten(bench: Bench) -> None:
    for times in range(TIMES + 1):
        bench.hung()
        bench.generations.look(bench.late(times * HOUR / 2))
        until(bench.well)


def test_a_tv_may_take_eight_seconds_for_each_command(tmp_path: Path) -> None:
    over = tmp_path / "over"
    command = tmp_path / "cec-ctl"
    command.write_text(
        f"#!/bin/sh\n[ -e {over} ] || touch {tmp_path}/asked\nuntil [ -e {over} ]; do sleep 0.1; done\n"
    )
    command.chmod(0o755)
    device, began = power_cec.Driver("tv", f"exec:{command}"), time.monotonic()
    generations = Generations(Port("", 0, [device], 1.0), lambda old: old, lambda heir: None)
    generations.start()
    until((tmp_path / "asked").exists)
    generations.look(began + 4 * 8.0)
    assert device.health.code == ""
    over.touch()
    generations.stop()


class Printer:
    """What a tray gives its pages to: the test draws and answers them."""

    def __init__(self) -> None:
        self.pages: list[tuple[Callable[[], Page], Callable[[str], None]]] = []

    def print(self, page: Callable[[], Page], receipt: Callable[[str], None]) -> None:
        self.pages.append((page, receipt))


ACTS = st.sampled_from(["print", "draw", "pending", "confirmed", "hand over"])


@given(st.lists(st.tuples(ACTS, st.integers(0, 7)), max_size=40))
def test_whatever_printers_hang_no_page_is_begun_by_two_and_each_has_one_answer(
    acts: list[tuple[str, int]],
) -> None:
    generations = [Printer()]
    tray, printed = Tray(generations[0]), 0
    begun: dict[int, set[int]] = {}  # by page, the generations that drew it
    drawing = [0]  # by which it is drawn just now
    answers: list[tuple[int, str]] = []
    for act, number in acts:
        given = [(n, *page) for n, printer in enumerate(generations) for page in printer.pages]
        if act == "print":
            page, printed = printed, printed + 1

            def draw(page: int = page) -> Page:
                begun.setdefault(page, set()).add(drawing[0])
                return Page(())

            tray.print(draw, lambda word, page=page: answers.append((page, word)))  # type: ignore[misc]
        elif act == "hand over":
            generations.append(Printer())
            tray.hand_over(generations[-1])
        elif given:
            drawing[0], draw_it, answer = given[number % len(given)]  # also one of a generation that is gone
            if act == "draw":
                with suppress(KeyError):
                    draw_it()
            else:
                answer(act)
    tray.hand_over(last := Printer())
    drawing[0] = len(generations)
    for draw_it, answer in last.pages:
        draw_it()
        answer("confirmed")
    for _, answer in (page for printer in generations for page in printer.pages):
        answer("confirmed")  # they wake at last
    assert all(len(by) == 1 for by in begun.values())
    assert sorted(page for page, word in answers if word != "pending") == list(range(printed))


class HangingPrinter(printer_escpos.Driver):
    """The real one; its first object hangs in the middle of its first page, once it is drawn."""

    longest = 4.0
    over: threading.Event
    made: list["HangingPrinter"]

    def __init__(self, name: str) -> None:
        super().__init__(name, mode="text")
        self.made.append(self)
        self.begun = self.woken = False

    def print(self, page: Callable[[], Page], receipt: Callable[[str], None]) -> None:
        def draw() -> Page:
            self.begun = True
            return page()

        super().print(draw, receipt)

    def turn(self, link: Link) -> float:
        if self is self.made[0] and self.begun:
            self.over.wait()
            self.woken = True
        return super().turn(link)


class HangingSign(sign_onbon.Driver):
    """The real one; hangs as soon as it shows a number, until it is over."""

    over: threading.Event

    def __init__(self, name: str, address: int = 0xFFFE, width: int = 128) -> None:
        super().__init__(name, address, width)
        self.longest = 4.0
        self.shown: tuple[str, ...] = ()

    def show(self, *pages: str) -> None:
        self.shown = pages
        super().show(*pages)

    def turn(self, link: Link) -> float:
        if not self.over.is_set() and any("A001" in page for page in self.shown):
            self.over.wait()
        return super().turn(link)


@pytest.mark.slow
def test_in_a_hall_a_page_in_a_hanging_drivers_hands_is_flagged_and_all_others_come_out(
    start_hall: Callable[..., Hall], monkeypatch: pytest.MonkeyPatch
) -> None:
    paper, sign = threading.Event(), threading.Event()
    monkeypatch.setattr(HangingPrinter, "over", paper, raising=False)
    monkeypatch.setattr(HangingPrinter, "made", [], raising=False)
    monkeypatch.setattr(HangingSign, "over", sign, raising=False)
    kinds = {"printer_hanging": "HangingPrinter", "sign_hanging": "HangingSign"}
    entries = [EntryPoint(name, f"test_generations:{of}", "hallqueue.drivers") for name, of in kinds.items()]
    monkeypatch.setattr("drivers.base.load.entry_points", lambda group: entries)
    for name, real in (("printer_hanging", "printer_escpos"), ("sign_hanging", "sign_onbon")):
        monkeypatch.setitem(MACHINES, name, MACHINES[real])  # type: ignore[index]
    text = EXAMPLE.read_text().replace("printer_escpos", "printer_hanging").replace("width = 576", "")
    first, _, rest = text.partition("sign_onbon")
    hall = start_hall(f"{first}sign_hanging{rest}")
    old = dict(hall.house.devices)
    for _ in range(3):
        hall.take("A")  # the printer hangs with the first page in its hands, and two wait
    until(lambda: old["printer"].begun)  # type: ignore[attr-defined]
    assert hall.call("1") == "A001"
    until(lambda: hall.house.devices["printer"] is not old["printer"])
    until(lambda: hall.house.devices["sign1"] is not old["sign1"])
    until(
        lambda: (
            [hall.state.tickets[f"A00{n}"].paper for n in (1, 2, 3)] == ["unconfirmed", *2 * ["confirmed"]]
        )
    )
    sign.set()  # the new object was given the old number, too, and would hang for it
    until(lambda: "A001" in hall.machine("sign1").text and hall.health("sign1")[0] == "up")
    assert "卡住" in hall.page("/?lang=zh") or hall.health("printer")[0] == "up"
    paper.set()
    until(lambda: old["printer"].woken)  # type: ignore[attr-defined]
    assert hall.take("A") == "A004"
    until(lambda: hall.state.tickets["A004"].paper == "confirmed")
    texts = "".join(hall.machine("printer").texts)
    assert [texts.count(number) for number in ("A002", "A003", "A004")] == [1, 1, 1]
    assert texts.count("A001") <= 1
    assert hall.state.tickets["A001"].paper == "unconfirmed"
    assert hall.get("/health")["ok"]
