"""Wires that are no tty: a USB printer through libusb or the kernel's /dev/usb/lp*, and SPI.

Both offer what a pyserial port offers to `Link`: timeout, read, write, close. Source: devices.md §3.
"""

import errno
import fcntl
import os
import re
import select
import struct
import time
from typing import Any

_PRINTER, _VENDORS, _BULK = 7, 0xFF, 2  # interface classes, a printer's and a vendor's own; transfer type
_PACKET = 512  # never read less than a packet
_SPI_SPEED = 0x40046B04  # SPI_IOC_WR_MAX_SPEED_HZ: a Pi's default is too fast for long chains
_WRITE = 2.0  # s: a printer that takes nothing for so long counts as lost


def _find(url: str) -> Any:
    """The device of `usb://VID:PID`, `usb://VID:PID/SERIAL` or `usb://port/BUS-PORT.PORT`.

    Its address changes with every power cycle, so it is looked for at every opening.
    """
    import usb.core

    named = re.fullmatch(r"usb://([0-9a-f]{4}):([0-9a-f]{4})(?:/(.+))?", url, re.IGNORECASE)
    port = re.fullmatch(r"usb://port/(\d+-[\d.]+)", url)
    if not named and not port:
        raise ValueError(f"usb://VID:PID, usb://VID:PID/SERIAL or usb://port/1-1.2, not {url}")

    def right(device: Any) -> bool:
        if port:
            return port[1] == f"{device.bus}-{'.'.join(map(str, device.port_numbers or ()))}"
        assert named
        if (device.idVendor, device.idProduct) != (int(named[1], 16), int(named[2], 16)):
            return False
        # Read only if one is asked for: a device without language ids has none (devices.md §2.7).
        return named[3] is None or _serial(device) == named[3]

    found = usb.core.find(custom_match=right)
    if found is None:
        raise OSError(errno.ENODEV, "no such USB device")
    return found


def _serial(device: Any) -> str:
    try:
        return str(device.serial_number)
    except ValueError:  # pyusb's word for a device without language ids
        return ""


def _printer(device: Any) -> tuple[Any, Any, Any]:
    """The interface that prints, its bulk endpoint out, and the one in, if it has one: of class 7, else
    of a vendor's own class, as Epson's 04b8:0202 has it (devices.md §2.7)."""
    from usb.core import USBError

    try:
        configuration = device.get_active_configuration()
    except USBError:  # nobody configured it yet, such as a hub that has just got its power
        device.set_configuration()
        configuration = device.get_active_configuration()
    for kind in (_PRINTER, _VENDORS):
        for interface in configuration:
            ends = [end for end in interface if end.bmAttributes & 3 == _BULK]
            out = next((end for end in ends if not end.bEndpointAddress & 0x80), None)
            if interface.bInterfaceClass == kind and out is not None:
                return interface, out, next((end for end in ends if end.bEndpointAddress & 0x80), None)
    raise OSError(errno.ENODEV, "no printer interface")


class UsbWire:
    """A USB printer's interface with its two bulk endpoints."""

    def __init__(self, url: str) -> None:
        import usb.util

        self._device, self.timeout, self._unread = _find(url), 0.0, b""
        interface, self._out, self._in = _printer(self._device)
        self._number = interface.bInterfaceNumber
        try:
            if self._device.is_kernel_driver_active(self._number):
                self._device.detach_kernel_driver(self._number)
        except NotImplementedError:
            pass
        usb.util.claim_interface(self._device, self._number)

    def read(self, size: int) -> bytes:
        from usb.core import USBError, USBTimeoutError

        if not self._in:
            time.sleep(self.timeout)  # a printer that cannot answer is silent
        elif not self._unread:
            try:  # 0 would be for ever
                self._unread = bytes(self._in.read(_PACKET, max(1, round(self.timeout * 1000))))
            except USBTimeoutError:
                return b""
            except USBError as error:
                self._resume(self._in, error)
                raise
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    def write(self, data: bytes) -> None:
        from usb.core import USBError

        while data:  # after an error nobody knows how much went out: it is raised
            try:
                data = data[self._out.write(data, round(_WRITE * 1000)) :]
            except USBError as error:
                self._resume(self._out, error)
                raise

    @staticmethod
    def _resume(end: Any, error: OSError) -> None:
        """A stalled endpoint takes nothing, also when it is opened again, until it is told to."""
        if error.errno == errno.EPIPE:
            end.clear_halt()

    def port_status(self) -> int:
        """GET_PORT_STATUS of the USB printer class."""
        return int(self._device.ctrl_transfer(0xA1, 1, 0, self._number, 1, 1000)[0])

    def close(self) -> None:
        import usb.util

        usb.util.dispose_resources(self._device)


class FileWire:
    """A character device: `lp:/dev/usb/lp0`, or `spi:/dev/spidev0.0`, where a write is a transfer."""

    def __init__(self, url: str) -> None:
        kind, _, path = url.partition(":")
        self._file, self.timeout = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY), 0.0
        if kind == "spi":
            fcntl.ioctl(self._file, _SPI_SPEED, struct.pack("I", 1_000_000))

    def read(self, size: int) -> bytes:
        if not select.select([self._file], [], [], self.timeout)[0]:
            return b""
        return os.read(self._file, size)

    def write(self, data: bytes) -> None:
        while data:
            if not select.select([], [self._file], [], _WRITE)[1]:
                raise TimeoutError(errno.ETIMEDOUT, "the printer takes nothing")
            data = data[os.write(self._file, data) :]

    def port_status(self) -> int:
        """The same, asked by the kernel: LPGETSTATUS of linux/lp.h."""
        return fcntl.ioctl(self._file, 0x060B, bytes(4))[0]

    def close(self) -> None:
        file, self._file = self._file, -1
        os.close(file)
