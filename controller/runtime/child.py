"""A child process of the daemon and the thread that asks it: what hangs or dies there stops nobody here."""

import json
import logging
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from drivers.base.bugs import Bugs

log = logging.getLogger("hallqueue")
Asked = subprocess.Popen[str]


class Child(ABC):
    """`_run` asks a process that answers each line with one of JSON, until `_over`; `_news` wakes it.

    A process that takes longer than `longest` for an answer hangs and is killed; the thread begins again
    after whatever a bug raised in it.
    """

    longest: float  # s that an answer may take
    again = 10.0  # s until its thread goes on after a bug

    def __init__(self, name: str) -> None:
        self._news, self._over = threading.Event(), threading.Event()
        self.process: Asked | None = None
        self._name, self._bugs, self._done = name, Bugs(log), False
        self.awaited = float("inf")  # when the answer has come (monotonic); infinite while none is asked for
        self.thread = threading.Thread(target=self._live, name=name, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def look(self, due: float) -> None:
        """Kill a process that should have answered before `due`; start a thread that has died."""
        if self.process and self.awaited < due:
            log.error("%s: its process hangs and is killed", self._name)
            self.process.kill()
        if not self.thread.is_alive() and not self._done and not self._over.is_set():
            log.critical("%s has died and is started again", self._name)
            self.thread = threading.Thread(target=self._live, name=self._name, daemon=True)
            self.thread.start()

    def stop(self) -> None:
        self._over.set()
        self._news.set()
        if self.process:
            self.process.kill()
        self.thread.join()

    def poke(self) -> None:
        """There is something new; from any thread."""
        self._news.set()

    def _live(self) -> None:
        while not self._over.is_set():
            try:
                self._run()
                self._done = True
                return
            except BaseException as error:  # noqa: BLE001 - where a bug ends
                self._bugs.tell(f"{self._name}: a bug", error)
                self._over.wait(self.again)

    @abstractmethod
    def _run(self) -> None: ...

    def _ask(self, process: Asked, line: str) -> Any:
        """What it answers; None if nobody is there any more."""
        self.awaited = time.monotonic() + self.longest
        try:
            return ask(process, line)
        finally:
            self.awaited = float("inf")

    @contextmanager
    def _alive(self, module: str, *words: str) -> Iterator[Asked]:
        """The module as a process that gives way to the hall, until the block ends."""
        command, pipe = ["nice", sys.executable, "-m", module, *words], subprocess.PIPE
        # What a dead one was not told any more cannot be flushed when its pipe is closed, either.
        with (
            suppress(BrokenPipeError),
            subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as self.process,
        ):
            if self._over.is_set():  # it was told to stop before there was a process to kill
                self.process.kill()
            yield self.process
            self.process.kill()


def ask(process: Asked, line: str) -> Any:
    """What it answers; None if nobody is there any more."""
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())
    except (OSError, ValueError):
        return None
