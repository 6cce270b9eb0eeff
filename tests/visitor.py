"""Somebody with a browser at another address of the network: HTTP, cookies, forms; for tests."""

import contextlib
import http.client
import json
import re
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from conftest import Hall

from controller.app.running import SIMULATED


class Answer(NamedTuple):
    status: int
    text: str
    headers: http.client.HTTPMessage

    @property
    def refused(self) -> bool:
        """Closed to who asked: told so, or shown the way in."""
        return self.status == 403 or self.headers["Location"] == "/login"


class Visitor:
    """Asks from `address`, which is no loopback address to the hall; keeps the cookies that it is given."""

    def __init__(self, url: str, address: str = "127.0.0.2", context: ssl.SSLContext | None = None) -> None:
        self._url, self._from, self._context = urlsplit(url), (address, 0), context
        self.cookies: dict[str, str] = {}

    def at(self, url: str) -> "Visitor":
        """The same browser, now at the hall with this address."""
        other = Visitor(url, self._from[0], self._context)
        other.cookies = self.cookies
        return other

    def ask(self, method: str, path: str, body: Any = None, headers: Any = None, **form: str) -> Answer:
        """`body`: bytes as they are, all else as JSON; otherwise `form`. Follows no redirect."""
        kind = "application/json" if body is not None else "application/x-www-form-urlencoded"
        data = body if isinstance(body, bytes) else json.dumps(body) if body is not None else urlencode(form)
        sent = {"Content-Type": kind, "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        place = (str(self._url.hostname), self._url.port)
        wire = http.client.HTTPConnection(*place, timeout=10, source_address=self._from)
        if self._context:
            more = {"timeout": 10, "source_address": self._from, "context": self._context}
            wire = http.client.HTTPSConnection(*place, **more)
        try:
            wire.request(method, path, data if method != "GET" else None, {**sent, **(headers or {})})
            answer = wire.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            wire.close()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(cookie).items()}
        return Answer(answer.status, text, answer.headers)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, **form: str) -> Answer:
        return self.ask("POST", path, **form)

    def code(self, path: str) -> str:
        """The figures that an unpaired device shows at its place."""
        shown = re.search(r'class="code">(\d{3}) (\d{3})<', self.get(path).text)
        assert shown, "no code is shown"
        return shown[1] + shown[2]


def technician(hall: Hall) -> Visitor:
    visitor = Visitor(hall.url)
    assert visitor.post("/login", given=SIMULATED).status == 303
    return visitor


def paired(hall: Hall, path: str) -> Visitor:
    """A device that a technician paired for the page at `path`."""
    device = Visitor(hall.url)
    assert "配对好了" in technician(hall).post("/access", code=device.code(path)).text
    return device


def clerk(hall: Hall, path: str, number: str = "1003") -> Visitor:
    """A clerk who signed in on a paired device."""
    device = paired(hall, path)
    assert device.post(f"{path}/login", clerk=number, pin="000000").status == 303
    return device


class _Carry(socketserver.BaseRequestHandler):
    """One connection of a browser, handed on from another address."""

    def handle(self) -> None:
        hall = self.server.hall  # type: ignore[attr-defined]
        with socket.create_connection(hall, source_address=("127.0.0.2", 0)) as there:
            ends = {self.request: there, there: self.request}
            with contextlib.suppress(ConnectionError):
                while data := {end: end.recv(65536) for end in select.select(list(ends), [], [])[0]}:
                    if not all(data.values()):
                        return
                    for end, part in data.items():
                        ends[end].sendall(part)


@contextlib.contextmanager
def elsewhere(hall: Hall) -> Iterator[str]:
    """The hall's address as a browser of another machine has it."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Carry) as server:
        server.daemon_threads, server.block_on_close = True, False
        server.hall = ("127.0.0.1", int(hall.url.rpartition(":")[2]))  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
