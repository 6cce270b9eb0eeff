"""Sixty-four units on one bus, counted in rounds of polls, not in seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from wait import until

from drivers.base.kinds import Press
from drivers.base.port import Port
from drivers.callunit_modbus import Driver
from drivers.sim.callunit import CallUnit
from drivers.sim.wire import Wire

UNITS = 64
pytestmark = pytest.mark.slow


class Counting(CallUnit):
    """Counts how often its keys were asked for."""

    asked = 0

    def serve(self, function: int, start: int, count: int, request: bytes) -> bytes:
        self.asked += function == 2
        return super().serve(function, start, count, request)


class Bus:
    def __init__(self, path: Path) -> None:
        self.units = [Counting(n) for n in range(1, UNITS + 1)]
        self.wire = Wire(path, *self.units)
        self.drivers = [Driver(f"unit{n}", n, every=0.0, timeout=0.2) for n in range(1, UNITS + 1)]
        self.port = Port(self.wire.url, 115200, self.drivers, 0.1)
        self.heard: list[tuple[Press, list[int]]] = []
        for driver in self.drivers:
            driver.emit = lambda press: self.heard.append((press, self.asked()))
        self.port.start()
        until(lambda: all(driver.health.state == "up" for driver in self.drivers))

    def asked(self) -> list[int]:
        return [unit.asked for unit in self.units]


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    bus = Bus(tmp_path / "bus")
    yield bus
    bus.port.stop()
    bus.wire.unplug()


@pytest.mark.parametrize("unit", [1, 40, 64])
def test_a_press_is_heard_within_one_round_of_polls(bus: Bus, unit: int) -> None:
    before = bus.asked()
    bus.units[unit - 1].press(0)
    until(lambda: bus.heard)
    press, after = bus.heard[0]
    assert press.device == f"unit{unit}"
    # The round that was under way when the key went down, and the one that heard it.
    assert max(b - a for a, b in zip(before, after, strict=True)) <= 2


def test_a_dead_unit_costs_the_others_no_more_than_its_share(bus: Bus) -> None:
    dead = bus.units[30]
    dead.address = 200  # its place on the bus is empty now
    until(lambda: bus.drivers[30].health.code == "silent")
    before, tries = bus.asked(), []
    driver, turn = bus.drivers[30], bus.drivers[30].turn
    driver.turn = lambda link: (tries.append(1), turn(link))[1]  # type: ignore[method-assign]

    def rounds() -> int:
        return min(b - a for i, (a, b) in enumerate(zip(before, bus.asked(), strict=True)) if i != 30)

    until(lambda: rounds() > 15)
    assert len(tries) * 4 <= rounds(), "asked again after five seconds, not in every round"
    assert bus.heard == []
