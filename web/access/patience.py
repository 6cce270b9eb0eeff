"""Patience with wrong guesses: so many in so long."""

from collections import deque


class Patience:
    """Allows `most` failures of one kind in `seconds`."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._failures: dict[str, deque[float]] = {}

    def worn(self, what: str, now: float) -> bool:
        failures = self._failures.get(what, deque())
        while failures and failures[0] <= now - self._seconds:
            failures.popleft()
        return len(failures) >= self._most

    def fail(self, what: str, now: float) -> None:
        if len(self._failures) > 1000:
            self._failures.clear()  # made-up names must not fill the memory
        self._failures.setdefault(what, deque(maxlen=self._most)).append(now)
