"""The server: uvicorn in a thread of the daemon, whose loop says that it lives."""

import socket
import threading
import time
from functools import partial

import uvicorn

from web.server.stream import Live


class Ticking(uvicorn.Server):
    """A server that says when its loop is heard of again."""

    awaited = float("inf")

    async def on_tick(self, counter: int) -> bool:
        self.awaited = time.monotonic() + 1.0
        return await super().on_tick(counter)


class Server:
    """Serves `app` on `listener` in a thread of its own; `secure`: the files of certificate and key."""

    def __init__(self, app: Live, listener: socket.socket, secure: tuple[str, str] | None) -> None:
        config = uvicorn.Config(
            app,
            log_level="error",  # a warning for each request that is none would fill the log
            lifespan="off",
            access_log=False,  # addresses hold visitors' links
            proxy_headers=False,  # nobody may say that he is this machine
            ssl_certfile=secure and secure[0],
            ssl_keyfile=secure and secure[1],
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=8192,
        )
        self._app, self._server = app, Ticking(config)
        run = partial(self._server.run, sockets=[listener])
        self.thread = threading.Thread(target=run, name="web")

    @property
    def awaited(self) -> float:
        """When its loop is heard of again (monotonic)."""
        return self._server.awaited

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self._app.close()
        self._server.should_exit = True
        self.thread.join()
