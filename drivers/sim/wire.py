"""Wires that give machines life: a pty behind a stable path, or a TCP port.

The real driver opens them like the real thing; `unplug` gives it a true EIO or a closed socket.
"""

import os
import pty
import select
import socket
import sys
import threading
import tty
from pathlib import Path


class Machine:
    """A device from its manual: bytes in, bytes out. Its knobs are plain attributes."""

    knobs: tuple[str, ...] = ("deaf",)
    deaf = False  # hears nothing, so it answers nothing
    command = ""  # the module that its driver starts instead of opening a wire
    _power_off = False

    def url(self, wire: str) -> str:
        """What hall.toml says to reach this machine on a wire of that url."""
        host, _, port = wire.removeprefix("socket://").partition(":")
        return f"exec:{sys.executable} -m {self.command} {host} {port}" if self.command else wire

    @property
    def power_off(self) -> bool:
        return self._power_off

    @power_off.setter
    def power_off(self, off: bool) -> None:
        self._power_off = off
        self.forget()

    def forget(self) -> None:
        """What goes with the power."""

    def feed(self, data: bytes) -> bytes:
        """What the device answers to `data`; `feed(b"")` asks for what a turned knob releases."""
        return b""

    def face(self) -> dict[str, object]:
        """What the twin shows of it besides its knobs."""
        return {}


class Wire:
    """One wire with the machines on it: each hears every byte. Owns the thread that carries.

    With a `path` a serial line (a pty) behind this stable name, as udev's by-id links are; without,
    a TCP port that takes one client at a time, as cheap network printers do. `noise` = n flips the
    lowest bit of every n-th byte, both ways; 0 is a clean wire.
    """

    def __init__(self, path: Path | None, *machines: Machine) -> None:
        self.machines, self.noise, self._carried = machines, 0, 0
        self._path, self._port = path, 0
        self._thread: threading.Thread | None = None
        self.plug()

    @property
    def plugged(self) -> bool:
        return self._thread is not None

    def plug(self) -> None:
        if self._thread is not None:
            return
        self._woken, self._waker = os.pipe()
        self._server: socket.socket | None = None
        self._line = self._slave = -1  # the end that the machines are at; -1: no client yet
        if self._path:
            # The slave stays open here, so that the daemon may come and go without a hang-up.
            self._line, self._slave = pty.openpty()
            tty.setraw(self._line)
            tty.setraw(self._slave)
            os.set_blocking(self._line, False)
            self._path.unlink(missing_ok=True)
            self._path.symlink_to(os.ttyname(self._slave))
            self.url = str(self._path)
        else:
            self._server = socket.create_server(("127.0.0.1", self._port))
            self._port = self._server.getsockname()[1]
            self.url = f"socket://127.0.0.1:{self._port}"
        self._thread = threading.Thread(target=self._run, name=f"wire {self.url}", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        if self._thread is not None:
            os.write(self._waker, b"x")
            self._thread.join()
            self._thread = None
            if self._path:
                self._path.unlink(missing_ok=True)
            if self._server:
                self._server.close()
            for end in (self._line, self._slave, self._woken, self._waker):
                if end >= 0:
                    os.close(end)

    def poke(self) -> None:
        """A knob was turned: let the machines say what they held back."""
        if self.plugged:
            os.write(self._waker, b"p")

    def _run(self) -> None:
        while True:
            end = self._server.fileno() if self._server and self._line < 0 else self._line
            ready, _, _ = select.select([self._woken, end], [], [])
            if self._woken in ready and b"x" in os.read(self._woken, 64):
                return
            data = b"" if self._woken in ready else self._through(self.receive())
            for machine in self.machines:
                if answer := b"" if machine.deaf or machine.power_off else machine.feed(data):
                    self.send(self._through(answer))

    def _through(self, data: bytes) -> bytes:
        if not self.noise:
            self._carried = 0
            return data
        start, last = self._carried, self.noise - 1
        self._carried = start + len(data)
        return bytes(b ^ 1 if i % self.noise == last else b for i, b in enumerate(data, start))

    def receive(self) -> bytes:
        if self._server and self._line < 0:
            self._line = self._server.accept()[0].detach()
            return b""
        data = b""
        try:
            data = os.read(self._line, 4096)
        except ConnectionError:
            pass
        if not data and self._server:  # the client has gone; another one may come
            os.close(self._line)
            self._line = -1
        return data

    def send(self, data: bytes) -> None:
        try:
            if self._line >= 0:
                os.write(self._line, data)
        except (BlockingIOError, ConnectionError):
            pass  # a UART without flow control drops what nobody reads; a lost client reads nothing
