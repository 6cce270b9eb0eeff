"""The load of a hall's voice (hall.md §4.6), by the mailbox's own rule in simulated time."""

import io
import itertools
import math
import wave
from random import Random
from statistics import mean

import pytest
from conftest import needs

from display import voice as spoken
from drivers.base.mailboxes import Fleeting, Sentence
from drivers.voice_clips import Driver

LONG, SHORT = 12.0, 4.7  # s, with the chime
VISIT = 300.0  # s that a visitor stays at a window, on average: so often it calls


def played(
    windows: int, rule: bool, hours: float, patience: tuple[float, float] = (math.inf, math.inf)
) -> tuple[dict[int, float], set[int]]:
    """The calls that were said, with the seconds that they waited; and those that had become stale.

    `rule`: calls have a short form; `patience`: after so many seconds, from and to, the visitor stands
    at the window, called or not.
    """
    chance, box, waits, stale = Random(windows), Fleeting(), dict[int, float](), set[int]()
    gaps = (chance.expovariate(windows / VISIT) for _ in itertools.count())
    times = list(itertools.takewhile(lambda time: time < hours * 3600, itertools.accumulate(gaps)))
    there = [time + (patience[0] if patience[0] == math.inf else chance.uniform(*patience)) for time in times]
    now = free = 0.0

    def holds(call: int) -> bool:
        if now >= there[call]:
            stale.add(call)
        return call not in stale

    for call, (time, following) in enumerate(itertools.pairwise([*times, math.inf])):
        form = f"{call} short" if rule else ""
        box.put(Sentence(f"{call} long", form, lambda call=call: holds(call)), time)  # type: ignore[misc]
        while (now := max(free, time)) < following and (found := box.take(now)):
            said, form = found[0].split()
            waits[int(said)] = now - times[int(said)]
            free = now + (LONG if form == "long" else SHORT)
    assert waits.keys() | stale == set(range(len(times))), "every call was said, or was stale"
    assert not waits.keys() & stale
    return waits, stale


@pytest.mark.parametrize(("windows", "seconds"), [(6, 2.0), (12, 5.5), (20, 24.0)])
def test_at_full_length_calls_wait_as_the_queue_theory_says(windows: int, seconds: float) -> None:
    waits, _ = played(windows, rule=False, hours=400)
    assert mean(waits.values()) == pytest.approx(seconds, rel=0.15)


def test_at_full_length_thirty_windows_are_too_many() -> None:
    waits, _ = played(30, rule=False, hours=8)
    assert mean(waits.values()) > 600
    waits, stale = played(30, rule=False, hours=8, patience=(20, 120))
    assert len(stale) > len(waits) / 10, "one in ten is never called at all"


@pytest.mark.parametrize(("windows", "seconds"), [(6, 2.0), (12, 3.0), (20, 5.0), (30, 7.5)])
def test_by_the_rule_calls_wait_a_few_seconds_and_none_is_lost(windows: int, seconds: float) -> None:
    waits, stale = played(windows, rule=True, hours=100)
    assert mean(waits.values()) < seconds
    assert max(waits.values()) < 45
    assert not stale
    _, stale = played(windows, rule=True, hours=100, patience=(20, 120))
    assert len(stale) < len(waits) / 100, "hardly anybody is there before he is called"


def test_the_figures_are_those_of_our_voice() -> None:
    needs("espeak-ng")
    voice = Driver("voice")

    def seconds(text: str) -> float:
        with wave.open(io.BytesIO(voice.sound(text))) as sound:
            return sound.getnframes() / sound.getframerate()

    assert LONG - 3 < seconds(spoken.call("A023", "3")) <= LONG
    assert SHORT - 1 < seconds(spoken.call("A023", "3", form="short")) <= SHORT
