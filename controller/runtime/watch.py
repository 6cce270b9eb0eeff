"""The watchdog: systemd hears that all is well only as long as engine and web make progress.

One of these that stands still is named in the log with the place where it stands; systemd then kills and
restarts the daemon. What can be started again without that, such as a port whose driver hangs or a child
process, is looked after here: it takes nobody with it. While a card makes the hall wait, people are told so.
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

from drivers.base.bugs import Bugs

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


class Part(Protocol):
    """What lives in a thread of its own and can be started again by itself."""

    @property
    def thread(self) -> threading.Thread: ...
    def look(self, due: float) -> None:
        """Start again what is dead, or wanted to be heard of before `due` (monotonic). Returns at once."""


def notify(text: str) -> None:
    """Tell systemd (sd_notify(3)); nothing where it does not listen."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
            try:
                wire.sendto(text.encode(), address.replace("@", "\0", 1))
            except OSError:
                log.exception("systemd does not listen at %s", address)


class Watch:
    """Owns a thread that looks at all `loops` and `parts`. `wait` is called when the engine lets somebody
    wait."""

    def __init__(
        self,
        loops: Sequence[Loop],
        parts: Sequence[Part],
        busy: Callable[[], float],
        wait: Callable[[], None],
    ) -> None:
        """`loops` feed systemd, `parts` are started again; `busy`: for how many seconds the engine has been
        at the command that it is doing."""
        self.loops, self.parts, self._busy, self._wait = loops, parts, busy, wait
        self._over, self._late = threading.Event(), set[Loop]()
        self._bugs = Bugs(log)
        self._fed, self._waiting = 0.0, False
        self.thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.awaited = float("inf")

    def start(self) -> None:
        notify("READY=1")
        self.thread.start()

    def stop(self) -> None:
        notify("STOPPING=1")
        self._over.set()
        self.thread.join()

    def late(self) -> list[str]:
        """The names of the threads that stand still, its own among them; from any thread."""
        itself = [self] if time.monotonic() > self.awaited + PATIENCE else []
        return [loop.thread.name for loop in (*self._late, *itself)]

    def _run(self) -> None:
        since = time.monotonic()  # when it looked again after it had stood still itself
        while not self._over.wait(EVERY):
            now = time.monotonic()
            # While the whole machine stood still nobody could be in time.
            since = now if now > self.awaited + PATIENCE / 2 else since
            self.awaited = now + EVERY
            try:
                self._look(now, now - PATIENCE if now - PATIENCE > since else float("-inf"))
            except BaseException as error:  # noqa: BLE001 - who watches over all others must not end
                self._bugs.tell("a bug in the watch", error)

    def _look(self, now: float, due: float) -> None:
        late = {loop for loop in self.loops if loop.awaited < due or not loop.thread.is_alive()}
        for loop in late - self._late:
            log.critical("%s stands still\n%s", loop.thread.name, stack(loop.thread))
        self._late = late
        if not late and now > self._fed + FED:
            notify("WATCHDOG=1")
            self._fed = now
        for part in self.parts:
            try:
                part.look(due)
            except BaseException as error:  # noqa: BLE001 - the others are looked after all the same
                self._bugs.tell("a part cannot be started again", error)
        slow = self._busy() > WAIT
        if slow and not self._waiting:
            self._wait()
        self._waiting = slow


def stack(thread: threading.Thread) -> str:
    """Where a thread is just now."""
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame else "it has ended"
