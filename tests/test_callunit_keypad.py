"""USB number pads: each key once, digits go with the next key, nothing old, several equal pads."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Hall
from wait import until

from drivers.base.port import Port
from drivers.callunit_keypad import Driver
from drivers.sim.keypad import Keypad
from drivers.sim.wire import Wire

# devices.md §6.6: KPENTER 96 pressed, 64-bit struct input_event
ENTER = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 60 00 01 00 00 00"


class Pads:
    def __init__(self, folder: Path) -> None:
        self.machines = [Keypad(), Keypad()]
        self.wires = [Wire(folder / f"pad{n}", pad) for n, pad in enumerate(self.machines)]
        self.drivers = [Driver(f"pad{n}", wire.url) for n, wire in enumerate(self.wires)]
        self.presses: list[tuple[str, str, str]] = []
        for driver in self.drivers:
            driver.emit = lambda press: self.presses.append((press.device, press.key, press.number))
        self.ports = [Port("", 9600, [driver], 0.1) for driver in self.drivers]
        for port in self.ports:
            port.start()
        for n in (0, 1):
            self.healthy(n)

    def healthy(self, n: int) -> None:
        until(lambda: self.drivers[n].health.state == "up")

    def type(self, n: int, *pressed: str) -> None:
        for key in pressed:
            self.machines[n].tap(key)
            until(lambda: self.wires[n].poke() or not self.machines[n].unsaid)


@pytest.fixture
def pads(tmp_path: Path) -> Iterator[Pads]:
    pads = Pads(tmp_path)
    yield pads
    for port, wire in zip(pads.ports, pads.wires, strict=True):
        port.stop()
        wire.unplug()


def test_a_key_is_the_kernels_record() -> None:
    pad = Keypad()
    pad.tap("next")
    assert pad.feed(b"")[24:48] == bytes.fromhex(ENTER)


def test_equal_pads_keep_their_places_and_digits_go_with_the_next_key(pads: Pads) -> None:
    pads.type(0, *"1002", "next")
    pads.type(1, "recall")
    pads.type(0, "pause")
    until(lambda: len(pads.presses) == 3)
    assert ("pad1", "recall", "") in pads.presses
    assert [press for press in pads.presses if press[0] == "pad0"] == [
        ("pad0", "next", "1002"),
        ("pad0", "pause", ""),
    ]


@pytest.mark.parametrize("knob", ["repeat", "half"])
def test_a_key_held_or_reported_in_halves_is_one_press(pads: Pads, knob: str) -> None:
    setattr(pads.machines[0], knob, True)
    pads.type(0, "next", "recall")
    until(lambda: len(pads.presses) == 2)
    assert [key for _, key, _ in pads.presses] == ["next", "recall"]


def test_erase_takes_back_what_was_typed(pads: Pads) -> None:
    pads.type(0, "7", "erase", "next")
    until(lambda: pads.presses)
    assert pads.presses == [("pad0", "next", "")]


def test_unplugged_and_back_no_old_press_and_no_descriptor_left(pads: Pads) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        pads.type(0, "5")
        pads.wires[0].unplug()
        until(lambda: pads.drivers[0].health.code == "cable")
        pads.wires[0].plug()
        pads.drivers[0].wake()
        pads.healthy(0)
    pads.type(0, "next")
    until(lambda: pads.presses)
    assert pads.presses == [("pad0", "next", "")]
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_hall_with_a_pad_at_window_1(start_hall: Callable[..., Hall]) -> None:
    from conftest import EXAMPLE

    stanza = 'driver = "callunit_keypad"\nurl = "/dev/input/by-path/pad-1"\nwindow = "1"\n'
    hall = start_hall(EXAMPLE.read_text() + "\n[device.pad1]\n" + stanza)
    for key in (*"77", "next"):
        hall.machine("pad1").tap(key)
    until(lambda: hall.twin.wires["pad1"].poke() or hall.state.window("1").clerk == "77")
    hall.take()
    hall.press("pad1", "next")
    until(lambda: hall.state.window("1").ticket == "A001")

    def typed(*taps: str) -> None:
        for key in taps:
            hall.machine("pad1").tap(key)

    def is_at(window: str, ticket: str) -> None:
        pad = hall.twin.wires["pad1"]
        until(lambda: pad.poke() or hall.state.window(window).ticket == ticket)

    for _ in range(2):
        hall.take()
    hall.twin.clock(1, None)
    typed("3", "next")
    is_at("1", "A003")  # out of order, because the clerk named it
    hall.press("unit3", "next")
    until(lambda: hall.state.window("3").clerk)
    typed("3", "recall")
    is_at("1", "")
    assert hall.call("3") == "A002", "it keeps its time: it came later than A002"
    hall.twin.clock(1, None)
    assert hall.call("3") == "A003"
    until(lambda: "A003" in hall.machine("sign3").text)
