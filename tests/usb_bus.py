"""A USB bus with a printer on it, as libusb shows it to pyusb (devices.md §3, USB printer class)."""

import errno
import threading
from types import SimpleNamespace
from typing import Any

import usb.backend
from usb.core import USBError, USBTimeoutError


class UsbBus(usb.backend.IBackend):  # type: ignore[misc]
    """One printer at bus 1, port 1.2. Its address changes with every plugging.

    What it may lack: `languages` of its strings, a `configuration`, an interface of the printer's `kind`,
    an endpoint `inwards`. `halted`: its endpoint stalls until it is cleared.
    """

    def __init__(self, machine: Any, serial: str | None = "SN001") -> None:
        super().__init__()
        self.languages, self.configuration, self.kind, self.inwards = True, 1, 7, True
        self.halted = False
        self.machine, self.plugged, self.busy, self.opened = machine, True, False, 0
        self.ends = 0x01, 0x82  # addresses of its endpoints: one out, one in
        self.stuck_after: int | None = None  # bytes after which nothing is taken any more
        self._serial, self._address, self.swallowed = serial, 1, 0
        self._said, self._news = b"", threading.Condition()

    def plug(self) -> None:
        self._address, self._said, self.plugged = self._address + 1, b"", True

    def unplug(self) -> None:
        with self._news:
            self.plugged = False
            self._news.notify_all()

    def poke(self) -> None:
        with self._news:
            self._said += self.machine.feed(b"")
            self._news.notify_all()

    def enumerate_devices(self) -> list[int]:
        return [self._address] if self.plugged else []

    def get_parent(self, dev: int) -> None:
        return None

    def get_device_descriptor(self, dev: int) -> Any:
        return SimpleNamespace(
            **{"bLength": 18, "bDescriptorType": 1, "bcdUSB": 0x200, "bDeviceClass": 0, "bDeviceSubClass": 0},
            **{"bDeviceProtocol": 0, "bMaxPacketSize0": 64, "idVendor": 0x0416, "idProduct": 0x5011},
            **{
                "bcdDevice": 0x100,
                "iManufacturer": 0,
                "iProduct": 0,
                "iSerialNumber": 3 if self._serial else 0,
            },
            **{"bNumConfigurations": 1, "address": dev, "bus": 1, "port_number": 2, "port_numbers": (1, 2)},
            **{"speed": 2},
        )

    def get_configuration_descriptor(self, dev: int, config: int) -> Any:
        if config:
            raise IndexError(config)
        return SimpleNamespace(
            **{"bLength": 9, "bDescriptorType": 2, "wTotalLength": 32, "bNumInterfaces": 1},
            **{"bConfigurationValue": 1, "iConfiguration": 0, "bmAttributes": 0xC0, "bMaxPower": 1},
            **{"extra_descriptors": []},
        )

    def get_interface_descriptor(self, dev: int, intf: int, alt: int, config: int) -> Any:
        if intf or alt or config:
            raise IndexError(intf)
        return SimpleNamespace(
            **{"bLength": 9, "bDescriptorType": 4, "bInterfaceNumber": 0, "bAlternateSetting": 0},
            **{"bNumEndpoints": 1 + self.inwards, "bInterfaceClass": self.kind},
            **{"bInterfaceSubClass": 1, "bInterfaceProtocol": 2, "iInterface": 0, "extra_descriptors": []},
        )

    def get_endpoint_descriptor(self, dev: int, ep: int, intf: int, alt: int, config: int) -> Any:
        return SimpleNamespace(
            **{"bLength": 7, "bDescriptorType": 5, "bEndpointAddress": self.ends[ep], "bmAttributes": 2},
            **{
                "wMaxPacketSize": 64,
                "bInterval": 0,
                "bRefresh": 0,
                "bSynchAddress": 0,
                "extra_descriptors": [],
            },
        )

    def open_device(self, dev: int) -> int:
        self._there(dev)
        self.opened += 1
        return dev

    def close_device(self, dev_handle: int) -> None:
        self.opened -= 1

    def get_configuration(self, dev_handle: int) -> int:
        return self.configuration

    def set_configuration(self, dev_handle: int, config_value: int) -> None:
        self.configuration = config_value

    def clear_halt(self, dev_handle: int, ep: int) -> None:
        self._there(dev_handle)
        self.halted = False

    def claim_interface(self, dev_handle: int, intf: int) -> None:
        self._there(dev_handle)
        if self.busy:
            raise USBError("busy", -6, errno.EBUSY)

    def release_interface(self, dev_handle: int, intf: int) -> None:
        pass

    def ctrl_transfer(
        self, dev: int, kind: int, request: int, value: int, index: int, data: Any, t: int
    ) -> int:
        """GET_DESCRIPTOR of the strings: the languages, the serial number; GET_PORT_STATUS."""
        self._there(dev)
        if (kind, request) == (0xA1, 1):
            empty, ill = self.machine.paper_out, self.machine.paper_out or self.machine.cover_open
            data[0] = 0x10 | 0x20 * empty | 0x08 * (not ill)  # devices.md §2.4
            return 1
        languages = b"\x09\x04" if self.languages else b""
        text = languages if value & 0xFF == 0 else (self._serial or "").encode("utf-16-le")
        answer = bytes([len(text) + 2, 3]) + text
        data[: len(answer)] = type(data)("B", answer)
        return len(answer)

    def bulk_write(self, dev: int, ep: int, intf: int, data: Any, timeout: int) -> int:
        self._there(dev)
        if self.halted:
            raise USBError("Pipe error", -9, errno.EPIPE)
        with self._news:
            room = len(data) if self.stuck_after is None else max(0, self.stuck_after - self.swallowed)
            taken = bytes(data)[:room]
            self.swallowed += len(taken)
            if not self.machine.deaf:
                self._said += self.machine.feed(taken)
            if not taken:
                raise USBTimeoutError("timeout", -7, errno.ETIMEDOUT)
            self._news.notify_all()
        return len(taken)

    def bulk_read(self, dev: int, ep: int, intf: int, buff: Any, timeout: int) -> int:
        with self._news:
            self._news.wait_for(lambda: self._said or not self.plugged, timeout / 1000)
            self._there(dev)
            if not self._said:
                raise USBTimeoutError("timeout", -7, errno.ETIMEDOUT)
            part, self._said = self._said[: len(buff)], self._said[len(buff) :]
            buff[: len(part)] = type(buff)("B", part)
            return len(part)

    def _there(self, dev: int) -> None:
        if not self.plugged or dev != self._address:
            raise USBError("gone", -4, errno.ENODEV)
