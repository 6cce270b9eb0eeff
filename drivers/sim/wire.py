"""Wires that give machines life: a pty behind a stable path, or a TCP port.

The real driver opens them like the real thing; `unplug` gives it a true EIO or a closed socket.
"""

import os
import pty
import select
import socket
import threading
import tty
from pathlib import Path


class Machine:
    """A device from its manual: bytes in, bytes out. Its knobs are plain attributes."""

    knobs: tuple[str, ...] = ("deaf",)
    deaf = False  # hears nothing, so it answers nothing

    def url(self, wire: str) -> str:
        """What hall.toml says to reach this machine on a wire of that url."""
        return wire

    def feed(self, data: bytes) -> bytes:
        """What the device answers to `data`; `feed(b"")` asks for what a turned knob releases."""
        raise NotImplementedError


class Wire:
    """One wire with the machines on it: each hears every byte. Owns the thread that carries.

    `noise` = n flips the lowest bit of every n-th byte, both ways; 0 is a clean wire.
    """

    url: str

    def __init__(self, *machines: Machine) -> None:
        self.machines = machines
        self.noise = 0
        self.carried = 0  # bytes, both ways, since noise was last set to 0
        self._woken, self._waker = os.pipe()
        self._thread: threading.Thread | None = None

    @property
    def plugged(self) -> bool:
        return self._thread is not None

    def plug(self) -> None:
        if self._thread is None:
            self._open()
            self._thread = threading.Thread(target=self._run, name=f"wire {self.url}", daemon=True)
            self._thread.start()

    def unplug(self) -> None:
        if self._thread is not None:
            os.write(self._waker, b"x")
            self._thread.join()
            self._thread = None
            self._close()

    def poke(self) -> None:
        """A knob was turned: let the machines say what they held back."""
        os.write(self._waker, b"p")

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._woken, self._descriptor()], [], [])
            data = b""
            if self._woken in ready:
                if b"x" in os.read(self._woken, 64):
                    return
            else:
                data = self._through(self._receive())
            for machine in self.machines:
                answer = b"" if machine.deaf else machine.feed(data)
                if answer:
                    self._send(self._through(answer))

    def _through(self, data: bytes) -> bytes:
        if not self.noise:
            self.carried = 0
            return data
        start, self.carried = self.carried, self.carried + len(data)
        return bytes(
            byte ^ 1 if (start + i) % self.noise == self.noise - 1 else byte
            for i, byte in enumerate(data)
        )

    def _open(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _descriptor(self) -> int:
        raise NotImplementedError

    def _receive(self) -> bytes:
        raise NotImplementedError

    def _send(self, data: bytes) -> None:
        raise NotImplementedError


class PtyWire(Wire):
    """A serial line. `path` is a stable name, as udev's by-id links are; no parity, no speed."""

    def __init__(self, path: Path, *machines: Machine) -> None:
        super().__init__(*machines)
        self.url = str(path)

    def _open(self) -> None:
        # The slave stays open here, so that the daemon may come and go without a hang-up.
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        Path(self.url).unlink(missing_ok=True)
        os.symlink(os.ttyname(self._slave), self.url)

    def _close(self) -> None:
        Path(self.url).unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)

    def _descriptor(self) -> int:
        return self._master

    def _receive(self) -> bytes:
        return os.read(self._master, 4096)

    def _send(self, data: bytes) -> None:
        try:
            os.write(self._master, data)
        except BlockingIOError:
            pass  # a UART without flow control drops what nobody reads


class TcpWire(Wire):
    """A TCP port of a network device; one client at a time, as cheap printers have it."""

    def __init__(self, *machines: Machine, port: int = 0) -> None:
        super().__init__(*machines)
        self._client: socket.socket | None = None
        self._address = ("127.0.0.1", port)
        self._listen()
        self._server.close()

    def _listen(self) -> None:
        self._server = socket.create_server(self._address)
        self._address = self._server.getsockname()
        self.url = f"socket://{self._address[0]}:{self._address[1]}"

    def _open(self) -> None:
        self._listen()

    def _close(self) -> None:
        self._server.close()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _descriptor(self) -> int:
        return (self._client or self._server).fileno()

    def _receive(self) -> bytes:
        if self._client is None:
            self._client, _ = self._server.accept()
            return b""
        try:
            data = self._client.recv(4096)
        except ConnectionError:
            data = b""
        if not data:
            self._hang_up()
        return data

    def _send(self, data: bytes) -> None:
        if self._client is not None:
            try:
                self._client.sendall(data)
            except OSError:
                self._hang_up()
