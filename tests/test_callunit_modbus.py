"""Call units on one RS-485 bus: presses come once, lamps shine, a dead unit disturbs nobody."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from wait import until

from drivers.base.port import Port
from drivers.callunit_modbus import Driver
from drivers.parts.modbus import rtu
from drivers.sim.callunit import CallUnit
from drivers.sim.wire import Wire


class Bus:
    """Four units on one wire, and their real drivers on one port."""

    def __init__(
        self, path: Path, mode: Literal["inputs", "counters"], framing: Literal["rtu", "tcp"]
    ) -> None:
        self.units = {n: CallUnit(n, framing == "tcp") for n in (1, 2, 3, 4)}
        self.wire = Wire(path if framing == "rtu" else None, *self.units.values())
        self.drivers = {
            n: Driver(f"unit{n}", n, mode=mode, framing=framing, every=0.01, timeout=0.5) for n in self.units
        }
        self.presses: list[tuple[str, str]] = []
        for driver in self.drivers.values():
            driver.emit = lambda press: self.presses.append((press.device, press.key))
        self.port = Port(self.wire.url, 115200, list(self.drivers.values()), 0.1)
        self.port.start()
        for n in self.units:
            self.healthy(n)

    def healthy(self, n: int) -> None:
        until(lambda: self.drivers[n].health.state == "up")

    def ill(self, n: int, code: str) -> None:
        until(lambda: (self.drivers[n].health.state, self.drivers[n].health.code) == ("down", code))


@pytest.fixture(params=["rtu", "tcp"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Bus]]:
    buses: list[Bus] = []

    def make(mode: str = "inputs", framing: str = request.param) -> Bus:
        buses.append(Bus(tmp_path / "bus", mode, framing))
        return buses[-1]

    yield make
    for bus in buses:
        bus.port.stop()
        bus.wire.unplug()


@pytest.fixture
def bus(start: Callable[..., Bus]) -> Bus:
    return start()


@pytest.mark.parametrize(
    ("made", "golden"),  # devices.md §6.2
    [
        (rtu(bytes([2, 2]) + b"\0\0\0\x08"), "02 02 00 00 00 08 79 ff"),
        (rtu(bytes([1, 2]) + b"\0\0\0\x08"), "01 02 00 00 00 08 79 cc"),
        (rtu(bytes([2, 4]) + b"\0\0\0\x01"), "02 04 00 00 00 01 31 f9"),
        (rtu(bytes([1, 15]) + b"\0\0\0\x08\x01\xff"), "01 0f 00 00 00 08 01 ff be d5"),
    ],
)
def test_requests_are_the_frames_of_the_manual(made: bytes, golden: str) -> None:
    assert made == bytes.fromhex(golden)


def test_the_unit_answers_with_the_frames_of_the_manual() -> None:
    one, two = CallUnit(1), CallUnit(2)
    one.press(2)  # the manual's "input 3" counts from 1
    assert one.feed(bytes.fromhex("01 02 00 00 00 08 79 cc")) == bytes.fromhex("01 02 01 04 a0 4b")
    lamp = bytes.fromhex("02 05 00 00 ff 00 8c 09")
    assert two.feed(lamp) == lamp
    assert two.lamps[0]
    assert one.feed(lamp) == b"", "not its address"


@pytest.mark.parametrize("mode", ["inputs", "counters"])
def test_each_press_comes_once_and_in_order(start: Callable[..., Bus], mode: str) -> None:
    bus = start(mode)
    for number in (0, 1, 0):
        bus.units[3].tap(number)
    bus.units[1].tap(6)
    until(lambda: len(bus.presses) == 4)
    assert [key for unit, key in bus.presses if unit == "unit3"] == ["next", "recall", "next"]
    assert ("unit1", "sign_out") in bus.presses


def test_a_counter_catches_a_press_shorter_than_a_poll(start: Callable[..., Bus]) -> None:
    bus = start("counters")
    bus.units[1].press(0)
    bus.units[1].release(0)
    until(lambda: bus.presses == [("unit1", "next")])


def test_a_counter_that_starts_anew_is_no_press(start: Callable[..., Bus]) -> None:
    bus = start("counters")
    bus.units[1].tap(0)
    until(lambda: len(bus.presses) == 1)
    bus.units[1].counters = [0] * 8
    bus.units[2].tap(0)
    until(lambda: len(bus.presses) == 2)
    assert bus.presses[1] == ("unit2", "next")


def test_lamps_follow_what_is_shown(bus: Bus) -> None:
    for lamp, coils in (
        ("free", [True, False, False]),
        ("serving", [False, True, False]),
        ("over", [True, False, True]),
        ("off", [False] * 3),
    ):
        bus.drivers[2].show(lamp)
        until(lambda c=coils: bus.units[2].lamps[:3] == c)
    for lamp, coil in (("waiting", 0), ("crowded", 0), ("fault", 2)):
        bus.drivers[2].show(lamp)
        for lit in (True, False, True):
            until(lambda coil=coil, lit=lit: bus.units[2].lamps[:3] == [lit and i == coil for i in range(3)])
    bus.drivers[2].show("paused")
    until(lambda: bus.units[2].lamps[:3] == [False, False, True])
    assert bus.units[1].lamps == [False] * 8


def test_a_refused_press_blinks_red_once(bus: Bus) -> None:
    bus.drivers[1].show("serving")
    until(lambda: bus.units[1].lamps[1])
    bus.drivers[1].refuse()
    until(lambda: bus.units[1].lamps[2])
    until(lambda: bus.units[1].lamps[:3] == [False, True, False])


def test_a_refused_press_is_seen_where_red_is_lit(bus: Bus) -> None:
    bus.drivers[1].show("paused")
    until(lambda: bus.units[1].lamps[2])
    bus.drivers[1].refuse()
    until(lambda: not bus.units[1].lamps[2])
    until(lambda: bus.units[1].lamps[2])


@pytest.mark.parametrize(("knob", "code"), [("deaf", "silent"), ("garbled", "garbled")])
def test_an_ill_unit_is_named_its_neighbours_work_and_it_comes_back(bus: Bus, knob: str, code: str) -> None:
    bus.drivers[2].show("serving")
    until(lambda: bus.units[2].lamps[1])
    setattr(bus.units[2], knob, True)
    bus.ill(2, code)
    bus.units[1].tap(0)
    until(lambda: ("unit1", "next") in bus.presses)
    bus.units[2].lamps = [False] * 8
    setattr(bus.units[2], knob, False)
    bus.drivers[2].wake()
    bus.healthy(2)
    until(lambda: bus.units[2].lamps[1])


def test_cable_out_and_in_shows_the_lamp_again_and_executes_no_old_press(bus: Bus) -> None:
    bus.drivers[4].show("serving")
    until(lambda: bus.units[4].lamps[1])
    bus.wire.unplug()
    bus.ill(4, "cable")
    bus.units[4].lamps = [False] * 8
    bus.units[4].press(0)
    bus.wire.plug()
    bus.healthy(4)
    until(lambda: bus.units[4].lamps[1])
    bus.units[4].release(0)
    bus.units[4].tap(1)
    until(lambda: bus.presses)
    assert bus.presses == [("unit4", "recall")]


def test_noise_changes_the_bytes_and_makes_no_press(bus: Bus) -> None:
    bus.wire.noise = 5
    until(lambda: bus.drivers[1].health.state == "down")
    bus.wire.noise = 0
    bus.healthy(1)
    assert bus.presses == []


def test_an_exception_answer_is_a_refusal(tmp_path: Path) -> None:
    unit = CallUnit(1)
    wire = Wire(tmp_path / "bus", unit)
    wire.plug()
    driver = Driver("unit1", 1, keys=["next"] * 9, timeout=0.05)
    port = Port(wire.url, 115200, [driver], 0.1)
    port.start()
    until(lambda: driver.health.code == "refused")
    port.stop()
    wire.unplug()
    # devices.md §6.2: an exception answer is function + 80, code, CRC
    assert unit.feed(bytes.fromhex("01 02 00 00 00 09 b8 0c"))[:3] == bytes.fromhex("01 82 02")


def test_modbus_tcp_is_the_standards_frame(tmp_path: Path) -> None:
    """Modbus messaging on TCP/IP V1.0b, section 3.1.3: number, protocol 0, length, unit, function, data."""

    class Tape(CallUnit):
        tape = b""

        def feed(self, data: bytes) -> bytes:
            self.tape += data
            return super().feed(data)

    unit = Tape(1, tcp=True)
    wire = Wire(None, unit)
    driver = Driver("unit1", 1, keys=["next"] * 8, framing="tcp", every=0.01)
    port = Port(wire.url, 0, [driver], 0.1)
    port.start()
    until(lambda: driver.health.state == "up")
    port.stop()
    wire.unplug()
    assert unit.tape[2:12] == bytes.fromhex("00 00 00 06 01 02 00 00 00 08")
    number = int.from_bytes(unit.tape[:2], "big")
    assert int.from_bytes(unit.tape[12:14], "big") == number + 1, "each request has its own number"


class Behind(CallUnit):
    """Answers every request only when the next one comes: after the timeout, as if it were the next one's."""

    kept, asked = b"", 0

    def feed(self, data: bytes) -> bytes:
        answer, self.kept = self.kept, super().feed(data)
        self.asked += 1
        return answer


