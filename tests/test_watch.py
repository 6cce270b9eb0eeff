"""The watchdog: fed while every loop makes progress; a loop that stands still is named with its stack."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from conftest import Hall
from wait import until

from controller.app.running import listen
from controller.runtime.watch import Watch
from drivers.base.device import Device
from drivers.base.link import Link
from drivers.base.port import Port
from web.server.serve import Server


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What systemd hears at its socket."""
    heard: list[str] = []
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    wire.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

    def listen_to() -> None:
        while text := wire.recv(4096).decode():
            heard.append(text)

    ear = threading.Thread(target=listen_to)
    ear.start()
    yield heard
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.sendto(b"", str(tmp_path / "notify"))
    ear.join()
    wire.close()


def test_a_hall_says_that_it_is_ready_that_it_lives_and_that_it_stops(
    systemd: list[str], start_hall: Callable[..., Hall]
) -> None:
    hall = start_hall()
    until(lambda: systemd.count("WATCHDOG=1") >= 2)
    assert systemd[0] == "READY=1"
    hall.stop()
    until(lambda: systemd[-1] == "STOPPING=1")


class Frozen(Device):
    """A device whose driver hangs."""

    wired = False

    def __init__(self, name: str, until_then: threading.Event) -> None:
        super().__init__(name)
        self.over = until_then

    def turn(self, link: Link) -> float:
        self.over.wait()
        return 60.0


class App:
    """An ASGI application that blocks its loop."""

    def __init__(self, until_then: threading.Event) -> None:
        self.over = until_then

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.over.wait()
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    def close(self) -> None:
        pass


@pytest.mark.slow
def test_every_loop_that_stands_still_is_named_with_its_place_and_systemd_hears_nothing(
    systemd: list[str], hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    over, engine = threading.Event(), hall.house.engine
    with ExitStack() as stops:
        port = Port("", 0, [Frozen("ill", over)], 1.0)
        server = Server(App(over), ear := listen("127.0.0.1", 0), None)  # type: ignore[arg-type]
        watch = Watch([engine, port, server], engine.busy, lambda: None)
        for part in (server, watch):
            part.start()
            stops.callback(part.stop)
        stops.callback(over.set)  # before they are stopped
        until(lambda: "WATCHDOG=1" in systemd)
        port.start()
        engine.listeners.append(lambda command, outcome, state: over.wait() or None)
        threading.Thread(
            target=lambda: socket.create_connection(ear.getsockname()).sendall(
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            ),
            daemon=True,
        ).start()

        def told() -> str:
            return "\n".join(r.message for r in caplog.records if r.levelno == logging.CRITICAL)

        for thread, place in (("engine", "over.wait()"), ("port ill", "in turn"), ("web", "in __call__")):
            until(lambda thread=thread: f"{thread} stands still" in told())
            assert place in told().partition(f"{thread} stands still")[2]
        fed = systemd.count("WATCHDOG=1")
        assert told().count("port ill stands still") == 1, "once"
        over.set()
        engine.listeners.pop()
        until(lambda: systemd.count("WATCHDOG=1") > fed)
        port.stop()


def test_while_the_engine_works_at_something_long_lamps_ask_for_patience(hall: Hall) -> None:
    for window in "12":
        hall.press(f"unit{window}", "next")
    until(lambda: hall.state.window("1").clerk and hall.state.window("2").clerk)
    until(lambda: hall.machine("unit1").lamps[0])
    over = threading.Event()
    hall.house.engine.listeners.append(lambda command, outcome, state: over.wait(60) and None)
    hall.press("buttons", "A")
    until(lambda: not any(hall.twin.lit("buttons", key) for key in "ABCD"))
    for lit in (True, False, True):
        until(lambda lit=lit: hall.machine("unit1").lamps[:3] == [False, lit, False])
    until(lambda: "请稍候" in hall.machine("voice").spoken)
    over.set()  # until then it worked
    hall.house.engine.listeners.pop()
    until(lambda: hall.state.tickets.get("A001"))
    until(lambda: all(hall.twin.lit("buttons", key) for key in "ABCD"))
    until(lambda: hall.machine("unit1").lamps[0])
