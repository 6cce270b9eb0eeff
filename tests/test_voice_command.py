"""The voice: a real child process for each sentence, and no fault of it delays anything."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from wait import until

from drivers.base.device import DeviceFault
from drivers.base.link import Link
from drivers.base.mailboxes import Sentence
from drivers.base.port import Port
from drivers.parts.speech import plain
from drivers.sim.voice import Speaker
from drivers.sim.wire import Wire
from drivers.voice_command import Driver


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
    voice.say(Sentence("请A零零一号，到3号窗口"))
    voice.say(Sentence("请B零零二号，到1号窗口"))
    until(lambda: speaker.spoken == ["请A零零一号，到3号窗口", "请B零零二号，到1号窗口"])


@pytest.mark.parametrize(("knob", "code"), [("broken", "command_failed"), ("deaf", "silent")])
def test_a_broken_voice_is_named_and_speaks_again_when_well(
    voice: Driver, speaker: Speaker, knob: str, code: str
) -> None:
    setattr(speaker, knob, True)
    voice.say(Sentence("一"))
    until(lambda: voice.health.code == code)
    assert "一" not in speaker.spoken
    setattr(speaker, knob, False)
    voice.say(Sentence("二"))
    until(lambda: speaker.spoken[-1:] == ["二"])
    until(lambda: voice.health.state == "up")


def test_a_missing_command_is_named() -> None:
    driver = Driver("voice", "exec:no-such-voice --stdin")
    port = Port("", 0, [driver], 1.0)
    port.start()
    until(lambda: driver.health.code == "no_command")
    port.stop()


def fault(driver: Driver) -> str:
    """What one turn of the driver complains about."""
    try:
        driver.turn(Link("", 0))
    except DeviceFault as found:
        return found.code
    return ""


def test_a_fault_stands_until_a_sentence_was_heard(speaker: Speaker) -> None:
    wire = Wire(None, speaker)
    driver = Driver("voice", speaker.url(wire.url))
    speaker.broken = True
    driver.say(Sentence("一"))
    until(lambda: fault(driver))
    speaker.broken = False
    assert fault(driver) == "command_failed", "silence is no recovery"
    driver.say(Sentence("二"))
    until(lambda: not fault(driver))
    assert speaker.spoken == ["二"]
    wire.unplug()


def test_a_command_that_is_no_program_has_failed(tmp_path: Path) -> None:
    command = tmp_path / "voice"
    command.write_bytes(b"\x00\x01")
    command.chmod(0o755)
    driver = Driver("voice", f"exec:{command}")
    driver.say(Sentence("一"))
    assert fault(driver) == "command_failed"
    assert fault(driver) == "command_failed"


def test_a_command_that_reads_nothing_holds_nobody_up() -> None:
    driver = Driver("voice", "exec:sleep 60")
    driver.say(Sentence("长" * 100_000))
    start = time.monotonic()
    assert fault(driver) == ""
    assert time.monotonic() - start < 2
    driver.close()


def alive(pid: int) -> bool:
    """Does the process run? A zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_end_of_the_hall_ends_a_hanging_command_and_what_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    driver = Driver("voice", f"exec:sh -c 'sleep 60 & echo $! > {note}; wait'", timeout=60.0)
    port = Port("", 0, [driver], 1.0)
    port.start()
    driver.say(Sentence("一"))
    pid = int(until(lambda: note.exists() and note.read_text().strip()))
    assert alive(pid)
    start = time.monotonic()
    port.stop()
    assert time.monotonic() - start < 2
    until(lambda: not alive(pid))


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "note"


@pytest.fixture
def writing(note: Path) -> Iterator[Driver]:
    """A voice that writes down what it was given and at which volume, and then speaks for a minute."""
    driver = Driver(
        "voice", f"exec:sh -c 'echo {{volume}} >> {note}; cat >> {note}; exec sleep 60'", timeout=60.0
    )
    port = Port("", 0, [driver], 1.0)
    port.start()
    until(lambda: driver.health.state == "up")
    yield driver
    port.stop()


def written(note: Path) -> list[str]:
    return note.read_text().splitlines() if note.exists() else []


def test_an_emergency_waits_for_no_sentence_to_end(writing: Driver, note: Path) -> None:
    writing.say(Sentence("请A零零一号", volume=30))
    until(lambda: written(note) == ["30", "请A零零一号"])
    writing.say(Sentence("请A零零二号"))
    writing.say(Sentence("请听工作人员安排", urgent=True))
    until(lambda: written(note)[2:] == ["100", "请听工作人员安排"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("社保\n再见\x00\x1b", "社保 再见  "),
        ("<break time='9s'/>社保&lt;", "break time='9s'/ 社保 lt;"),
        ("[[h@l]]社保", "h@l  社保"),
        ("--stdout -f /etc/passwd", "stdout -f /etc/passwd"),
        ("\u202e社保\ud800", "社保 "),
        ("请A零零一号，到3号窗口", "请A零零一号，到3号窗口"),
    ],
)
def test_a_sentence_is_words_and_nothing_else(text: str, said: str) -> None:
    assert plain(text) == said
