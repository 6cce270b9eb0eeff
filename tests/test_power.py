"""TVs and signs get their power with the opening and lose it after work, and somebody looks whether."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import EXAMPLE, MONDAY, Hall
from wait import until

from controller.hall.events import Window
from controller.hall.state import State
from controller.runtime.clock import FakeClock
from controller.settings.schema import Settings
from display.screens.levels import lights_on
from drivers import power_cec, power_dpms, power_gpio, power_modbus, sign_modbus
from drivers.base.device import Device
from drivers.base.port import Port
from drivers.sim.callunit import CallUnit
from drivers.sim.cec import Television
from drivers.sim.display import Display
from drivers.sim.gpio import Pins
from drivers.sim.wire import Wire


@pytest.fixture
def drive() -> Iterator[Callable[..., None]]:
    ports: list[Port] = []

    def start(device: Device, url: str = "") -> None:
        ports.append(Port(url, 9600, [device], 0.1))
        ports[-1].start()

    yield start
    for port in ports:
        port.stop()


@pytest.fixture
def tv() -> Iterator[tuple[Television, Wire]]:
    machine = Television()
    wire = Wire(None, machine)
    yield machine, wire
    wire.unplug()


@pytest.mark.parametrize("kind", [power_cec.Driver, power_dpms.Driver])
def test_a_tv_goes_on_and_off_and_on_again_when_somebody_used_the_remote(
    drive: Callable[..., None], tv: tuple[Television, Wire], kind: type[power_cec.Driver]
) -> None:
    machine, wire = tv
    driver = kind("tv", machine.url(wire.url))
    drive(driver)
    driver.power(True)
    until(lambda: machine.on)
    machine.on = False
    driver.wake()
    until(lambda: machine.on)
    driver.power(False)
    until(lambda: not machine.on)
    until(lambda: driver.health.state == "up")


@pytest.mark.parametrize(
    ("kind", "knob", "code"),
    [
        (power_cec.Driver, "stubborn", "not_switched"),
        (power_cec.Driver, "deaf", "no_cec"),
        (power_dpms.Driver, "stubborn", "not_switched"),
        (power_dpms.Driver, "deaf", "no_wlr"),
    ],
)
def test_a_tv_that_does_not_obey_is_a_red_line(
    drive: Callable[..., None],
    tv: tuple[Television, Wire],
    kind: type[power_cec.Driver],
    knob: str,
    code: str,
) -> None:
    machine, wire = tv
    driver = kind("tv", machine.url(wire.url))
    setattr(machine, knob, True)
    driver.waking = 0.0
    driver.power(True)
    drive(driver)
    until(lambda: driver.health.code == code)


@pytest.mark.parametrize("knob", ["dozing", "mute"])
def test_a_tv_that_answers_nothing_in_standby_is_switched_on_all_the_same(
    drive: Callable[..., None], tv: tuple[Television, Wire], knob: str
) -> None:
    machine, wire = tv
    driver = power_cec.Driver("tv", machine.url(wire.url))
    driver.waking = 0.0
    setattr(machine, knob, True)
    driver.power(True)
    drive(driver)
    until(lambda: machine.on)
    until(lambda: driver.health.code == {"dozing": "", "mute": "not_confirmed"}[knob])
    driver.power(False)
    until(lambda: not machine.on)
    until(lambda: (driver.health.state, driver.health.code) == ("degraded", "not_confirmed"))


def test_a_tv_that_wakes_slowly_is_given_its_time(
    drive: Callable[..., None], tv: tuple[Television, Wire]
) -> None:
    machine, wire = tv
    driver, said = power_cec.Driver("tv", machine.url(wire.url)), list[str]()
    driver.on_health = lambda device: said.append(device.health.code)
    machine.stubborn = True  # it obeys only later
    driver.power(True)
    drive(driver)
    until(lambda: "starting" in said)
    machine.stubborn, machine.on = False, True
    until(lambda: driver.wake() or driver.health.state == "up")
    assert said == ["starting", ""]


def test_without_cec_ctl_its_package_is_named(drive: Callable[..., None]) -> None:
    driver = power_cec.Driver("tv", "exec:no-cec-ctl")
    drive(driver)
    until(lambda: driver.health.code == "no_cec")


def test_a_tv_is_told_of_the_socket_that_it_is_plugged_into(drive: Callable[..., None]) -> None:
    class AtTwo(Television):
        heard: list[str] = []  # noqa: RUF012

        def said(self, words: list[str]) -> bytes:
            self.heard += words
            return b"\tPhysical Address           : 2.0.0.0\n" if "-S" in words else super().said(words)

    wire = Wire(None, machine := AtTwo())
    driver = power_cec.Driver("tv", machine.url(wire.url))
    drive(driver)
    driver.power(True)
    until(lambda: "phys-addr=2.0.0.0" in machine.heard)
    wire.unplug()


@pytest.mark.parametrize("driver", [power_modbus.Driver("d", 1), sign_modbus.Driver("d", 1)])
def test_a_unit_that_was_told_nothing_yet_is_asked_all_the_same(
    drive: Callable[..., None], tmp_path: Path, driver: Device
) -> None:
    wire = Wire(tmp_path / "bus", machine := CallUnit(1))
    machine.deaf = True
    drive(driver, wire.url)
    until(lambda: driver.health.code == "silent")
    wire.unplug()


def test_an_output_that_is_not_there_is_named(
    drive: Callable[..., None], tv: tuple[Television, Wire]
) -> None:
    driver = power_dpms.Driver("tv", tv[0].url(tv[1].url), output="DP-1")
    drive(driver)
    driver.power(True)
    until(lambda: driver.health.code == "no_output")


@pytest.mark.parametrize("framing", ["rtu", "tcp"])
def test_a_relay_on_a_coil_follows_and_is_switched_anew(
    drive: Callable[..., None], tmp_path: Path, framing: str
) -> None:
    relay = CallUnit(7, framing == "tcp")
    wire = Wire(None if framing == "tcp" else tmp_path / "line", relay)
    driver = power_modbus.Driver("relay", 7, 2, framing=framing, every=0.02)  # type: ignore[arg-type]
    drive(driver, wire.url)
    until(lambda: driver.health.state == "up")
    assert not relay.lamps[2], "nobody said anything yet"
    driver.power(True)
    until(lambda: relay.lamps[2])
    relay.lamps[2] = False
    until(lambda: relay.lamps[2])
    driver.power(False)
    until(lambda: not relay.lamps[2])
    wire.unplug()


@pytest.mark.parametrize("high", [True, False])
def test_a_relay_on_a_pin_follows(drive: Callable[..., None], high: bool) -> None:
    pins = Pins()
    driver = power_gpio.Driver("relay", 21, high)
    drive(driver)
    driver.power(True)
    until(lambda: driver.health.state == "up")
    until(lambda: pins.lit(21) is high)
    driver.power(False)
    until(lambda: pins.lit(21) is not high)


def test_a_relay_whose_port_is_opened_again_follows_still(drive: Callable[..., None]) -> None:
    pins, driver = Pins(), power_gpio.Driver("relay", 21)
    said: list[str] = []
    driver.on_health = lambda device: said.append(device.health.state)
    drive(driver)
    until(lambda: driver.health.state == "up")
    driver.reopen()
    until(lambda: said == ["up", "down", "up"])
    driver.power(True)
    until(lambda: pins.lit(21))


def test_a_relay_whose_pin_another_program_holds_says_so_and_comes_by_itself(
    drive: Callable[..., None],
) -> None:
    pins, driver = Pins(), power_gpio.Driver("relay", 21)
    pins.held.add(21)
    driver.power(True)
    drive(driver)
    until(lambda: driver.health.code == "device_busy")
    pins.held.clear()
    until(lambda: driver.wake() or pins.lit(21))


class Unread(CallUnit):
    """A relay that takes orders and lets nobody read them."""

    def serve(self, function: int, start: int, count: int, request: bytes) -> bytes:
        if function == 1:
            raise LookupError(1)
        return super().serve(function, start, count, request)


class Blind(Display):
    """A display of registers that can be written only."""

    def serve(self, function: int, start: int, count: int, request: bytes) -> bytes:
        if function == 3:
            raise LookupError(1)
        return super().serve(function, start, count, request)


def test_a_relay_that_cannot_be_read_is_told_all_the_same(drive: Callable[..., None], tmp_path: Path) -> None:
    wire = Wire(tmp_path / "bus", relay := Unread(7))
    driver = power_modbus.Driver("relay", 7, 2, every=0.02)
    drive(driver, wire.url)
    driver.power(True)
    until(lambda: relay.lamps[2])
    until(lambda: (driver.health.state, driver.health.code) == ("degraded", "not_confirmed"))
    relay.lamps[2] = False
    until(lambda: relay.lamps[2])
    relay.deaf = True
    until(lambda: (driver.health.state, driver.health.code) == ("down", "silent"))
    wire.unplug()


def test_a_display_that_cannot_be_read_shows_the_number(drive: Callable[..., None], tmp_path: Path) -> None:
    wire = Wire(tmp_path / "bus", display := Blind(7))
    driver = sign_modbus.Driver("sign", 7, every=0.02)
    drive(driver, wire.url)
    driver.show("A012")
    until(lambda: display.text == "12")
    until(lambda: (driver.health.state, driver.health.code) == ("degraded", "not_confirmed"))
    display.registers = [0] * 8  # it lost its power
    until(lambda: display.text == "12")
    wire.unplug()


def test_the_hall_needs_light_while_somebody_is_served_or_may_come(plan: Settings) -> None:
    noon, evening = MONDAY.replace(hour=12), MONDAY.replace(hour=18)
    assert lights_on(plan, State(open=True), MONDAY)
    assert lights_on(plan, State(), noon), "the midday break"
    assert not lights_on(plan, State(), evening)
    assert lights_on(plan, State(windows={"1": Window("1002")}), evening), "still being served"


def test_a_hall_switches_its_tv_with_its_day(start_hall: Callable[..., Hall], clock: FakeClock) -> None:
    stanza = '[device.tv]\ndriver = "power_cec"\n'
    hall = start_hall(EXAMPLE.read_text() + "\n" + stanza)
    until(lambda: hall.machine("tv").on)
    clock.move(clock.now().wall + timedelta(hours=10))
    until(lambda: not hall.machine("tv").on)
