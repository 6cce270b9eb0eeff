"""USB number pads as call units: the kernel's input events, read by ourselves (devices.md §6.6).

Enter calls next, + again, * start, . complete, - no show, / pause, Num Lock signs out. Digits typed
before a key go with it: 工号 Enter opens the window, 12 Enter calls number 12, 3 + transfers to window 3.

Maturity: sketch.
"""

import errno
import fcntl
import os
import select
import struct
import time

from drivers.base.kinds import Button
from drivers.base.link import Link, LinkLost

_RECORD = struct.Struct("llHHi")  # struct input_event: time, type, code, value
_GRAB = 0x40044590  # EVIOCGRAB: nobody else, such as the kiosk's browser, hears this pad
_EV_KEY, _DOWN = 1, 1
_DIGITS = dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True))
KEYS = {
    **{96: "next", 28: "next", 78: "recall", 55: "start", 83: "complete"},
    **{74: "no_show", 98: "pause", 69: "sign_out"},
}
TYPED = 10.0  # s after which digits that no key followed are forgotten


class Driver(Button):
    """One pad. `url`: its path in /dev/input/by-path, so that equal pads keep their windows."""

    urls = ("path",)
    wired = False
    longest = 5.0  # to open it; a look takes 0.2 s

    def __init__(self, name: str, url: str) -> None:
        super().__init__(name)
        self.path, self._pad = url, -1
        self._heard, self._digits, self._until = b"", "", 0.0

    def turn(self, link: Link) -> float:
        try:
            if self._pad < 0:
                self._open()
            # Waits here, not in the port: a press is read at once, and a stop waits 0.2 s at most.
            if select.select([self._pad], [], [], 0.2)[0]:
                data = os.read(self._pad, 64 * _RECORD.size)
                if not data:
                    raise OSError(errno.ENODEV, "closed")
                self.hear(data)
        except OSError as error:
            self.close()
            raise LinkLost(error) from error
        return 0.0

    def _open(self) -> None:
        self._pad = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            fcntl.ioctl(self._pad, _GRAB, 1)
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.EINVAL):  # it is no input device: a simulated one
                raise
        self._heard, self._digits = b"", ""
        try:  # what was typed while nobody listened is no press
            while os.read(self._pad, 4096):
                pass
        except BlockingIOError:
            pass

    def hear(self, data: bytes) -> None:
        self._heard += data
        whole = len(self._heard) // _RECORD.size * _RECORD.size
        records, self._heard = self._heard[:whole], self._heard[whole:]
        for _, _, kind, code, value in _RECORD.iter_unpack(records):
            if kind != _EV_KEY or value != _DOWN:  # a release, a repeat, what is no key
                continue
            now = time.monotonic()
            typed = self._digits if now < self._until else ""
            self._digits, self._until = "", now + TYPED
            if code in _DIGITS:
                self._digits = (typed + _DIGITS[code])[-12:]
            elif code in KEYS:
                self.press(KEYS[code], typed)

    def close(self) -> None:
        pad, self._pad = self._pad, -1
        if pad >= 0:
            os.close(pad)
