"""The watchdog: systemd hears that all is well only as long as every loop makes progress.

A loop that stands still is named in the log with the place where it stands; systemd then kills and
restarts the daemon. While a card makes the hall wait, people are told so.
"""

import logging
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

log = logging.getLogger("hallqueue")
EVERY, FED = 0.1, 1.0  # s: between looks; between signs of life
PATIENCE = 6.0  # s that a loop may be late; a card may take two for one write
WAIT = 0.15  # s after which a press that has no answer yet is told to wait (hall.md §4.5)


class Loop(Protocol):
    """A thread that says until when it will be heard of again (monotonic)."""

    @property
    def thread(self) -> threading.Thread: ...
    @property
    def awaited(self) -> float: ...


def notify(text: str) -> None:
    """Tell systemd (sd_notify(3)); nothing where it does not listen."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
            try:
                wire.sendto(text.encode(), address.replace("@", "\0", 1))
            except OSError:
                log.exception("systemd does not listen at %s", address)


class Watch:
    """Owns a thread that looks at all loops. `wait` is called when the engine lets somebody wait."""

    def __init__(self, loops: Sequence[Loop], busy: Callable[[], float], wait: Callable[[], None]) -> None:
        """`busy`: for how many seconds the engine has been at the command that it is doing."""
        self._loops, self._busy, self._wait = loops, busy, wait
        self._over, self._told = threading.Event(), set[Loop]()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        notify("READY=1")
        self._thread.start()

    def stop(self) -> None:
        notify("STOPPING=1")
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        fed, waiting = 0.0, False
        while not self._over.wait(EVERY):
            now = time.monotonic()
            slow = self._busy() > WAIT
            if slow and not waiting:
                self._wait()
            waiting = slow
            late = {loop for loop in self._loops if now > loop.awaited + PATIENCE}
            for loop in late - self._told:
                log.critical("%s stands still\n%s", loop.thread.name, stack(loop.thread))
            self._told = late
            if not late and now > fed + FED:
                notify("WATCHDOG=1")
                fed = now


def stack(thread: threading.Thread) -> str:
    """Where a thread is just now."""
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame else "it has ended"
