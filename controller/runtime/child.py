"""A child process of the daemon and the thread that asks it: what hangs or dies there stops nobody here."""

import json
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

Asked = subprocess.Popen[str]


class Child(ABC):
    """`_run` asks a process that answers each line with one of JSON, until `_over`; `_news` wakes it."""

    def __init__(self, name: str) -> None:
        self._news, self._over = threading.Event(), threading.Event()
        self.process: Asked | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._news.set()
        if self.process:
            self.process.kill()
        self._thread.join()

    def poke(self) -> None:
        """There is something new; from any thread."""
        self._news.set()

    @abstractmethod
    def _run(self) -> None: ...

    @contextmanager
    def _alive(self, module: str, *words: str) -> Iterator[Asked]:
        """The module as a process that gives way to the hall, until the block ends."""
        command, pipe = ["nice", sys.executable, "-m", module, *words], subprocess.PIPE
        # What a dead one was not told any more cannot be flushed when its pipe is closed, either.
        with (
            suppress(BrokenPipeError),
            subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as self.process,
        ):
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
