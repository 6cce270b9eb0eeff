"""Every driver says how long its worst turn is, and none takes longer however a device answers."""

import random
import stat
import time
from contextlib import suppress
from importlib.metadata import entry_points
from math import ceil
from pathlib import Path

import pytest
from conftest import ROOT
from test_battery import NAMES, kinds

from drivers import buttons_gpio, power_cec, power_dpms, power_gpio, printer_escpos
from drivers.base.device import Device, DeviceFault
from drivers.base.link import WRITE, Link, LinkLost
from drivers.sim.wire import Machine

NO_WIRE = {  # those that the battery does not have
    "buttons_gpio": buttons_gpio.Driver("d", {"A": 4}),
    "buttons_gpio afar": buttons_gpio.Driver("d", {"A": 4}, host="kiosk.local"),
    "power_gpio": power_gpio.Driver("d", 4),
}
WIRED = [name for name in NAMES if kinds(name).device.wired]
MODES = ("right", "drip", "never", "garbage", "babble")


class Tardy(Link):
    """A wire on which everything comes at the last moment. Counts these seconds and waits for none.

    `mode`: right, drip (one byte for each look), never, garbage (as long as the right answer), babble
    (bytes without end).
    """

    def __init__(self, machine: Machine, mode: str) -> None:
        super().__init__("", 0)
        self.baudrate, self.spent = 1200, 0.0
        self._machine, self._mode, self._said, self._dice = machine, mode, b"", random.Random(7)

    def write(self, data: bytes) -> None:
        self.spent += WRITE * ceil(len(data) / 512)
        answer = self._machine.feed(data)
        match self._mode:
            case "never":
                answer = b""
            case "garbage":
                answer = self._dice.randbytes(len(answer))
        self._said += answer

    def read(self, size: int, seconds: float) -> bytes:
        # Who babbles does it as fast as the line lets it.
        self.spent += max(0.0, min(seconds, self.seconds_for(size)) if self._mode == "babble" else seconds)
        if self._mode == "babble":
            return self._dice.randbytes(size)
        if self._mode == "drip" and seconds:
            size = 1
        data, self._said = self._said[:size], self._said[size:]
        return data


def test_every_driver_says_how_long_its_worst_turn_is() -> None:
    files = {file.stem for file in (ROOT / "drivers").glob("*_*.py") if file.stem[0] != "_"}
    devices = {**{name: kinds(name).device for name in NAMES}, **NO_WIRE}
    assert {name.split()[0] for name in devices} == files | {
        entry.name for entry in entry_points(group="hallqueue.drivers")
    }
    for name, device in devices.items():
        said = "longest" in vars(device) or any(
            "longest" in vars(kind) for kind in type(device).__mro__ if kind is not Device
        )
        assert said, f"{name} does not say it"
        assert 1.0 <= device.longest <= 120.0, name


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", WIRED)
def test_no_turn_is_longer_than_the_driver_says(
    name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, began = kinds(name), time.monotonic()
    device, link, worst = kind.device, Tardy(kind.machine, mode), 0.0
    if isinstance(device, printer_escpos.Driver):
        device.mend = b""  # it comes to its pages without a pause
    monkeypatch.setattr(time, "monotonic", lambda: began + link.spent)  # only the line takes time here
    acts = [device.attach] + 30 * [device.turn]
    for number, act in enumerate(acts):
        if number % 10 == 1:
            kind.ask(number)
        before = link.spent
        with suppress(DeviceFault, LinkLost):
            act(link)
        worst = max(worst, link.spent - before)
    assert worst <= device.longest, f"{worst} s"


@pytest.mark.parametrize("driver", [power_cec.Driver, power_dpms.Driver])
def test_a_tv_that_takes_its_time_for_every_command_is_within_the_drivers(
    driver: type[power_cec.Driver], tmp_path: Path
) -> None:
    answer = "Physical Address : 1.0.0.0\npwr-state: standby\nHDMI-A-1 x\n  Enabled: no\n"
    command = tmp_path / "cec-ctl"
    command.write_text(f"#!/bin/sh\necho $* >> {tmp_path}/asked\ncat <<.\n{answer}.\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    device, link = driver("tv", f"exec:{command}"), Link("", 0)
    device.power(True)
    for act in (device.attach, device.turn):
        (tmp_path / "asked").write_text("")
        with suppress(DeviceFault):
            act(link)
        asked = len((tmp_path / "asked").read_text().splitlines())
        assert 0 < asked * power_cec.PATIENCE <= device.longest
