"""The printer's cable out and in, again and again, at random bytes, while a whole hall issues tickets."""

import os
import random
import threading
from collections.abc import Callable

import pytest
from conftest import EXAMPLE, Hall
from wait import until

from controller.hall.commands import TakeTicket
from controller.hall.events import TicketIssued
from controller.hall.outcome import Refused
from drivers.sim.printer import Printer

pytestmark = pytest.mark.slow


class Fuse:
    """Says when so many more bytes have come to the printer."""

    def __init__(self, printer: Printer) -> None:
        self._hear, self.left, self.blown = printer.feed, 0, threading.Event()
        printer.feed = self.feed  # type: ignore[method-assign]

    def feed(self, data: bytes) -> bytes:
        self.left -= len(data)
        if self.left <= 0:
            self.blown.set()
        return self._hear(data)

    def light(self, size: int) -> None:
        self.left = size
        self.blown.clear()


def test_every_ticket_is_printed_once_or_offered_for_reprint(
    start_hall: Callable[..., Hall], cycles: int, counted: Callable[[str], None]
) -> None:
    quick = 'mode = "text"\nevery = 0.01\npatience = 0.5\nretry = 0.01'
    text = EXAMPLE.read_text().replace("width = 576", quick)
    hall = start_hall(text + '\n[policy]\ncut_off = "none"\n')  # nobody calls these fifty
    dice, printer, fuse = random.Random(20261124), hall.machine("printer"), Fuse(hall.machine("printer"))
    wire, driver, engine = hall.twin.wires["printer"], hall.house.devices["printer"], hall.house.engine
    hall.take("D")
    until(hall.house.foreseen)  # the forecast's process is there from now on
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    numbers: list[str] = []
    papers: list[str] = []
    for cycle in range(cycles):
        # A cut anywhere: in the questions, in the page, in its fence, or after all of it.
        fuse.light(dice.randrange(1, 420))
        command = TakeTicket("A", "hall", actor="buttons", press=f"press{cycle}")
        outcome = engine.submit(command).result(10)
        assert not isinstance(outcome, Refused), outcome
        number = next(event.ticket for event in outcome if isinstance(event, TicketIssued))
        numbers.append(number)
        until(lambda: fuse.blown.is_set() or final(hall, number))  # noqa: B023
        wire.unplug()
        until(lambda: "hall" in hall.state.kiosks)
        wire.plug()
        until(lambda: driver.wake() or not hall.state.kiosks)
        papers += printer.texts
        printer.texts = []
    until(lambda: all(final(hall, number) for number in numbers))
    # A child that checks the journal's seals may be there for a moment.
    until(lambda: threading.active_count() <= threads and len(os.listdir("/proc/self/fd")) <= files)
    papers += printer.texts
    whole = [word for paper in papers for word in paper.split()]
    page = hall.page("/")
    told = {number: hall.state.tickets[number].paper for number in numbers}
    for number, answer in told.items():
        copies = whole.count(number)
        assert copies <= 1, f"{number} was printed twice"
        assert copies == 1 or answer != "confirmed", f"{number} is confirmed and not on paper"
        assert (f"<b>{number}</b>" in page) == (answer != "confirmed"), f"{number} is not offered for reprint"
    known, doubtful = (list(told.values()).count(answer) for answer in ("confirmed", "unconfirmed"))
    assert known > cycles / 20
    assert doubtful > cycles / 20
    counted(f"{cycles:,} cables pulled, {known:,} tickets confirmed, {doubtful:,} offered again, none twice")


def final(hall: Hall, number: str) -> bool:
    return hall.state.tickets[number].paper in ("confirmed", "unconfirmed", "failed")
