"""Every parser that reads a wire: no exception but the three errors, and no false call.

`make fuzz` runs the same with a million damages and many more examples.
"""

import random
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers import callunit_keypad, printer_escpos, sign_onbon
from drivers.base.device import DeviceFault
from drivers.base.link import Link, gbk
from drivers.parts.frame import Frame, profile
from drivers.parts.modbus import (
    READ_COILS,
    READ_COUNTERS,
    READ_HOLDING,
    READ_INPUTS,
    WRITE_COIL,
    WRITE_COILS,
    WRITE_REGISTERS,
    Master,
    rtu,
)
from drivers.sim.alpha import AlphaSign
from drivers.sim.callunit import CallUnit
from drivers.sim.cec import Television
from drivers.sim.display import Display
from drivers.sim.matrix import Matrix
from drivers.sim.printer import Printer
from drivers.sim.sign import Sign
from drivers.sim.voice import Speaker
from drivers.sim.wire import Machine

NOISE = st.binary(max_size=80)


class Said(Link):
    """A link on which this is all that comes, whatever is asked."""

    def __init__(self, data: bytes) -> None:
        super().__init__("", 10_000_000)
        self._data, self.baudrate = data, 10_000_000

    def say(self, data: bytes) -> None:
        """This comes next, and nothing of what was left."""
        self._data = data

    def write(self, data: bytes) -> None:
        pass

    def drain(self) -> bytes:
        return b""

    def read(self, size: int, seconds: float) -> bytes:
        data, self._data = self._data[:size], self._data[size:]
        return data


@given(NOISE, st.sampled_from(["rtu", "tcp"]))
def test_the_modbus_master_takes_any_bytes(noise: bytes, framing: str) -> None:
    try:
        found = Master(1, 0.0, framing).exchange(Said(noise), READ_INPUTS, b"\0\0\0\x08", 2)
        assert len(found) == 2
    except DeviceFault:
        pass


# Of each function: what is asked, and what the answer brings (devices.md §6.2).
EXCHANGES = [
    *((READ_COILS, "00000003", "0105"), (READ_INPUTS, "00000008", "0104")),
    *((READ_HOLDING, "00000002", "0400010001"), (READ_COUNTERS, "00000001", "020007")),
    *((WRITE_COIL, "0000ff00", "0000ff00"), (WRITE_COILS, "000000030105", "00000003")),
    (WRITE_REGISTERS, "000000010204d2", "00000001"),
]


@pytest.mark.parametrize(("function", "asked", "brought"), EXCHANGES)
@given(NOISE, NOISE, st.booleans(), st.booleans())
@example(b"\0", b"", False, False)
@example(b"\xff", b"", False, False)
@example(b"\1\2\3\4\5\15\16", b"\1", True, True)
def test_whatever_comes_around_a_modbus_answer_it_is_found(
    function: int, asked: str, brought: str, before: bytes, after: bytes, echo: bool, twice: bool
) -> None:
    ask, bring = bytes.fromhex(asked), bytes.fromhex(brought)
    request, answer = rtu(bytes([1, function]) + ask), rtu(bytes([1, function]) + bring)
    link = Said(before + request * echo + before + answer * (1 + twice) + after)
    assert Master(1, 0.0, "rtu").exchange(link, function, ask, len(bring)) == bring


def test_an_adapter_that_echoes_does_not_answer_for_a_dead_unit() -> None:
    """A coil's answer is the same as its request, so the echo must be known from reading."""
    unit, ask = Master(1, 0.0, "rtu"), bytes.fromhex("0000ff00")
    link, request = Said(b""), rtu(bytes([1, WRITE_COIL]) + ask)
    for _ in range(2):
        link.say(rtu(bytes.fromhex("010100000001")) + rtu(bytes.fromhex("01010100")))
        unit.exchange(link, READ_COILS, b"\0\0\0\1", 2)
    link.say(request)
    with pytest.raises(DeviceFault, match="silent"):
        unit.exchange(link, WRITE_COIL, ask, 4)
    link.say(request * 2)
    assert Master(1, 0.0, "rtu").exchange(link, WRITE_COIL, ask, 4) == ask


@given(NOISE)
def test_a_sign_cards_answer_is_understood_or_refused(noise: bytes) -> None:
    try:
        assert sign_onbon.parse(noise, 1) in range(256)
    except ValueError:
        pass


