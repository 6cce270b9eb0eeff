"""Those who mean harm to the pages: half requests, junk, bodies without end, boards that never read."""

import contextlib
import os
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

HEAD = b"POST /login HTTP/1.1\r\nHost: localhost\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
BOARD = b"GET /api/v1/events?screen=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
JUNK = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # somebody speaks TLS
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\0" * 400,
    b"BREW /kiosk HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /%00%ff/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: session=" + b"x" * 7000 + b"\r\n\r\n",
    b"POST /api/v1/tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n{[}",
    HEAD + FORM + b"Content-Length: 9\r\n\r\ngiven=%zz",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    HEAD + b"Content-Length: -1\r\n\r\n",
)


def reach(port: int, data: bytes) -> socket.socket:
    """A connection on which `data` went out, and nothing else will."""
    wire = socket.create_connection(("127.0.0.1", port), timeout=10)
    wire.sendall(data)
    return wire


def answer(port: int, data: bytes) -> bytes:
    """The first that comes back; nothing if the door was shut."""
    with contextlib.suppress(ConnectionError, TimeoutError), reach(port, data) as wire:
        return wire.recv(4096)
    return b""


def huge(port: int, head: bytes, size: int) -> int:
    """How many of `size` bytes of a body went through before the door was shut."""
    sent, part = 0, b"5dc\r\n" + b"x" * 1500 + b"\r\n" if b"chunked" in head else b"x" * 65536
    with contextlib.suppress(ConnectionError, TimeoutError), reach(port, head) as wire:
        while sent < size:
            sent += wire.send(part)
    return sent


def attack(port: int, junk: int, boards: int, size: int) -> None:
    """All at once, until the input ends: 20 half heads, 20 half bodies, `boards` of which ten never read,
    `junk` requests that are none, and bodies of `size` bytes."""
    half = [reach(port, HEAD + b"X: ") for _ in range(20)]
    half += [reach(port, HEAD + FORM + b"Content-Length: 50\r\n\r\ngiven=") for _ in range(20)]
    poll, screens = selectors.DefaultSelector(), [reach(port, BOARD) for _ in range(boards)]
    for screen in screens[10:]:
        poll.register(screen, selectors.EVENT_READ)

    def throw() -> None:
        for head in (b"Content-Length: %d\r\n\r\n" % size, b"Transfer-Encoding: chunked\r\n\r\n"):
            huge(port, HEAD + FORM + head, size)
        for n in range(junk):
            answer(port, JUNK[n % len(JUNK)])
        print("through", flush=True)

    poll.register(sys.stdin, selectors.EVENT_READ)
    threading.Thread(target=throw, daemon=True).start()
    print("there", flush=True)
    while True:
        for key, _ in poll.select():
            if key.fileobj is sys.stdin:
                return
            if not key.fileobj.recv(65536):  # type: ignore[union-attr]
                poll.unregister(key.fileobj)


@contextlib.contextmanager
def siege(port: int, junk: int, boards: int, size: int = 2**30) -> Iterator[Callable[[], bool]]:
    """The attack, from a process of its own. Gives a function: are junk and bodies through?"""
    words = [sys.executable, __file__, *map(str, (port, junk, boards, size))]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "there\n"
        os.set_blocking(process.stdout.fileno(), False)
        said = process.stdout
        yield lambda: bool(said.readline())
        process.communicate()


if __name__ == "__main__":
    attack(*map(int, sys.argv[1:]))
