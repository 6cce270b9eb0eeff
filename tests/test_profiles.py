"""Devices told by a text profile: golden bytes, whole presses, no false call, unknown units named."""

import fcntl
import os
import random
import termios
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wait import until

from drivers import callunit_profile, sign_profile
from drivers.base.device import Device
from drivers.base.link import Link
from drivers.base.port import Port
from drivers.parts.frame import Frame, profile
from drivers.sim.alpha import AlphaSign
from drivers.sim.unit_ff68 import Unit
from drivers.sim.wire import Machine, Wire

PRESS = "ff 68 02 02 68 03 0c 0f 16"  # devices.md §6.1: unit 3, key 0C "call"
# devices.md §7.1: text A, hold, "A001 3"
ALPHA = "00 00 00 00 00 01 5a 30 30 02 41 41 1b 20 62 41 30 30 31 20 33 03 30 32 34 39 04"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[object]:
    made: list[tuple[Port, Wire]] = []

    def wired(machines: list[Machine], devices: list[Device]) -> Wire:
        wire = Wire(tmp_path / "line", *machines)
        port = Port(wire.url, 9600, devices, 0.1)
        made.append((port, wire))
        port.start()
        return wire

    yield wired
    for port, wire in made:
        port.stop()
        wire.unplug()


def test_the_profiles_make_the_frames_of_the_manuals() -> None:
    assert Frame(profile("alpha")["show"]).build(text=b"A001 3") == bytes.fromhex(ALPHA)
    unit = Frame(profile("ff68")["press"])
    assert unit.build(address=b"\x03", key=b"\x0c") == bytes.fromhex(PRESS)
    (heard,) = unit.take(bytearray.fromhex(PRESS))
    assert (heard["address"], heard["key"]) == (b"\x03", b"\x0c")


@pytest.mark.parametrize("look", ["ff 68 key", "ff ( key", "ff ( kye ) sum8"])
def test_a_wrong_frame_is_refused_with_the_word(look: str) -> None:
    with pytest.raises(ValueError, match=r"bracket|kye"):
        Frame(look)


@given(st.binary(max_size=40), st.integers(0, 255), st.binary(min_size=1, max_size=3))
def test_after_any_noise_the_next_good_frame_is_heard(noise: bytes, unit: int, key: bytes) -> None:
    frame = Frame("ff 68 length length 68 ( address key ) sum8 16")
    good = frame.build(address=bytes([unit]), key=key)
    heard = bytearray(noise + good)
    assert {"address": bytes([unit]), "key": key}.items() <= list(frame.take(heard))[-1].items()
    assert list(frame.take(heard)) == []


def test_a_frame_with_one_wrong_bit_is_no_press() -> None:
    good = bytes.fromhex(PRESS)
    frame = Frame(profile("ff68")["press"])
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert list(frame.take(bad)) == [], bit


@pytest.mark.parametrize("check", ["sum8", "xor8", "crc16", "arc16", "hex16"])
def test_what_is_built_is_found_again_in_pieces(check: str) -> None:
    frame = Frame(f"aa 55 length ( address key ) {check} 0d")
    whole = b"".join(frame.build(address=bytes([n]), key=b"\x01") for n in range(5))
    heard, found = bytearray(), []
    for byte in whole:
        heard.append(byte)
        found += [fields["address"][0] for fields in frame.take(heard)]
    assert found == [0, 1, 2, 3, 4]


def test_the_alpha_sign_takes_the_manuals_frame_and_only_with_its_sum_and_parity() -> None:
    even = bytes(b | b.bit_count() % 2 << 7 for b in bytes.fromhex(ALPHA))
    sign = AlphaSign()
    sign.feed(even[:9])
    sign.feed(even[9:])
    assert sign.text == "A001 3"
    for place in range(9, len(even)):
        broken = AlphaSign()
        broken.feed(even[:place] + bytes([even[place] ^ 0x03]) + even[place + 1 :])
        assert broken.text in ("", "A001 3"), "two bits of the position or the mode may differ"
        flipped = AlphaSign()
        flipped.feed(even[:place] + bytes([even[place] ^ 0x01]) + even[place + 1 :])
        assert flipped.text == ""


def test_an_alpha_sign_shows_the_number_and_shows_it_again(start) -> None:  # type: ignore[no-untyped-def]
    machine, driver = AlphaSign(), sign_profile.Driver("sign1", "alpha")
    assert driver.numbers, "no Chinese: the hall shows it the number alone"
    driver.show("A001")
    wire = start([machine], [driver])
    until(lambda: machine.text == "A001")
    driver.show("")
    until(lambda: machine.text == "")
    driver.show("A002")
    until(lambda: machine.text == "A002")
    wire.unplug()
    until(lambda: driver.health.code == "cable")
    machine.power_off = True
    machine.power_off = False
    wire.plug()
    until(lambda: machine.text == "A002")


