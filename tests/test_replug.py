"""The printer's cable out and in, again and again, at random bytes: printed once, or offered for reprint."""

import os
import random
import threading
from pathlib import Path

from wait import until

from drivers.base import Line, Page, Port
from drivers.printer_escpos import Driver
from drivers.sim.printer import Printer
from drivers.sim.wire import Wire


class Counting(Printer):
    """Says when so many more bytes have come."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.reached = 0, threading.Event()

    def feed(self, data: bytes) -> bytes:
        self.left -= len(data)
        if self.left <= 0:
            self.reached.set()
        return super().feed(data)


def test_cables_out_and_no_ticket_is_lost_or_printed_twice(tmp_path: Path, cycles: int) -> None:
    dice, machine = random.Random(20261124), Counting()
    wire = Wire(tmp_path / "printer", machine)
    driver = Driver("printer", mode="text", every=0.01, patience=0.5)
    port = Port(wire.url, 921600, [driver], 0.01)
    port.start()
    until(lambda: driver.health.state == "up")
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    answers: dict[str, list[str]] = {}
    papers: list[str] = []

    def issue(number: str) -> None:
        heard = answers[number] = []
        driver.print(lambda: Page((Line(number),)), heard.append)

    for cycle in range(cycles):
        issue(f"T{cycle:04}")
        machine.left = dice.randrange(1, 120)
        machine.reached.clear()
        # A cut anywhere: in the questions, in the page, in its fence, or after all of it.
        until(lambda: machine.reached.is_set() or final(answers[f"T{cycle:04}"]))  # noqa: B023
        wire.unplug()
        until(lambda: driver.health.state == "down")
        wire.plug()
        until(lambda: driver.wake() or driver.health.state == "up")
        papers += machine.texts
        machine.texts = []
    until(lambda: all(final(heard) for heard in answers.values()), 30)
    papers += machine.texts
    whole = " ".join(papers).split()
    for number, heard in answers.items():
        assert [answer for answer in heard if answer != "pending"] in (["confirmed"], ["unconfirmed"]), number
        copies = whole.count(number)
        assert copies <= 1, f"{number} was printed twice"
        assert copies == 1 or heard[-1] == "unconfirmed", f"{number} is confirmed and not on paper"
    told = [heard[-1] for heard in answers.values()]
    assert told.count("confirmed") > cycles / 20
    assert told.count("unconfirmed") > cycles / 20
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == (threads, files)
    port.stop()
    wire.unplug()


def final(heard: list[str]) -> bool:
    return bool(heard) and heard[-1] != "pending"
