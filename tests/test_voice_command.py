"""The voice: a real child process for each sentence, and no fault of it delays anything."""

from collections.abc import Iterator

import pytest
from wait import until

from drivers.base import Port
from drivers.sim.voice import Speaker
from drivers.sim.wire import Wire
from drivers.voice_command import KEPT, Driver


@pytest.fixture
def speaker() -> Speaker:
    return Speaker()


@pytest.fixture
def voice(speaker: Speaker) -> Iterator[Driver]:
    wire = Wire(None, speaker)
    driver = Driver("voice", speaker.url(wire.url), timeout=1.0)
    port = Port("", 0, [driver], 1.0)
    port.start()
    until(lambda: driver.health.state == "up")
    yield driver
    port.stop()
    wire.unplug()


def test_sentences_are_spoken_whole_and_in_order(voice: Driver, speaker: Speaker) -> None:
    voice.say("请A零零一号，到3号窗口")
    voice.say("请B零零二号，到1号窗口")
    until(lambda: speaker.spoken == ["请A零零一号，到3号窗口", "请B零零二号，到1号窗口"])


def test_a_crowd_of_sentences_keeps_only_the_newest(voice: Driver, speaker: Speaker) -> None:
    for n in range(100):
        voice.say(str(n))
    until(lambda: speaker.spoken[-1:] == ["99"])
    assert len(speaker.spoken) <= KEPT + 2


@pytest.mark.parametrize(("knob", "code"), [("broken", "command_failed"), ("deaf", "silent")])
def test_a_broken_voice_is_named_and_speaks_again_when_well(
    voice: Driver, speaker: Speaker, knob: str, code: str
) -> None:
    setattr(speaker, knob, True)
    voice.say("一")
    until(lambda: voice.health.code == code)
    assert "一" not in speaker.spoken
    setattr(speaker, knob, False)
    voice.say("二")
    until(lambda: speaker.spoken[-1:] == ["二"])
    until(lambda: voice.health.state == "up")


def test_a_missing_command_is_named() -> None:
    driver = Driver("voice", "exec:no-such-voice --stdin")
    port = Port("", 0, [driver], 1.0)
    port.start()
    until(lambda: driver.health.code == "no_command")
    port.stop()
