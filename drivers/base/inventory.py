"""What is plugged in and pulled out, as udev tells (devices.md §3). Nothing is ever mounted."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from drivers.base.device import Device, DeviceFault
from drivers.base.link import Link

LATELY = 10  # pieces of news that are kept
_STORAGE = ":08"  # USB class of sticks and disks, in udev's ID_USB_INTERFACES


class Inventory(Device):
    """Watches the USB ports of every real hall. `news`, newest first and replaced as a whole: when
    (monotonic), what (came, gone, moved), and the arguments of its sentence. A stick or disk is an alert."""

    wired = False
    longest = 15.0  # to list what is plugged in

    def __init__(self, urls: Mapping[str, str]) -> None:
        """`urls`: those of hall.toml, by device."""
        super().__init__("usb")
        self.news: tuple[tuple[float, str, dict[str, str]], ...] = ()
        self._urls = urls
        self._there: dict[str, Mapping[str, str]] = {}  # udev's properties by port, such as 1-1.2
        self._gone: dict[str, str] = {}  # what was last pulled out of a port

    def attach(self, link: Link) -> None:
        try:
            import pyudev

            context = pyudev.Context()
            self._monitor = pyudev.Monitor.from_netlink(context)
            self._monitor.start()
        except (ImportError, OSError) as error:
            raise DeviceFault("no_udev", again=60.0) from error
        there: Iterable[Any] = context.list_devices(subsystem="usb", DEVTYPE="usb_device")
        self._there = {device.sys_name: dict(device.properties) for device in there}

    def turn(self, link: Link) -> float:
        while (event := self._monitor.poll(timeout=0)) is not None:
            about = dict(event.properties)
            if about.get("DEVTYPE") == "usb_device":
                self._heard(event.sys_name, about)
        there = self._there.values()
        sticks = [_name(about) for about in there if _stranger(about)]
        self.report("degraded" if sticks else "up", "usb_storage" if sticks else "", "、".join(sticks))
        return 1.0

    def _heard(self, port: str, about: Mapping[str, str]) -> None:
        if about["ACTION"] == "add" and port not in self._there:
            self._there[port] = about
            # Of several equal ones, that which was here has come back.
            before = [old for old, name in self._gone.items() if name == _name(about)]
            old = before[0] if before and port not in before else port
            self._gone.pop(old, None)
            self._tell("came" if old == port else "moved", port, about, old)
        elif about["ACTION"] == "remove" and port in self._there:
            about = self._there.pop(port)
            self._gone[port] = _name(about)
            self._tell("gone", port, about, port)

    def _tell(self, what: str, port: str, about: Mapping[str, str], old: str) -> None:
        whose = [name for name, url in self._urls.items() if _fits(url, old, about)]
        arguments = {"device": " ".join([*whose, _name(about)]), "port": port, "old": old}
        self.news = ((time.monotonic(), what, arguments), *self.news)[:LATELY]
        self.on_health(self)  # the pages show it


def _stranger(about: Mapping[str, str]) -> bool:
    """A stick or disk; but not the backup disk, which udev knows (systemd/71-hallqueue-backup.rules)."""
    return _STORAGE in about.get("ID_USB_INTERFACES", "") and "HALLQUEUE_BACKUP" not in about


def _name(about: Mapping[str, str]) -> str:
    """`Gprinter USB_Printer (0416:5011)`; with its serial number, if it has one."""
    words = (about.get("ID_VENDOR", ""), about.get("ID_MODEL", ""), about.get("ID_SERIAL_SHORT", ""))
    number = f"({about.get('ID_VENDOR_ID', '?')}:{about.get('ID_MODEL_ID', '?')})"
    return " ".join(filter(None, (*words, number)))


def _fits(url: str, port: str, about: Mapping[str, str]) -> bool:
    """Does hall.toml mean this device by `url`: by its port, its name in by-id, or its numbers?"""
    number = f"usb://{about.get('ID_VENDOR_ID')}:{about.get('ID_MODEL_ID')}"
    by_id = f"usb-{about.get('ID_SERIAL', '?')}-"
    by_path = f"usb-0:{port.partition('-')[2]}:"
    return by_path in url or by_id in url or url.lower().startswith(number) or url == f"usb://port/{port}"
