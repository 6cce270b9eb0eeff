"""Prints pages on ESC/POS printers and finds out whether each came out. Never sends one twice.

python-escpos builds the bytes, the link carries them. Behind each page a fence (GS r) asks the
printer whether it has come so far; how to read the answers: devices.md §2.

Maturity: sketch.
"""

import os
import re
import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from PIL import Image

from drivers.base.device import Device, DeviceFault
from drivers.base.link import WRITE, Link, gbk
from drivers.base.options import Range
from drivers.base.paper import Page

_WAITING = 50  # pages; who prints more on a broken printer hears "failed" at once
_CHUNK = 512  # bytes a turn: half a second at 9600 baud
_KERNEL = 4096  # bytes that a serial line may still hold when write has returned
_FAST = 115_200  # bit/s from which a picture is worth its time: 3 s instead of 40 at 9600 (devices.md §1.6)
_MODULE = 4  # dots of a QR code's smallest square
_ROWS = 64  # dots, the height of a raster fragment: a broken one is soon filled up
_FENCE = b"\x1d\x72\x01"  # GS r 1, answered in order: after all that was sent before (devices.md §2.4)
_PROCESS_ID = b"\x1d\x28\x48\x06\x00\x30\x30"  # GS ( H, function 48
_AFRESH = b"\x1b\x40"
# DLE EOT n, bits, fault (devices.md §2.1); a cause stands before its effects.
_FAULTS = (
    *((2, 0x04, "cover_open"), (4, 0x60, "paper_out"), (2, 0x20, "paper_out")),
    *((3, 0x08, "cutter"), (3, 0x40, "overheated"), (3, 0x24, "error"), (2, 0x40, "error")),
    (1, 0x08, "offline"),
)


@cache
def _dummy() -> Any:
    """python-escpos, imported late: it costs 0.3 s and leaves a folder in /tmp (devices.md §1.2)."""
    from escpos import capabilities
    from escpos.printer import Dummy

    if "ESCPOS_CAPABILITIES_PICKLE_DIR" not in os.environ:
        shutil.rmtree(capabilities.pickle_dir, ignore_errors=True)
    return Dummy


def _safe(image: Image.Image) -> Image.Image:
    """A printer may obey DLE EOT, ENQ and DC4 inside a raster (devices.md §2.1): one more dot hides each."""
    dots = image.convert("1").tobytes("raw", "1;I")  # 1 is black, as on the wire
    dots = re.sub(rb"\x10(?=[\x04\x05\x14])", b"\x18", dots)
    return Image.frombytes("1", image.size, dots, "raw", "1;I")


def _raster(paper: Any, image: Image.Image) -> None:
    paper.image(_safe(image), impl="bitImageRaster", fragment_height=_ROWS)


def frame(page: Page, cutter: bool, fence: bytes = _FENCE, encoding: str = "gbk") -> bytes:
    """All bytes of a page: reset, content, cut, fence."""
    paper = _dummy()(profile="TM-T20II")  # the default profile chats on stdout
    paper.hw("INIT")
    if page.image:
        _raster(paper, page.image)
    elif page.lines:
        paper._raw(b"\x1c\x26\x1b\x61\x01")  # Chinese on, centred (devices.md §1.6)
        for line in page.lines:
            if line.image:
                _raster(paper, line.image)
                continue
            if line.qr:
                paper._raw(b"\n")  # its quiet zone
                paper.qr(line.text, native=True, size=_MODULE)
                paper._raw(b"\n")
                continue
            size = b"\x1d\x21" + bytes([(line.scale - 1) * 0x11])
            paper._raw(size + gbk(line.text, encoding) + b"\n")
        paper._raw(b"\x1d\x21\x00\x1c\x2e")
    # Without a cutter: on to the edge at which people tear.
    paper.cut("PART") if cutter else paper.print_and_feed(6)
    data: bytes = paper.output
    return data + fence


@dataclass(slots=True)
class _Job:
    """A page on its way, and whether anybody was told that it waits; times are monotonic."""

    page: Callable[[], Page]
    receipt: Callable[[str], None]
    data: bytes = b""
    sent: int = 0  # bytes that may have left us
    ask: float = 0.0  # the next status question is due
    limit: float = 0.0  # by then a printer without faults has answered the fence
    linger: float = 0.0  # seconds to listen on for another answer
    held: bool = False

    def hold(self) -> None:
        if not self.held:
            self.held = True
            self.receipt("pending")