def test_a_late_answer_is_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    unit = Behind(1)
    wire, driver = Wire(tmp_path / "bus", unit), Driver("unit1", 1, timeout=0.03, every=0.0)
    said: list[str] = []
    driver.on_health = lambda device: said.append(device.health.state)
    port = Port(wire.url, 115200, [driver], 0.1)
    port.start()
    until(lambda: driver.wake() or unit.asked > 40)
    assert set(said) == {"down"}, "a unit that is always one behind is never called well"
    port.stop()
    wire.unplug()


def test_a_module_without_coils_is_told_once_and_every_press_counts(bus: Bus) -> None:
    told: list[tuple[str, str]] = []
    bus.units[2].no_coils = True
    bus.drivers[2].on_health = lambda device: told.append((device.health.state, device.health.code))
    for number, lamp in enumerate(("serving", "waiting", "paused")):
        bus.drivers[2].show(lamp)
        bus.units[2].tap(number)
        until(lambda number=number: len(bus.presses) == number + 1)  # type: ignore[misc]
        until(lambda: told)
    assert bus.presses == [("unit2", "next"), ("unit2", "recall"), ("unit2", "start")]
    assert told == [("degraded", "no_lamps")]


class Unheard(CallUnit):
    """Carries out what concerns its lamps; its next answer to that is lost."""

    once = False

    def feed(self, data: bytes) -> bytes:
        answer = super().feed(data)
        lost = self.once and data[1:2] == b"\x0f"
        self.once = self.once and not lost
        return b"" if lost else answer


