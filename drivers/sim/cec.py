"""A TV on HDMI-CEC: `python -m drivers.sim.cec HOST PORT` is the cec-ctl that talks to it.

Opcodes and words as cec-ctl prints them (hardware.md §8).
"""

import socket
import sys

from drivers.sim.wire import Machine


class Television(Machine):
    """Hears one line of cec-ctl's options; `stubborn`: answers, and does not obey."""

    command = True
    knobs = ("deaf", "stubborn")

    def __init__(self) -> None:
        self.on, self.stubborn, self._heard = False, False, b""

    def url(self, wire: str) -> str:
        host, port = wire.removeprefix("socket://").split(":")
        return f"exec:{sys.executable} -m drivers.sim.cec {host} {port}"

    def face(self) -> dict[str, object]:
        return {"text": "TV ●" if self.on else "TV ○"}

    def feed(self, data: bytes) -> bytes:
        self._heard += data
        *lines, self._heard = self._heard.split(b"\n")
        answer = b""
        for line in lines:
            words = line.decode("ascii", "replace").split()
            if not self.stubborn and ("--image-view-on" in words or "--standby" in words):
                self.on = "--image-view-on" in words
            if "--give-device-power-status" in words:
                state = "on (0x00)" if self.on else "standby (0x01)"
                answer += f"    REPORT_POWER_STATUS (0x90):\tpwr-state: {state}".encode()
            answer += b"\n"
        return answer


if __name__ == "__main__":
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2.0) as television:
        television.sendall(" ".join(sys.argv[3:]).encode() + b"\n")
        print(television.makefile().readline())