class Driver(Device):
    """An ESC/POS printer. `print` may be called by any thread, the rest is the port's."""

    longest = 4 * (WRITE + 0.5) + 10.0 + WRITE  # four questions, a page drawn and begun on a busy Pi
    urls = ("path", "socket", "rfc2217", "usb", "lp")

    def __init__(
        self,
        name: str,
        width: Annotated[int, Range(240, 1280, 8)] = 576,
        mode: Literal["auto", "raster", "text"] = "auto",
        encoding: Literal["gbk", "gb18030"] = "gbk",
        cutter: bool = True,
        ack: Literal["fence", "process_id", "port_status", "none"] = "fence",
        every: Annotated[float, Range(0.01, 3600)] = 1.0,
        patience: Annotated[float, Range(0.5, 120)] = 5.0,
    ) -> None:
        """`width` in dots; `mode`: raster, text in the printer's own characters (`encoding`), or auto:
        text on a line slower than 115200; `ack`: how it tells that a page came out (devices.md §2.5): fence
        (GS r), process_id (GS ( H, Epson: surest), port_status (USB: paper and error bits only),
        none; with the last two every page stays unconfirmed; `every`: s between status questions;
        `patience`: s a fence may take besides its bytes' time."""
        super().__init__(name)
        self.width, self.mode, self.encoding = width, str(mode), str(encoding)
        self._choose = mode == "auto"
        self._cutter, self._every, self._patience = cutter, every, patience
        self.ack, self._serial = str(ack), 0
        self._jobs: deque[_Job] = deque()
        self._job: _Job | None = None  # the one of which bytes went out
        # What sets a printer right that may hold half a job: at first one of a killed hall.
        self.mend = self._zeros() + _AFRESH
        self._mends = 0  # since a fence was answered; some printers never do
        self.replies: list[int] = []
        self._fence: int | None = None
        self._fenced = 0.0  # when the last answer of a fence came
        self._skip = self._noise = 0  # bytes of ASB still to come; bytes of no meaning so far
        self._block, self._closed = b"", False  # an answer that ends with NUL, as far as it came

    def print(self, page: Callable[[], Page], receipt: Callable[[str], None]) -> None:
        """Print and cut `page` (drawn when its turn comes), in order. `receipt` hears perhaps
        "pending", then "confirmed", "unconfirmed" (maybe on paper) or "failed" (surely not)."""
        if len(self._jobs) >= _WAITING:
            receipt("failed")
            return
        self._jobs.append(_Job(page, receipt))
        if self._closed:
            self._give_up()
        self.wake()

    def close(self) -> None:
        self._closed = True
        if self._job:
            self._end(self._job, "unconfirmed")
        self._give_up()

    def lost(self) -> None:
        job = self._job
        if job and job.linger:
            self._job = None  # a clean-up: once more
        elif job:
            # The cut is for the half ticket: it must not hang on to the next one.
            self._end(job, "unconfirmed", frame(Page(()), self._cutter, b""))
        self._hold()

    def attach(self, link: Link) -> None:
        if self._choose:
            self.mode = "raster" if link.baudrate >= _FAST else "text"

    def turn(self, link: Link) -> float:
        self.hear(link.drain())
        job = self._job = self._job or self._next(link)
        if job is None:
            return self._every
        return self._send(link, job) if job.sent < len(job.data) else self._wait(link, job)

    def _next(self, link: Link) -> _Job | None:
        if self.mend:
            # Before any question: a half-fed raster would swallow it. Lingers, as a fence of the
            # lost job may be answered yet, and that must not confirm the next one.
            self._mends += 1
            job = _Job(lambda: Page(()), lambda answer: None, self.mend + self._mark())
            job.linger = 0.2 + link.seconds_for(len(self.mend))
            return job
        if self.ack != "none":
            self._ask(link)
        if not self._jobs:
            return None
        job = self._jobs.popleft()
        try:
            job.data = frame(job.page(), self._cutter, self._mark(), self.encoding)
        except Exception:
            job.receipt("failed")
            raise
        return job

    def _send(self, link: Link, job: _Job) -> float:
        chunk = job.data[job.sent : job.sent + _CHUNK]
        job.sent += len(chunk)  # counted first: nobody knows how much of a failed write went out
        self._fence = None  # nothing that came so far can answer this job
        link.write(chunk)
        if job.sent == len(job.data) and self.ack == "none":
            self._end(job, "unconfirmed")
        elif job.sent == len(job.data):
            job.ask = time.monotonic() + link.seconds_for(min(job.sent, _KERNEL))
            self._allow(link, job)
        return self._unasked(0.0)

    def _wait(self, link: Link, job: _Job) -> float:
        now = time.monotonic()
        fenced = self._fence is not None and now >= self._fenced + job.linger
        if not fenced and now < job.ask:
            return self._unasked(0.02)
        job.ask = now + 0.25
        try:
            self._ask(link)
        except DeviceFault as fault:
            if fault.code not in ("silent", "garbled"):
                job.hold()  # inside the printer; its patience starts when the fault is cured
                self._allow(link, job)
            elif now > job.limit:
                self._mends = 0
                self._end(job, "unconfirmed", _AFRESH)
            raise
        if fenced:
            self._end(job, "confirmed" if self._fence in (0x00, 0x03) else "unconfirmed")
        elif self.ack == "port_status":
            self._end(job, "unconfirmed")
        elif self._fence is None and now > job.limit:
            # Well, and yet no answer: it was switched off, and its memory is gone.
            self._end(job, "unconfirmed", _AFRESH if self._mends < 2 else b"")
        return 0.02 if self._job else 0.0

    def _allow(self, link: Link, job: _Job) -> None:
        job.limit = time.monotonic() + link.seconds_for(len(job.data)) + self._patience

    def _unasked(self, seconds: float) -> float:
        """The end of a turn that put no question, so that it cannot lift a fault."""
        if self.ack != "none" and self.health.state in ("starting", "down"):
            raise DeviceFault(self.health.code or "starting", seconds)
        return seconds

    def _mark(self) -> bytes:
        """What asks, behind a page, whether it came out."""
        self._serial += 1
        # Four characters from 20 to 7E that the printer sends back (devices.md §2.4).
        marks = {"fence": _FENCE, "process_id": _PROCESS_ID + self._id()}
        return marks.get(self.ack, b"")

    def _id(self) -> bytes:
        return b"%04d" % (self._serial % 10_000)

    def _end(self, job: _Job, answer: str, afresh: bytes = b"") -> None:
        """`afresh` follows as many zeros as the printer may still take for dots."""
        self._job = None
        self.mend = afresh and self._zeros() + afresh
        job.receipt(answer)

    def _zeros(self) -> bytes:
        return bytes((self.width + 7) // 8 * _ROWS + 8)

    def _hold(self) -> None:
        for job in self._jobs.copy():
            job.hold()

    def _give_up(self) -> None:
        while self._jobs:
            self._jobs.popleft().receipt("failed")

    def _ask(self, link: Link) -> None:
        """All four questions; near end degrades, and what hinders printing raises."""
        try:
            if self.ack == "port_status":
                self._ask_port(link)
                return
            replies = {n: self._reply(link, n) for n in (1, 2, 3, 4)}
            for n, bits, code in _FAULTS:
                if replies[n] & bits:
                    raise DeviceFault(code, self._every)
        except DeviceFault:
            self._hold()
            raise
        if replies[4] & 0x0C:
            self.report("degraded", "near_end")
        elif self.health.state == "degraded":
            self.report("up")

    def _ask_port(self, link: Link) -> None:
        status = link.port_status()
        if status is None:
            raise DeviceFault("no_port_status", 10.0)
        if status & 0x20:
            raise DeviceFault("paper_out", self._every)
        if not status & 0x08:
            raise DeviceFault("error", self._every)

    def _reply(self, link: Link, n: int) -> int:
        self.hear(link.drain())
        self.replies.clear()
        noise = self._noise
        link.write(bytes([0x10, 0x04, n]))
        for _ in range(10):
            self.hear(link.read(1, 0.05))
            if self.replies:
                return self.replies[-1]
        self._skip, self._block = 0, b""
        raise DeviceFault("garbled" if self._noise > noise else "silent", self._every)

    def hear(self, data: bytes) -> None:
        """Sort what came in by the masks of devices.md §2.3; an answer to a fence may come at any time."""
        for byte in data:
            if self._block:
                self._block += bytes([byte])
                if byte == 0x00 or len(self._block) > 80:
                    if self._block == b"\x37\x22" + self._id() + b"\x00":
                        self._fence, self._fenced, self._mends = 0x00, time.monotonic(), 0
                    self._block = b""
            elif self._skip and byte & 0x90 == 0x00:
                self._skip -= 1
            elif byte & 0x93 == 0x12:
                self.replies.append(byte)
                self._skip = 0
            elif byte & 0x93 == 0x10:  # ASB, four bytes
                self._skip = 3
            elif byte in b"\x37\x3b\x3d\x5f":  # an answer that ends with NUL
                self._block = bytes([byte])
            elif byte in b"\x00\x03\x0c\x0f":
                self._fence, self._fenced, self._mends = byte, time.monotonic(), 0
            else:  # XON and XOFF too: nobody asked for them
                self._noise += 1
