"""A loudspeaker: `python -m drivers.sim.voice HOST PORT` is the command that the driver starts,
and hands its input to the Speaker, which keeps what was said."""

import socket
import sys

from drivers.sim.wire import Machine


class Speaker(Machine):
    """Keeps the sentences, or the sounds (WAV), it was given; answers each, so that the command ends."""

    command = "drivers.sim.voice"
    knobs = ("deaf", "broken")

    def __init__(self) -> None:
        self.spoken: list[str] = []
        self.sounds: list[bytes] = []
        self.broken = False
        self._heard = b""

    def face(self) -> dict[str, object]:
        return {"spoken": list(self.spoken)}

    def feed(self, data: bytes) -> bytes:
        self._heard += data
        if self._heard[:4] == b"RIFF":
            size = int.from_bytes(self._heard[4:8], "little") + 8
            if len(self._heard) < size:
                return b""
            if not self.broken:
                self.sounds = [*self.sounds, self._heard[:size]][-100:]
                self.spoken = [*self.spoken, f"♪ {size} B"][-100:]
            self._heard = b""
            return b"-" if self.broken else b"+"
        *lines, self._heard = self._heard.split(b"\n")
        if not self.broken:
            self.spoken += [line.decode("utf-8", "replace") for line in lines]
            del self.spoken[:-100]
        return (b"-" if self.broken else b"+") * len(lines)


if __name__ == "__main__":
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as speaker:
        speaker.sendall(sys.stdin.buffer.read())
        sys.exit(speaker.recv(1) != b"+")
