"""No power cut loses what was acknowledged: the disks that it could leave, opened one by one."""

import random
from collections.abc import Callable, Sequence

import pytest
from conftest import needs
from powercut import cut_everywhere, record

pytestmark = pytest.mark.slow


@pytest.fixture
def states(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--states"))


def test_whatever_a_power_cut_leaves_the_hall_goes_on_with_all_that_was_acknowledged(
    states: int, counted: Callable[[str], None]
) -> None:
    built, seed = 0, 0
    while built < states:
        seed += 1
        more = min(20, (states - built) // 3000)
        verdict = cut_everywhere(record(needs("strace"), seed), random.Random(seed), more, enough=5)
        assert verdict.losses == []
        built += verdict.states
        print(f"{built} power cuts, 0 lost", flush=True)
    counted(f"{built:,} disks, 0 lost")


# What EXTRA does when a file is made, the store does once more whenever it opens it: the folder is synced.
# With SQLite 3.40 the first sync of the log would do it a third time: EXTRA alone is not missed.
EXTRA = [
    ("synchronous = EXTRA", "synchronous = FULL"),
    ("        os.fsync(self._folder)\n        self._db", "        self._db"),
    ("                os.fsync(self._folder)  # or", "                # or"),
]


@pytest.mark.parametrize(
    ("fault", "early"),
    [
        pytest.param([("PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL")], False, id="NORMAL"),
        pytest.param([], True, id="acknowledged before it is written"),
        pytest.param(EXTRA, False, id="made without EXTRA"),
    ],
)
def test_a_store_that_is_wrong_loses_something(fault: Sequence[tuple[str, str]], early: bool) -> None:
    recording = record(needs("strace"), 1, fault, early)
    assert cut_everywhere(recording, random.Random(1), 1, enough=1).losses
