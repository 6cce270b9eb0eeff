"""Waiting for facts in tests: a limit, never a fixed pause."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(fact: Callable[[], T], seconds: float = 60.0) -> T:
    """The first true value of `fact`; fails loudly when it does not come true in `seconds`."""
    tick = threading.Event()
    for _ in range(int(seconds / 0.005)):
        value = fact()
        if value:
            return value
        tick.wait(0.005)
    raise AssertionError(f"did not come true within {seconds} s: {fact}")
