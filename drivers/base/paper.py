"""What a printer is given: lines of text, or the whole page as a picture; and what became of it."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text on paper, centred; `scale` 1 to 8 times the printer's 24-dot character.

    `image`: the line as a picture, if the printer has not all of its characters; `qr`: the text as a
    QR code.
    """

    text: str
    scale: int = 1
    image: Image.Image | None = None
    qr: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What a printer prints and cuts: `image` (mode "1", as wide as the paper) if there is one,
    else `lines` in the printer's own characters."""

    lines: tuple[Line, ...]
    image: Image.Image | None = None

    @property
    def millimetres(self) -> int:
        """The paper that it takes at 8 dots a millimetre, the feed to the cutter included."""
        heights = (
            200 if line.qr else line.image.height if line.image else 30 * line.scale for line in self.lines
        )
        return ((self.image.height if self.image else sum(heights)) + 180) // 8


class Prints(Protocol):
    """`print` posts a page, drawn when its turn comes; the receipt hears what became of it, perhaps "pending"
    before that."""

    def print(self, page: Callable[[], Page], receipt: Callable[[str], None]) -> None: ...


@dataclass(slots=True)
class _Given:
    """A page that a printer has and whose receipt is not done; `begun`: some of it may be on paper."""

    page: Callable[[], Page]
    receipt: Callable[[str], None]
    begun: bool = False


class Tray:
    """The pages that one printer was given and has not answered yet; its driver may be replaced. From any
    thread; what it calls only posts.

    A driver draws a page just before its first byte goes out. So what a driver that was given up has drawn
    is perhaps on paper: "unconfirmed", and nobody prints it again. What it has not drawn its successor gets.
    Whatever the old one draws or answers afterwards goes nowhere.
    """

    def __init__(self, printer: Prints) -> None:
        self._printer, self._lock = printer, threading.Lock()
        self._numbers, self._given = itertools.count(), dict[int, _Given]()

    def print(self, page: Callable[[], Page], receipt: Callable[[str], None]) -> None:
        with self._lock:
            number, printer = next(self._numbers), self._printer
            self._given[number] = _Given(page, receipt)

        def draw() -> Page:
            with self._lock:
                self._given[number].begun = True  # KeyError: another driver has it
            return page()

        def answer(word: str) -> None:
            with self._lock:
                known = number in self._given
                if word != "pending":
                    self._given.pop(number, None)
            if known:
                receipt(word)

        printer.print(draw, answer)

    def hand_over(self, printer: Prints) -> None:
        """The driver was given up, and `printer` has taken its place."""
        with self._lock:
            given, self._given, self._printer = self._given, {}, printer
        for one in given.values():
            if one.begun:
                one.receipt("unconfirmed")
            else:
                self.print(one.page, one.receipt)
