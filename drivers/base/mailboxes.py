"""What the hall wants of a device, and in which manner it is true: the newest only, or while it holds."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

TURN = 3.0  # s that one page of a sign stands (hall.md §4.4)
T = TypeVar("T")


class Latest(Generic[T]):
    """Mailbox for level outputs (sign, lamp): only the newest counts; shown again on demand."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._fresh = False

    def put(self, value: T) -> None:
        if value != self._value:
            self._value, self._fresh = value, True

    def again(self) -> None:
        """The device may have forgotten: what was shown counts as new."""
        self._fresh = self._value is not None

    def take(self) -> T | None:
        """The value if it is new, else None."""
        # Cleared before it is read: a value put meanwhile stays fresh and is taken next time.
        fresh, self._fresh = self._fresh, False
        return self._value if fresh else None


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a voice says. `short`: its form when others wait, empty: none; `holds`: is it still true?
    `urgent`: before everything else; `volume`: percent."""

    long: str
    short: str = ""
    holds: Callable[[], bool] = lambda: True
    urgent: bool = False
    volume: int = 100


class Fleeting:
    """Mailbox for speech. What no longer holds is never said; what waits already waits once only.

    The rule of hall.md §4.6, by any clock: `now` is in seconds. Put by one thread, taken by another.
    """

    HURRY = 6.0  # s that a sentence may wait before the short forms are said

    def __init__(self) -> None:
        # More than a hall has windows: while nobody takes, the oldest go.
        self._put: deque[tuple[float, Sentence]] = deque(maxlen=100)
        self._waiting: list[tuple[float, Sentence]] = []  # the taking thread's

    def put(self, sentence: Sentence, now: float) -> None:
        self._put.append((now, sentence))

    def _look(self) -> list[tuple[float, Sentence]]:
        """What waits and holds, in the order in which it will be said."""
        while self._put:
            item = self._put.popleft()
            self._waiting = [*(other for other in self._waiting if other[1].long != item[1].long), item]
        true = (item for item in self._waiting if item[1].holds())
        self._waiting = sorted(true, key=lambda item: not item[1].urgent)
        return self._waiting

    def urgent(self) -> bool:
        """Must what is being said now give way?"""
        return any(sentence.urgent for _, sentence in self._look())

    def take(self, now: float) -> tuple[str, int] | None:
        """What to say next, and how loud."""
        if not (waiting := self._look()):
            return None
        hurry = len(waiting) > 1 or now - waiting[0][0] > self.HURRY
        _, sentence = waiting.pop(0)
        return (hurry and sentence.short) or sentence.long, sentence.volume


class Pages(Latest[str]):
    """Mailbox of a sign: one text, or several that stand in turn."""

    def __init__(self) -> None:
        super().__init__()
        self._pages: tuple[str, ...] = ()

    def turn(self, pages: tuple[str, ...]) -> None:
        self._pages = pages

    def take(self) -> str | None:
        if self._pages:
            self.put(self._pages[int(time.monotonic() / TURN) % len(self._pages)])
        return super().take()
