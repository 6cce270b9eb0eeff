"""What is plugged in and out: real netlink messages as udev sends them, read by the real pyudev."""

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from conftest import EXAMPLE, MONDAY
from wait import until

from controller.app import running as roof
from controller.journal.store import Store
from controller.runtime.clock import FakeClock
from controller.settings.reader import parse
from controller.simulated.simulation import Simulation
from drivers.base.inventory import Inventory
from drivers.base.load import load
from drivers.base.port import Port

_GROUP = 2  # of those who listen to udev, not to the kernel
_UEVENT, _MAGIC = 15, 0xFEEDCAFE  # NETLINK_KOBJECT_UEVENT; of libudev

STICK = {"ID_VENDOR": "Kingston", "ID_MODEL": "DataTraveler", "ID_USB_INTERFACES": ":080650:"}
CH340 = {"ID_VENDOR": "1a86", "ID_MODEL": "USB2.0-Serial", "ID_USB_INTERFACES": ":ff0102:"}
CH340 |= {"ID_VENDOR_ID": "1a86", "ID_MODEL_ID": "7523", "ID_SERIAL": "1a86_USB2.0-Serial"}


# What one test says as udevd, every process of this machine hears.
pytestmark = pytest.mark.xdist_group("udevd")


def tell(action: str, port: str, about: dict[str, str]) -> None:
    """Send what systemd-udevd sends: its head (libudev-monitor.c), then the properties."""
    path = f"/devices/platform/xhci/usb1/{port}"
    all_ = {"ACTION": action, "DEVPATH": path, "SUBSYSTEM": "usb", "DEVTYPE": "usb_device", "SEQNUM": "7"}
    body = b"".join(f"{key}={value}\0".encode() for key, value in (all_ | about).items())
    head = b"libudev\0" + struct.pack("!I", _MAGIC) + struct.pack("=7I", 40, 40, len(body), 0, 0, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _UEVENT) as udevd:
        udevd.sendto(head + body, (0, _GROUP))


@pytest.fixture(autouse=True)
def udevd() -> None:
    """Only root may speak as udevd does."""
    if os.geteuid():
        reason = "only root may send udev's messages"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@pytest.fixture
def watch() -> Iterator[Inventory]:
    urls = {"unit1": "/dev/serial/by-path/platform-xhci-usb-0:1.2:1.0-port0"}
    watch = Inventory(urls | {"printer": "usb://0416:5011"})
    port = Port("", 0, [watch], 1.0)
    port.start()
    until(lambda: watch.health.state == "up")
    yield watch
    port.stop()


def heard(watch: Inventory, what: str) -> dict[str, str]:
    until(lambda: watch.wake() or (watch.news and watch.news[0][1] == what))
    return watch.news[0][2]


def test_a_device_that_comes_and_goes_is_named_with_its_name_in_hall_toml(watch: Inventory) -> None:
    tell("add", "1-1.2", CH340)
    came = heard(watch, "came")
    assert came == {"device": "unit1 1a86 USB2.0-Serial (1a86:7523)", "port": "1-1.2", "old": "1-1.2"}
    tell("remove", "1-1.2", {})  # of a device that has gone, udev knows little
    assert heard(watch, "gone")["device"] == came["device"]
    assert watch.health.state == "up"


def test_a_device_that_moved_is_named_with_both_ports(watch: Inventory) -> None:
    tell("add", "1-1.2", CH340)
    tell("remove", "1-1.2", {})
    tell("add", "1-1.4", CH340)
    moved = heard(watch, "moved")
    assert (moved["old"], moved["port"]) == ("1-1.2", "1-1.4")
    assert moved["device"].startswith("unit1 "), "the device whose port in hall.toml is empty now"


def test_of_two_equal_sticks_none_has_moved_that_came_back_to_its_port(watch: Inventory) -> None:
    for action in ("add", "remove", "add"):
        for port in ("1-1.2", "1-1.3"):
            tell(action, port, CH340)
    until(lambda: watch.wake() or len(watch.news) == 6)
    assert [(what, told["port"]) for _, what, told in list(watch.news)[:2]] == [
        ("came", "1-1.3"),
        ("came", "1-1.2"),
    ]


def test_a_printer_is_known_by_its_numbers(watch: Inventory) -> None:
    tell("add", "1-1.3", {"ID_MODEL": "POS", "ID_VENDOR_ID": "0416", "ID_MODEL_ID": "5011"})
    assert heard(watch, "came")["device"] == "printer POS (0416:5011)"


def test_a_stick_is_an_alert_until_it_is_pulled_out(watch: Inventory) -> None:
    tell("add", "1-1.1", STICK)
    until(lambda: watch.wake() or watch.health.state == "degraded")
    assert (watch.health.code, watch.health.detail) == ("usb_storage", "Kingston DataTraveler (?:?)")
    tell("remove", "1-1.1", STICK)
    until(lambda: watch.wake() or watch.health.state == "up")


def test_the_backup_disk_that_udev_knows_is_no_alert(watch: Inventory) -> None:
    tell("add", "1-1.1", STICK | {"ID_MODEL": "Backup", "HALLQUEUE_BACKUP": "1"})
    assert heard(watch, "came")["device"] == "Kingston Backup (?:?)"
    tell("add", "1-1.2", STICK)
    until(lambda: watch.wake() or watch.health.state == "degraded")
    assert watch.health.detail == "Kingston DataTraveler (?:?)"


def mounts() -> list[str]:
    """What is mounted on this machine, but for the disks that other tests make for themselves."""
    return [line for line in Path("/proc/mounts").read_text().splitlines() if "/pytest-of-" not in line]


def test_the_status_page_of_a_real_hall_says_it_and_nothing_was_mounted(tmp_path: Path) -> None:
    before = mounts()
    (tmp_path / "wires").mkdir()
    clock = FakeClock(MONDAY)
    devices = Simulation(parse(EXAMPLE.read_bytes(), load), tmp_path / "wires", clock)
    site = roof.Site(tmp_path / "data", clock, roof.listen("127.0.0.1", 0))  # no twin: as `hallqueue run`
    with roof.running(devices.plan, Store(tmp_path / "data" / "journal.db"), site) as house:
        assert house.watch
        until(lambda: house.watch.health.state == "up")  # type: ignore[union-attr]
        tell("add", "1-1.1", STICK)
        until(lambda: house.watch.wake() or house.watch.health.state == "degraded")  # type: ignore
        page = urlopen("http://{}:{}/".format(*site.listener.getsockname())).read().decode()
        assert "有不认识的 U 盘或硬盘插着：Kingston DataTraveler" in page
        assert "Kingston DataTraveler (?:?) 插上了，在 1-1.1 口" in page
    devices.close()
    assert mounts() == before