def test_a_lamp_whose_answer_was_lost_is_lit_as_it_was_before(tmp_path: Path) -> None:
    unit = Unheard(1)
    wire, driver = Wire(tmp_path / "bus", unit), Driver("unit1", 1, timeout=0.1, every=0.01)
    port = Port(wire.url, 115200, [driver], 0.1)
    port.start()
    driver.show("serving")
    until(lambda: unit.lamps[1])
    unit.once = True
    driver.show("paused")
    until(lambda: not unit.once)
    driver.show("serving")
    until(lambda: unit.lamps[:3] == [False, True, False])
    port.stop()
    wire.unplug()


class Ignorant(CallUnit):
    """Knows no function but that of its inputs, and says nothing to any other, as cheap modules do."""

    once = False  # an answer is lost

    def serve(self, function: int, start: int, count: int, request: bytes) -> bytes:
        self.silent = function != 2 or self.once
        self.once = self.once and function != 2
        return super().serve(function, start, count, request)

    def feed(self, data: bytes) -> bytes:
        answer = super().feed(data)
        return b"" if answer and self.silent else answer


def test_a_unit_that_ignores_what_it_does_not_know_loses_no_press_and_no_time(tmp_path: Path) -> None:
    """Neither its lamps nor what settles a late answer are answered, and its keys go on."""
    unit = Ignorant(1)
    wire, driver = Wire(tmp_path / "bus", unit), Driver("unit1", 1, timeout=0.1, every=0.01)
    presses: list[str] = []
    states: list[str] = []
    driver.emit = lambda press: presses.append(press.key)
    driver.on_health = lambda device: states.append(f"{device.health.state} {device.health.code}".strip())
    port = Port(wire.url, 115200, [driver], 0.1)
    port.start()
    until(lambda: states == ["up", "degraded no_lamps"])
    for number in range(2):
        unit.once = True
        until(lambda: not unit.once)
        unit.tap(number)
        until(lambda number=number: len(presses) == number + 1)  # type: ignore[misc]
    port.stop()
    wire.unplug()
    assert presses == ["next", "recall"]
    assert states == ["up", "degraded no_lamps"]
