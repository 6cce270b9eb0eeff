"""Number displays: what the registers say, in every code; written anew after a power cut."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import EXAMPLE, Hall
from wait import until

from drivers.base.port import Port
from drivers.sign_modbus import Driver, registers
from drivers.sim.display import Display
from drivers.sim.wire import Wire


@pytest.mark.parametrize(
    ("encoding", "words", "seen"),
    [
        ("number", [0x000C], "12"),
        ("bcd", [0x0012], "12"),
        ("ascii", [0x4130, 0x3132], "A012"),
        ("segments", [0x77, 0x3F, 0x06, 0x5B], "A012"),  # devices.md §7.4
    ],
)
@pytest.mark.parametrize("framing", ["rtu", "tcp"])
def test_a_number_is_shown_in_every_code(
    tmp_path: Path, encoding: str, words: list[int], seen: str, framing: str
) -> None:
    assert registers("A012", encoding, 4) == words
    machine = Display(5, encoding, framing == "tcp")
    wire = Wire(tmp_path / "line" if framing == "rtu" else None, machine)
    driver = Driver("sign1", 5, encoding=encoding, framing=framing, every=0.02)  # type: ignore[arg-type]
    port = Port(wire.url, 9600, [driver], 0.1)
    driver.show("A012")
    port.start()
    until(lambda: machine.text == seen)
    driver.show("")
    until(lambda: machine.text == "")
    port.stop()
    wire.unplug()


def test_a_letter_that_segments_cannot_show_is_dark() -> None:
    assert registers("K001", "segments", 4)[0] == 0


@pytest.fixture
def sign(tmp_path: Path) -> Iterator[tuple[Display, Driver, Wire]]:
    machine = Display(5)
    wire = Wire(tmp_path / "line", machine)
    driver = Driver("sign1", 5, every=0.02, timeout=0.05)
    port = Port(wire.url, 9600, [driver], 0.1)
    driver.show("A007")
    port.start()
    until(lambda: machine.text == "7")
    yield machine, driver, wire
    port.stop()
    wire.unplug()


def test_a_display_that_lost_its_power_shows_the_number_again(sign: tuple[Display, Driver, Wire]) -> None:
    machine, driver, _ = sign
    machine.power_off = True
    until(lambda: driver.health.code == "silent")
    machine.power_off = False
    driver.wake()
    until(lambda: machine.text == "7")
    machine.registers = [0] * 8  # a cut so short that nobody saw it
    until(lambda: machine.text == "7")


@pytest.mark.parametrize(("knob", "code"), [("deaf", "silent"), ("garbled", "garbled")])
def test_an_ill_display_is_named(sign: tuple[Display, Driver, Wire], knob: str, code: str) -> None:
    machine, driver, _ = sign
    setattr(machine, knob, True)
    until(lambda: driver.health.code == code)
    driver.show("A008")
    setattr(machine, knob, False)
    driver.wake()
    until(lambda: machine.text == "8")
    until(lambda: driver.health.state == "up")


def test_a_register_that_is_not_there_is_a_refusal(tmp_path: Path) -> None:
    wire = Wire(tmp_path / "line", Display(5))
    driver = Driver("sign1", 5, register=8, every=0.02)
    port = Port(wire.url, 9600, [driver], 0.1)
    driver.show("A001")
    port.start()
    until(lambda: driver.health.code == "refused")
    port.stop()
    wire.unplug()


def test_a_hall_shows_the_number_alone_on_such_a_sign(start_hall: Callable[..., Hall]) -> None:
    stanza = 'driver = "sign_modbus"\nurl = "/dev/number-1"\naddress = 9\nwindow = "1"\n'
    hall = start_hall(EXAMPLE.read_text() + "\n[device.number1]\n" + stanza)
    hall.take()
    hall.call("1")
    until(lambda: hall.machine("number1").text == "1")