@given(NOISE, NOISE, st.booleans(), st.sampled_from([1, 0x5A, 0xA5, sign_onbon.ANY]))
@example(b"\0", b"", True, 1)
def test_whatever_comes_around_a_sign_cards_answer_it_is_found(
    before: bytes, after: bytes, echo: bool, address: int
) -> None:
    asked = sign_onbon.frame(address, sign_onbon.SCREEN_ON)
    # A card that is alone on its line may be asked by the any-address, and answers with its own.
    answer = Sign(7 if address == sign_onbon.ANY else address).feed(asked)
    assert sign_onbon.found(before + asked * echo + before + answer + after, address) == 0
    assert sign_onbon.found(before + asked * echo + before, address) is None


@given(st.lists(NOISE, max_size=5))
def test_the_printer_sorts_any_bytes_and_hears_the_next_good_answer(noises: list[bytes]) -> None:
    driver = printer_escpos.Driver("printer")
    for noise in noises:
        driver.hear(noise)
    # What began with the noise may swallow a little, as on a real wire; never for long.
    driver.hear(b"\0" * 100)
    driver.replies.clear()
    driver.hear(b"\x12")
    assert driver.replies == [0x12]


@given(st.lists(NOISE, max_size=5))
def test_the_keypad_takes_any_bytes(noises: list[bytes]) -> None:
    driver = callunit_keypad.Driver("pad", "/dev/null")
    for noise in noises:
        driver.hear(noise)


@given(NOISE, NOISE)
def test_frames_of_any_noise_resynchronise_within_one_good_frame(before: bytes, after: bytes) -> None:
    frame, heard = Frame(profile("ff68")["press"]), bytearray(before)
    list(frame.take(heard))
    heard += bytes.fromhex("ff 68 02 02 68 03 0c 0f 16") + after
    keys = [(found["address"], found["key"]) for found in frame.take(heard)]
    assert (b"\x03", b"\x0c") in keys


@given(st.text())
def test_no_text_becomes_a_control_character(text: str) -> None:
    assert min(gbk(text), default=0x20) >= 0x20


MACHINES: list[Callable[[], Machine]] = [
    *(lambda: Printer(), lambda: CallUnit(1), lambda: CallUnit(1, tcp=True), lambda: Display(1)),
    *(lambda: Sign(1), lambda: AlphaSign(), lambda: Television(), lambda: Speaker()),
    lambda: Matrix(4),
]


@pytest.mark.parametrize("make", MACHINES, ids=lambda make: type(make()).__name__)
@given(noises=st.lists(NOISE, max_size=5))
@example(noises=[b"\x1c&", b"\x81\r"])  # half a Chinese character
@example(noises=[bytes(12)])  # a Modbus TCP head that announces nothing
def test_no_machine_dies_of_any_bytes(make: Callable[[], Machine], noises: list[bytes]) -> None:
    machine = make()
    for noise in noises:
        machine.feed(noise)


def flipped(dice: random.Random, frame: bytes, bits: int) -> bytes:
    damaged = bytearray(frame)
    for place in dice.sample(range(len(frame) * 8), bits):
        damaged[place // 8] ^= 1 << place % 8
    return bytes(damaged)


def test_no_damaged_modbus_answer_is_a_call(damages: int) -> None:
    """A CRC-16 finds every one, two and three wrong bits in frames this short."""
    dice = random.Random(1)
    inputs, counters = rtu(bytes.fromhex("01 02 01 00")), rtu(bytes.fromhex("01 04 02 00 00"))
    for _ in range(damages):
        bits = dice.randrange(1, 4)
        for answer, size in ((inputs, 2), (counters, 3)):
            link = Said(flipped(dice, answer, bits))
            with pytest.raises(DeviceFault):
                Master(1, 0.0, "rtu").exchange(link, answer[1], b"\0\0\0\1", size)


def test_no_damaged_frame_of_a_unit_is_a_call(damages: int) -> None:
    """A sum of eight bits finds every single wrong bit, every lost byte and every torn frame."""
    dice, frame = random.Random(2), Frame(profile("ff68")["press"])
    for _ in range(damages):
        good = frame.build(address=bytes([dice.randrange(1, 33)]), key=b"\x0c")
        cut = dice.randrange(1, len(good))
        for damaged in (flipped(dice, good, 1), good[:cut], good[cut:], good[: cut - 1] + good[cut:]):
            assert not list(frame.take(bytearray(damaged)))
