"""A bug is logged once for each kind: what fails every second must not fill the card with its log."""

import logging
import traceback
from types import CodeType


class Bugs:
    """Logs each kind of bug once, with its traceback. From any thread.

    A kind is who has it, the type of the exception and the line that raised it; never its text, which may
    hold a time or a number and be another one every time.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told: set[tuple[str, type[BaseException], CodeType | None, int]] = set()

    def tell(self, who: str, error: BaseException) -> None:
        """`who`: what stands before the traceback, such as "unit3: a bug in its driver"."""
        code, line = None, 0
        for frame, line in traceback.walk_tb(error.__traceback__):  # noqa: B007 - the last one is meant
            code = frame.f_code
        kind = (who, type(error), code, line)
        if kind not in self._told:
            self._told.add(kind)
            self._log.error("%s", who, exc_info=error)
