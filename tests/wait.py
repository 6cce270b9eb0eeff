"""Waiting for facts in tests: a limit, never a fixed pause."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(fact: Callable[[], T], seconds: float = 60.0) -> T:
    """The first true value of `fact`; fails loudly when it does not come true in `seconds`.

    It asks less and less often, down to fifty times a second: who waits leaves the cores to who works.
    """
    tick, deadline, pause = threading.Event(), time.monotonic() + seconds, 0.002
    while not (value := fact()):
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true within {seconds} s: {fact}")
        tick.wait(pause)
        pause = min(pause * 1.2, 0.02)
    return value
