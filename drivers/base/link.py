"""One link over any pyserial URL; the one place that turns transport errors into LinkLost."""

import errno
import io
import termios
import time
from collections.abc import Callable
from typing import Any

import serial

from drivers.base.usbwire import FileWire, UsbWire

# Three unrelated families; termios.error is not an OSError (devices.md §4).
_CODES = {errno.EACCES: "no_permission", errno.EBUSY: "device_busy", errno.EAGAIN: "device_busy"}
_ERRORS = (serial.SerialException, OSError, termios.error)


WRITE = 2.0  # s after which a wire that takes nothing is lost


class LinkLost(OSError):
    """The wire is gone. All devices on it are affected; the port reopens it. `code`: why."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        number = getattr(error, "errno", None)
        # What is no trouble of a wire is trouble with its url: one that this program cannot open.
        self.code = _CODES.get(number or 0, "cable" if isinstance(error, _ERRORS) else "bad_wire")
        if type(error).__name__ == "NoBackendError":
            self.code = "no_libusb"


class Link:
    """An open wire, owned by its port's thread. Every method raises LinkLost when it is gone."""

    tape: Callable[[str, bytes], None] | None = None  # hears all that goes "out" and comes "in"

    def __init__(self, url: str, baudrate: int) -> None:
        """`url`: a tty path, a pyserial URL (`socket://host:port`), `usb://0416:5011`,
        `lp:/dev/usb/lp0` or `spi:/dev/spidev0.0` (drivers/base/usbwire.py), or empty for devices that
        need no wire (GPIO pins, a command); `baudrate` in bit/s, 8N1."""
        self.baudrate = baudrate if url.startswith("/") else 10_000_000  # a network's
        # What units said that speak unasked, by address: whoever reads the wire sorts for all.
        self.letters: dict[bytes, list[bytes]] = {}
        self.heard = bytearray()  # the beginning of what one of them is still saying
        self.echoes = 0  # how often what was sent came back before the answer: an adapter that hears itself
        self._wire: Any = io.BytesIO()
        self._closed = False
        try:
            if not url:
                return
            if url.startswith(("usb:", "lp:", "spi:")):
                self._wire = UsbWire(url) if url.startswith("usb:") else FileWire(url)
                return
            self._wire = serial.serial_for_url(url, do_not_open=True)
            self._wire.baudrate = baudrate
            self._wire.write_timeout = WRITE
            if url.startswith("/"):
                self._wire.exclusive = True  # flock keeps two daemons off one tty
            self._wire.open()
        except (*_ERRORS, ValueError) as error:
            raise LinkLost(error) from error

    def write(self, data: bytes) -> None:
        """Hand all of `data` to the wire; one that takes nothing for 2 s counts as lost."""
        try:
            for start in range(0, len(data), 512):  # 0.5 s each at 9600 bit/s
                self._check()
                self._wire.write(data[start : start + 512])
        except _ERRORS as error:
            raise LinkLost(error) from error
        if self.tape:
            self.tape("out", data)

    def read(self, size: int, seconds: float) -> bytes:
        """Up to `size` bytes; fewer, or none, when `seconds` have passed."""
        deadline = time.monotonic() + seconds
        data = b""
        while len(data) < size:
            left = deadline - time.monotonic()
            try:
                self._check()
                self._wire.timeout = max(0.0, min(left, 0.5))
                data += self._wire.read(size - len(data))
            except _ERRORS as error:
                raise LinkLost(error) from error
            if left <= 0:
                break
        if data and self.tape:
            self.tape("in", data)
        return data

    def drain(self) -> bytes:
        """What has come in and nobody asked for: late answers, noise."""
        return self.read(4096, 0.0)

    def port_status(self) -> int | None:
        """What a USB printer's port tells: 20 no paper, 08 no error; None on any other wire."""
        try:
            self._check()
            return self._wire.port_status() if hasattr(self._wire, "port_status") else None
        except _ERRORS as error:
            raise LinkLost(error) from error

    def seconds_for(self, size: int) -> float:
        """How long `size` bytes are under way at 10 bits a byte."""
        return size * 10 / self.baudrate

    def _check(self) -> None:
        """Who hung until it was closed must not reach what it was: pyusb opens it again by itself, and a
        file's number may be another one's by now."""
        if self._closed:
            raise OSError(errno.EBADF, "closed")

    def close(self) -> None:
        """Let the wire go; also from outside, when its port hangs."""
        self._closed = True
        try:
            self._wire.close()
        except _ERRORS:
            pass  # a vanished tty raises here too, and there is nothing left to close


def _divided(byte: int) -> int:
    """The remainder of one byte by the polynomial A001 (reflected)."""
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


_REMAINDERS = [_divided(byte) for byte in range(256)]  # a call unit is asked twenty times a second


def crc16(data: bytes, start: int) -> bytes:
    """CRC-16, polynomial A001 reflected, low byte first: Modbus (start FFFF) and ARC (start 0)."""
    value = start
    for byte in data:
        value = value >> 8 ^ _REMAINDERS[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def gbk(text: str, encoding: str = "gbk") -> bytes:
    """`text` for a device's own Chinese characters, gbk or gb18030: a box for what it lacks; nothing
    for control characters, which would be commands."""
    shown = "".join(c for c in text if c >= " " and c != "\x7f")
    return b"".join(c.encode(encoding, "ignore") or b"\xa1\xf5" for c in shown)
