"""USB printers: found by number, serial or port, again after a power cycle; each trouble with its cure."""

import time
from collections.abc import Iterator

import pytest
import usb.backend.libusb1
from usb_bus import UsbBus
from wait import until

from drivers.base.link import Link, LinkLost
from drivers.base.paper import Page
from drivers.base.port import Port
from drivers.base.usbwire import UsbWire
from drivers.printer_escpos import Driver
from drivers.sim.printer import Printer


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> UsbBus:
    bus = UsbBus(Printer())
    monkeypatch.setattr(usb.backend.libusb1, "get_backend", lambda *_, **__: bus)
    return bus


@pytest.fixture
def printer(bus: UsbBus) -> Iterator[Driver]:
    driver = Driver("printer", every=0.05, patience=0.4)
    port = Port("usb://0416:5011", 9600, [driver], 0.1)
    port.start()
    until(lambda: driver.health.state == "up")
    yield driver
    port.stop()


@pytest.mark.parametrize("url", ["usb://0416:5011", "usb://0416:5011/SN001", "usb://port/1-1.2"])
def test_a_printer_is_found_by_number_serial_or_port(bus: UsbBus, url: str) -> None:
    link = Link(url, 9600)
    link.write(b"\x10\x04\x01")
    assert link.read(1, 5.0) == b"\x12"
    link.close()
    assert bus.opened == 0


@pytest.mark.parametrize(
    "url", ["usb://0416:5012", "usb://0416:5011/SN002", "usb://port/1-1.3", "usb://printer"]
)
def test_another_printer_is_not_taken(bus: UsbBus, url: str) -> None:
    with pytest.raises(LinkLost):
        Link(url, 9600)


def test_what_takes_no_bytes_is_no_printer(bus: UsbBus) -> None:
    bus.ends = 0x81, 0x82  # such as a scanner that says it is one
    with pytest.raises(LinkLost) as lost:
        Link("usb://0416:5011", 9600)
    assert lost.value.code == "cable"


@pytest.mark.parametrize(
    ("lack", "value"), [("languages", False), ("configuration", 0), ("kind", 0xFF), ("halted", True)]
)
def test_what_a_printer_lacks_and_nobody_needs_keeps_no_ticket(bus: UsbBus, lack: str, value: int) -> None:
    setattr(bus, lack, value)
    driver, answers = Driver("printer", every=0.05, patience=0.4), list[str]()
    port = Port("usb://0416:5011", 9600, [driver], 0.05)
    port.start()
    until(lambda: driver.wake() or driver.health.state == "up")
    driver.print(lambda: Page(()), answers.append)
    until(lambda: answers)
    port.stop()
    assert answers == ["confirmed"]


def test_an_endpoint_that_stalls_in_the_middle_of_a_ticket_is_told_and_goes_on(
    bus: UsbBus, printer: Driver
) -> None:
    answers: list[str] = []

    def page() -> Page:  # drawn after the questions, just before its bytes go out
        bus.halted = True
        return Page(())

    printer.print(page, answers.append)
    until(lambda: answers == ["unconfirmed"])
    until(lambda: printer.wake() or printer.health.state == "up")
    printer.print(lambda: Page(()), answers.append)
    until(lambda: answers == ["unconfirmed", "confirmed"])


def test_a_printer_without_an_endpoint_inwards_prints_and_a_read_waits(bus: UsbBus) -> None:
    bus.inwards = False
    link = Link("usb://0416:5011", 9600)
    link.write(b"\x1b@")
    link.close()
    wire, before = UsbWire("usb://0416:5011"), time.monotonic()
    wire.timeout = 0.05
    assert wire.read(1) == b""
    assert time.monotonic() - before >= 0.05, "it waits, it does not spin"
    wire.close()


def test_a_serial_number_that_cannot_be_read_is_another_printers(bus: UsbBus) -> None:
    bus.languages = False
    with pytest.raises(LinkLost, match="no such USB device"):
        Link("usb://0416:5011/SN001", 9600)


def test_a_wire_that_was_closed_is_not_opened_again_by_who_still_holds_it(bus: UsbBus) -> None:
    link = Link("usb://0416:5011", 9600)
    link.close()
    for act in (lambda: link.write(b"x"), lambda: link.read(1, 0.0), link.port_status):
        with pytest.raises(LinkLost):
            act()
    assert (bus.opened, bus.swallowed) == (0, 0)


def test_off_and_on_gives_a_new_address_and_the_printer_is_found(bus: UsbBus, printer: Driver) -> None:
    for _ in range(5):
        bus.unplug()
        until(lambda: (printer.health.state, printer.health.code) == ("down", "cable"))
        bus.plug()
        printer.wake()
        until(lambda: printer.health.state == "up")
    assert bus.opened == 1


def test_a_printer_that_stops_taking_bytes_leaves_the_page_unconfirmed(bus: UsbBus, printer: Driver) -> None:
    answers: list[str] = []

    def page() -> Page:  # drawn after the questions, just before its bytes go out
        bus.stuck_after = bus.swallowed + 20
        return Page(())

    printer.print(page, answers.append)
    until(lambda: answers)
    assert answers == ["unconfirmed"]


def test_a_printer_that_another_program_holds_says_so(bus: UsbBus) -> None:
    bus.busy = True
    driver = Driver("printer")
    port = Port("usb://0416:5011", 9600, [driver], 0.1)
    port.start()
    until(lambda: driver.health.code == "device_busy")
    bus.busy = False
    driver.wake()
    until(lambda: driver.health.state == "up")
    port.stop()


def test_without_libusb_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("libusb1", "openusb", "libusb0"):
        monkeypatch.setattr(f"usb.backend.{library}.get_backend", lambda *_, **__: None)
    with pytest.raises(LinkLost) as lost:
        Link("usb://0416:5011", 9600)
    assert lost.value.code == "no_libusb"


def test_a_tty_without_permission_or_in_use_is_named() -> None:
    assert LinkLost(PermissionError(13, "no")).code == "no_permission"
    assert LinkLost(BlockingIOError(11, "locked")).code == "device_busy"
