"""kill -9 at every system call by which a ticket, its paper and a call leave the daemon, and at random.

Only what changes something outside the process counts: between two such calls nothing is different
for the disk, the devices or the people.
"""

import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ordeal import Ordeal, Tracer

pytestmark = pytest.mark.slow

CALLS = "write,writev,pwrite64,fsync,fdatasync,ftruncate,unlink,rename,sendto,sendmsg"
Point = tuple[int, str, int]  # the how-manieth thread, its call, at which time


@pytest.fixture
def ordeal(tmp_path: Path) -> Iterator[Ordeal]:
    made = Ordeal(tmp_path)
    yield made
    made.close()


def points(ordeal: Ordeal, folder: Path) -> list[Point]:
    """Every call that the presses of one visit make."""
    daemon = ordeal.live()
    tracer = Tracer("-ff", "-o", f"{folder}/calls", "-e", f"trace={CALLS}", "-p", str(daemon.process.pid))
    ordeal.presses()
    tracer.end()
    found: list[Point] = []
    for place, thread in enumerate(ordeal.threads()):
        counts = Counter(re.findall(r"^(\w+)\(", (folder / f"calls.{thread}").read_text(), re.MULTILINE))
        found += [(place, call, n) for call, count in counts.items() for n in range(1, count + 1)]
    assert daemon.stop() == 0
    return found


def test_killed_at_every_call_nothing_is_lost_and_no_paper_comes_twice_unmarked(
    ordeal: Ordeal, tmp_path: Path, cuts: int, counted: Callable[[str], None]
) -> None:
    every, met = points(ordeal, tmp_path), 0
    chosen = random.Random(20261126).sample(every, min(cuts, len(every)))
    for place, call, n in chosen:
        ordeal.live()
        found = ordeal.threads()
        thread = found[min(place, len(found) - 1)]  # those for pages are started when they are needed
        tracer = ordeal.fault(call, f"signal=SIGKILL:when={n}", thread)
        met += ordeal.dies()
        tracer.end()
    ordeal.end()
    assert met > len(chosen) / 4
    counted(f"killed at {met} of {len(chosen)} system calls of {len(every)}: {ordeal.sum()}, nothing lost")


def test_killed_at_any_time_nothing_is_lost_and_no_paper_comes_twice_unmarked(
    tmp_path: Path, cuts: int, counted: Callable[[str], None]
) -> None:
    dice, met = random.Random(20261127), 0
    for day in range(0, cuts, 100):  # no more numbers than a day has
        with closing(Ordeal(tmp_path / f"{day}")) as ordeal:
            for _ in range(min(100, cuts - day)):
                killer = threading.Timer(dice.uniform(0, 0.25), ordeal.live().process.kill)
                killer.start()
                met += ordeal.dies()
                killer.join()
            ordeal.end()
            print(f"\nkilled {met} times; {ordeal.sum()}", flush=True)
    assert met > cuts / 4 or cuts < 20, "of a few all may come too late"
    counted(f"{cuts:,} lives, {met:,} killed in the middle of a visit, nothing lost")
