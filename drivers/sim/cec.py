"""A TV on HDMI: `python -m drivers.sim.cec HOST PORT` is the cec-ctl or wlr-randr that talks to it.

Opcodes and words as cec-ctl prints them (devices.md §8), outputs as wlr-randr 0.2.0 does.
"""

import socket
import sys
from itertools import takewhile

from drivers.sim.wire import Machine

_ORDERS = {"--image-view-on": True, "--standby": False, "--on": True, "--off": False}


class Television(Machine):
    """Hears one line of options; answers lines and an empty one. `stubborn`: does not obey; `dozing`:
    answers no question in standby; `mute`: never."""

    command = "drivers.sim.cec"
    knobs = ("deaf", "stubborn")

    def __init__(self) -> None:
        self.on = self.stubborn = self.mute = self.dozing = False
        self._heard = b""

    def face(self) -> dict[str, object]:
        return {"text": "TV ●" if self.on else "TV ○"}

    def feed(self, data: bytes) -> bytes:
        self._heard += data
        *lines, self._heard = self._heard.split(b"\n")
        return b"".join(self.said(line.decode("ascii", "replace").split()) + b"\n" for line in lines)

    def said(self, words: list[str]) -> bytes:
        for word, on in _ORDERS.items():
            self.on = on if word in words and not self.stubborn else self.on
        if "--give-device-power-status" in words:
            if self.mute or (self.dozing and not self.on):
                return b"\tTx, Not Acknowledged (4), Max Retries\n"
            state = "on (0x00)" if self.on else "standby (0x01)"
            return f"    REPORT_POWER_STATUS (0x90):\tpwr-state: {state}\n".encode()
        if not words:
            return f'HDMI-A-1 "TV"\n  Enabled: {"yes" if self.on else "no"}\n'.encode()
        return b""


if __name__ == "__main__":
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=0.5) as television:
        television.sendall(" ".join(sys.argv[3:]).encode() + b"\n")
        for line in takewhile("\n".__ne__, television.makefile()):
            print(line, end="")
