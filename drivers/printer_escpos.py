"""Ticket printers that speak ESC/POS, on a serial line or TCP 9100.

python-escpos builds the bytes; the link carries them (hardware.md §1.5). A page is sent once:
what became of it is asked by DLE EOT before, and by a GS r fence after (§2.4, §2.5).
"""

import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drivers.base import Device, DeviceFault, Page
from drivers.link import Link

FRAGMENT = 64  # rows of a raster command; small, so that a broken one is soon made up for
WAITING = 50  # pages that may wait behind a fault
FENCE = b"\x1d\x72\x01"
# Reply n of DLE EOT -> bits and what they mean (hardware.md §2.1), worst first.
_CAUSES = (
    (4, 0x60, "paper_out"),
    (2, 0x20, "paper_out"),
    (2, 0x04, "cover_open"),
    (3, 0x08, "cutter"),
    (3, 0x40, "overheated"),
    (3, 0x20, "error"),
    (1, 0x08, "offline"),
)
_NEAR_END = 0x0C  # of reply 4


@dataclass(slots=True)
class Job:
    """A page on its way."""

    page: Callable[[], Page]
    receipt: Callable[[str], None]
    arrives: float = 0.0  # when its last byte is with the printer (monotonic)
    fenced: bool = False  # the question behind it was answered
    held: bool = False  # "pending" has been said


class Driver(Device):
    """One printer. Answers of a page: confirmed, pending, unconfirmed, failed."""

    def __init__(
        self,
        name: str,
        width: int = 576,
        mode: str = "raster",
        cutter: bool = True,
        every: float = 1.0,
        patience: float = 5.0,
    ) -> None:
        """`width` in dots; `mode`: raster, or text in the printer's own GBK characters; `every`:
        s between status questions; `patience`: s a fence may take besides its bytes' time."""
        super().__init__(name)
        self.width, self.mode = width, mode
        self._cutter, self._every, self._patience = cutter, every, patience
        self._jobs: deque[Job] = deque()
        self._under_way: Job | None = None  # with the printer, not yet answered for
        self._torn = False  # a page broke off: the printer may be waiting for its rest
        self._next_ask = 0.0

    def print(self, page: Callable[[], Page], receipt: Callable[[str], None]) -> None:
        """Print `page` (drawn when its turn comes) in order; `receipt` hears what became of it."""
        if len(self._jobs) >= WAITING:
            receipt("failed")
            return
        self._jobs.append(Job(page, receipt))
        self.wake()

    def attach(self, link: Link) -> None:
        if self._torn:
            # Zeros complete a raster command and print nothing; ESC @ and a cut start afresh.
            flush = bytes(FRAGMENT * self.width // 8) + b"\x1b\x40"
            link.write(flush + (b"\x1d\x56\x01" if self._cutter else b"\n"))
            self._torn = False

    def lost(self) -> None:
        self._torn = self._torn or self._under_way is not None
        self._end("unconfirmed")
        self._hold()

    def close(self) -> None:
        self._end("unconfirmed")
        while self._jobs:
            self._jobs.popleft().receipt("failed")

    def turn(self, link: Link) -> float:
        self._hear(link.drain())
        job = self._under_way
        if job and not job.fenced and time.monotonic() < max(job.arrives, self._next_ask):
            return 0.02  # never a question inside a job
        self._next_ask = time.monotonic() + 0.5
        try:
            near_end = self._ask(link)
        except DeviceFault as fault:
            if fault.code in ("silent", "garbled") and self._overdue():
                self._end("unconfirmed")
            elif fault.code not in ("silent", "garbled") and job:
                job.arrives = time.monotonic()  # its patience starts when the fault is cured
            self._hold()
            raise DeviceFault(fault.code, again=min(self._every, 0.5)) from None
        self.report("degraded" if near_end else "up", "near_end" if near_end else "")
        if job and job.fenced:
            self._end("confirmed")
        elif self._overdue():
            # Well again and still no answer: it was switched off, and its memory is gone.
            self._end("unconfirmed")
        if self._under_way:
            return 0.02
        if self._jobs:
            self._send(link, self._jobs.popleft())
            return 0.0
        return self._every

    def _ask(self, link: Link) -> bool:
        """Is paper near its end? Raises DeviceFault for every reason not to print."""
        replies = {n: self._reply(link, n) for n in (1, 2, 3, 4)}
        for n, bits, code in _CAUSES:
            if replies[n] & bits:
                raise DeviceFault(code)
        return bool(replies[4] & _NEAR_END)

    def _reply(self, link: Link, n: int) -> int:
        self._hear(link.drain())
        link.write(bytes([0x10, 0x04, n]))
        heard = b""
        while len(heard) < 4:  # a fence's answer or an XON may stand before it
            byte = link.read(1, 0.3 + link.seconds_for(4))
            if not byte:
                break
            heard += byte
            if byte[0] & 0x93 == 0x12:
                return byte[0]
            self._hear(byte)
        raise DeviceFault("garbled" if heard else "silent")

    def _hear(self, data: bytes) -> None:
        """What came unasked: the answer of a fence, or nothing of use (hardware.md §2.3)."""
        if self._under_way and any(byte in (0x00, 0x03, 0x0C, 0x0F) for byte in data):
            self._under_way.fenced = True

    def _send(self, link: Link, job: Job) -> None:
        try:
            data = self._bytes(job.page())
        except Exception:
            job.receipt("failed")
            raise
        self._under_way = job
        start = time.monotonic()
        link.write(data)
        job.arrives = start + link.seconds_for(len(data))

    def _bytes(self, page: Page) -> bytes:
        paper = _dummy()
        paper.hw("INIT")
        if page.image:
            paper.image(page.image, impl="bitImageRaster", fragment_height=FRAGMENT)
        else:
            paper._raw(b"\x1b\x61\x01\x1c\x26")  # centred, Chinese on
            for line in page.lines:
                size = (line.scale - 1) * 0x11
                text = "".join(c for c in line.text if c >= " ")  # no commands inside a text
                paper._raw(b"\x1d\x21" + bytes([size]) + b"".join(map(_gbk, text)) + b"\n")
            paper._raw(b"\x1d\x21\x00\x1c\x2e")
        paper.cut("PART") if self._cutter else paper._raw(b"\x1b\x64\x06")
        data: bytes = paper.output
        for command in (b"\x10\x04", b"\x10\x05", b"\x10\x14"):
            # Some printers obey these inside a picture (§2.1): one more dot hides them.
            data = data.replace(command, b"\x18" + command[1:])
        return data + FENCE

    def _overdue(self) -> bool:
        job = self._under_way
        return job is not None and time.monotonic() > job.arrives + self._patience

    def _hold(self) -> None:
        """Tell every page that waits that it waits; once."""
        for job in [self._under_way, *self._jobs]:
            if job and not job.held:
                job.held = True
                job.receipt("pending")

    def _end(self, answer: str) -> None:
        job, self._under_way = self._under_way, None
        if job:
            job.receipt(answer)


def _gbk(character: str) -> bytes:
    try:
        return character.encode("gbk")
    except UnicodeEncodeError:
        return "□".encode("gbk")


def _dummy() -> Any:
    """A printer in memory. Its import leaves a folder in the temporary one: give it its own."""
    if "escpos.printer" not in sys.modules:
        with tempfile.TemporaryDirectory() as folder:
            before, tempfile.tempdir = tempfile.tempdir, folder
            try:
                import escpos.printer
            finally:
                tempfile.tempdir = before
    import escpos.printer

    # A profile with a width, or python-escpos prints a remark for every picture.
    return escpos.printer.Dummy(profile="TM-T20II")