def test_units_on_one_wire_press_once_each_and_a_damaged_frame_is_no_press(start) -> None:  # type: ignore[no-untyped-def]
    units = [Unit(1), Unit(2)]
    drivers = [callunit_profile.Driver(f"unit{unit.address}", "ff68", unit.address) for unit in units]
    presses: list[tuple[str, str]] = []
    for driver in drivers:
        driver.emit = lambda press: presses.append((press.device, press.key))
    wire = start(units, drivers)
    until(lambda: all(driver.health.state == "up" for driver in drivers))
    units[1].garbled = True
    units[1].tap("next")
    wire.poke()
    units[1].garbled = False
    units[1].tap("no_show")
    until(lambda: wire.poke() or presses)  # one frame at a look
    units[0].late = True
    units[0].tap("recall")
    until(lambda: wire.poke() or len(presses) == 2)
    assert sorted(presses) == [("unit1", "recall"), ("unit2", "no_show")]


def test_a_neighbour_that_comes_to_the_wire_later_swallows_no_press() -> None:
    ours, theirs = os.openpty()
    link = Link(os.ttyname(theirs), 9600)
    one, two = (callunit_profile.Driver(f"unit{address}", "ff68", address) for address in (1, 2))
    presses: list[tuple[str, str]] = []
    for driver in (one, two):
        driver.emit = lambda press: presses.append((press.device, press.key))
    press = Frame(profile("ff68")["press"]).build(address=b"\x01", key=b"\x0c")
    waiting = array("i", [0])
    one.attach(link)
    for part, then in ((press, two.attach), (press[:5], two.turn), (press[5:], one.turn)):
        os.write(ours, part)
        until(
            lambda part=part: fcntl.ioctl(theirs, termios.FIONREAD, waiting) == 0 and waiting[0] == len(part)
        )  # type: ignore[misc]
        then(link)
        one.turn(link)
    assert presses == [("unit1", "next")] * 2
    link.close()
    os.close(ours)
    os.close(theirs)


def test_a_press_that_nobody_heard_is_never_executed(tmp_path: Path) -> None:
    unit, driver = Unit(1), callunit_profile.Driver("unit1", "ff68", 1)
    presses: list[str] = []
    driver.emit = lambda press: presses.append(press.key)
    wire = Wire(tmp_path / "line", unit)
    unit.tap("next")
    wire.poke()
    line = os.open(wire.url, os.O_RDONLY | os.O_NOCTTY)
    waiting = array("i", [0])
    until(lambda: fcntl.ioctl(line, termios.FIONREAD, waiting) == 0 and waiting[0] == 9)
    os.close(line)
    port = Port(wire.url, 9600, [driver], 0.1)
    port.start()
    until(lambda: driver.health.state == "up")
    unit.tap("recall")
    wire.poke()
    until(lambda: presses)
    assert presses == ["recall"]
    port.stop()
    wire.unplug()


def test_an_unknown_unit_or_key_is_named_on_the_page(start) -> None:  # type: ignore[no-untyped-def]
    known, stranger = Unit(1), Unit(7)
    driver = callunit_profile.Driver("unit1", "ff68", 1)
    wire = start([known, stranger], [driver])
    until(lambda: driver.health.state == "up")
    stranger.tap("next")
    wire.poke()
    until(lambda: driver.health.detail == "7 / 0c")
    known.send(b"\x55")
    wire.poke()
    until(lambda: driver.health.detail == "1 / 55")
    assert (driver.health.state, driver.health.code) == ("degraded", "unknown_unit")


def test_a_profile_that_is_not_there_is_a_red_line(start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    driver = sign_profile.Driver("sign1", str(tmp_path / "own.toml"))
    start([AlphaSign()], [driver])
    until(lambda: driver.health.code == "no_profile")
    (tmp_path / "own.toml").write_text('show = "02 ( text ) xor8 03"\n')
    driver.wake()
    until(lambda: driver.health.state == "up")


def test_damaged_frames_make_no_false_call() -> None:
    """A thousand random damages of two bits; the million stands in `make fuzz`."""
    dice, frame, good = random.Random(1), Frame(profile("ff68")["press"]), bytes.fromhex(PRESS)
    for _ in range(1000):
        bad = bytearray(good)
        bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        if bad != good:
            for found in frame.take(bad):
                # A sum of eight bits cannot tell two flips that cancel out inside the body.
                assert found["address"] != b"\x03" or found["key"] != b"\x0c"
