"""The event stream, native on the loop, and the pages behind it: one encoding for all who listen."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from a2wsgi import WSGIMiddleware
from flask import Flask

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
HEARTBEAT = 3.0  # s: a screen that hears nothing for 5 s says so (hall.md §4.3)
PATIENCE = 20.0  # s: a client that takes nothing, or does not send the whole of a request, is dropped
CLIENTS = 500
LONGEST = 16 * 1024  # bytes of a request's body


class Live:
    """ASGI application. A change is encoded once and given to all; the newest state wins."""

    def __init__(self, flask: Flask, view: Callable[[], dict[str, Any]]) -> None:
        """`view` gives the state that screens show; called on the loop, so it must be quick."""
        self._flask, self._view = WSGIMiddleware(flask, workers=8), view  # type: ignore[arg-type]
        self._clients: set[Client] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beating: asyncio.Task[None] | None = None
        self._latest = b""

    @property
    def screens(self) -> int:
        """How many boards are connected."""
        return sum(client.screen for client in self._clients.copy())

    def changed(self) -> None:
        """Something is new; from any thread."""
        if self._loop and self._clients:
            self._loop.call_soon_threadsafe(self._publish)

    def close(self) -> None:
        """End every stream, so that nothing keeps the server; from any thread."""
        if self._loop:
            for client in self._clients.copy():
                self._loop.call_soon_threadsafe(client.leave)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if (scope.get("method"), scope.get("path")) == ("GET", "/api/v1/events"):
            await self._stream(scope, receive, send)
        else:
            await self._page(scope, receive, send)

    async def _page(self, scope: Message, receive: Receive, send: Send) -> None:
        """A page gets its request whole: a body that is slow or has no end must not hold its thread."""
        body, status = b"", 100
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while status == 100:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return
                    body += message.get("body", b"")
                    status = 413 if len(body) > LONGEST else 100 if message.get("more_body") else 200
        if status == 200:
            whole = iter([{"type": "http.request", "body": body}])

            async def given() -> Message:
                return next(whole, {"type": "http.disconnect"})

            await self._flask(scope, given, send)  # type: ignore[arg-type]
            return
        headers = [(b"connection", b"close"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": max(status, 408), "headers": headers})
        await send({"type": "http.response.body"})

    def _publish(self) -> None:
        state = json.dumps(self._view(), ensure_ascii=False)
        self._latest = f"retry: 1000\nevent: hall\ndata: {state}\n\n".encode()
        for client in self._clients:
            client.fresh.set()

    async def _beat(self) -> None:
        while self._clients:
            self._publish()
            await asyncio.sleep(HEARTBEAT)

    async def _stream(self, scope: Message, receive: Receive, send: Send) -> None:
        status = 200 if len(self._clients) < CLIENTS else 503
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if status != 200:
            await send({"type": "http.response.body"})
            return
        client = Client(b"screen" in scope["query_string"])
        self._clients.add(client)
        self._loop = asyncio.get_running_loop()
        if self._beating is None or self._beating.done():
            self._beating = self._loop.create_task(self._beat())
        watch = self._loop.create_task(client.watch(receive))
        self._publish()
        try:
            while not client.gone:
                await client.fresh.wait()
                client.fresh.clear()
                async with asyncio.timeout(PATIENCE):
                    await send({"type": "http.response.body", "body": self._latest, "more_body": True})
            await send({"type": "http.response.body"})
        except (TimeoutError, OSError):
            pass  # it reads nothing, or it has gone in the middle
        finally:
            watch.cancel()
            self._clients.discard(client)


class Client:
    """One listener of the event stream; `screen`: a TV board."""

    def __init__(self, screen: bool) -> None:
        self.screen, self.gone, self.fresh = screen, False, asyncio.Event()

    async def watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.leave()

    def leave(self) -> None:
        self.gone = True
        self.fresh.set()
