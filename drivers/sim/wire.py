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
        self.machines, self.noise, self._carried = machines, 0, 0
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
            if self._woken in ready and b"x" in os.read(self._woken, 64):
                return
            data = b"" if self._woken in ready else self._through(self._receive())
            for machine in self.machines:
                if answer := b"" if machine.deaf else machine.feed(data):
                    self._send(self._through(answer))

    def _through(self, data: bytes) -> bytes:
        start = self._carried
        self._carried = start + len(data) if self.noise else 0
        last = self.noise - 1
        return bytes(b ^ 1 if last >= 0 and i % self.noise == last else b for i, b in enumerate(data, start))

    # What a kind of wire is: how it opens and closes, and moves bytes.
    def _open(self) -> None: ...
    def _close(self) -> None: ...
    def _descriptor(self) -> int: ...  # type: ignore[empty-body]
    def _receive(self) -> bytes: ...  # type: ignore[empty-body]
    def _send(self, data: bytes) -> None: ...


class PtyWire(Wire):
    """A serial line. `path` is a stable name, as udev's by-id links are; no parity, no speed."""

    def __init__(self, path: Path, *machines: Machine) -> None:
        super().__init__(*machines)
        self.url = str(path)

    def _open(self) -> None:
        # The slave stays open here, so that the daemon may come and go without a hang-up.
        self._master, self._slave = pty.openpty()
        for end in (self._master, self._slave):
            tty.setraw(end)
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

    def __init__(self, *machines: Machine) -> None:
        super().__init__(*machines)
        self._address: tuple[str, int] = ("127.0.0.1", 0)
        self._client: socket.socket | None = None
        self.plug()

    def _open(self) -> None:
        self._server = socket.create_server(self._address)
        self._address = self._server.getsockname()
        self.url = f"socket://{self._address[0]}:{self._address[1]}"

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
        data = b""
        try:
            if self._client is None:
                self._client, _ = self._server.accept()
                return b""
            data = self._client.recv(4096)
        except ConnectionError:
            pass
        if not data:
            self._hang_up()
        return data

    def _send(self, data: bytes) -> None:
        try:
            if self._client is not None:
                self._client.sendall(data)
        except OSError:
            self._hang_up()
