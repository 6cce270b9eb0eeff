"""The copy of the journal goes on by itself: the parent of journal/backup.py as a child process."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controller.runtime.child import Asked, Child

log = logging.getLogger("hallqueue.backup")
EVERY, AGAIN = 5.0, 10.0  # s: between looks when nothing is new; until a child that died has a heir
LATER = 60.0  # s after the start at which all seals are checked, where there is nothing to copy


class Keeper(Child):
    """Asks for a copy whenever something is new; the pages read what it knows.

    `trouble`: why the copy is not whole, as a code and its arguments; `broken`: the first row whose seal
    does not hold, 0 for none.
    """

    longest = 3600.0  # all seals of some years, and the whole journal onto a slow stick

    def __init__(self, data: Path, folder: str, last: Callable[[], int]) -> None:
        """`folder`: of the copy, empty for none; `last`: the number of the journal's newest row."""
        super().__init__("backup")
        self._data, self._folder, self._last = data, folder, last
        self._saved, self._whole = 0, time.monotonic()  # last row of the copy; when it was whole last
        self.trouble: tuple[str, Mapping[str, Any]] | None = None if folder else ("backup_none", {})
        self.broken = 0

    @property
    def age(self) -> float:
        """For how many seconds something has not been copied; 0 if all is. Infinite without a backup."""
        if not self._folder:
            return float("inf")
        return 0.0 if self._saved >= self._last() else time.monotonic() - self._whole

    def _run(self) -> None:
        if not self._folder and self._over.wait(LATER):
            return
        well = True
        while not self._over.is_set():
            with self._alive("controller.journal.backup", str(self._data), self._folder) as process:
                while not self._over.is_set() and (well := self._talk(process)) and self._folder:
                    self._news.wait(EVERY)
            if well and not self._folder:
                return  # there is nothing but the seals to look at
            self._over.wait(AGAIN)

    def _talk(self, process: Asked) -> bool:
        """One question and its answer; False if nobody is there any more."""
        self._news.clear()
        asked = time.monotonic()
        found = self._ask(process, "")
        if found is None:
            return False
        self._saved, self.broken = found["last"], found["broken"]
        trouble = (found["code"], found["arguments"]) if found["code"] else None
        if trouble != self.trouble and self._folder:
            self.trouble = trouble
            log.log(logging.WARNING if trouble else logging.INFO, "backup: %s", found["code"] or "whole")
        if self._saved >= self._last():
            self._whole = asked
        return True
