"""The watchdog: fed while every loop makes progress; a loop that stands still is named with its stack."""

import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from conftest import MONDAY, ROOT, Hall
from wait import until

from controller.app.running import listen
from controller.hall.commands import CallNext, Command, Tick
from controller.hall.moment import Now
from controller.runtime.child import Child
from controller.runtime.clock import FakeClock
from controller.runtime.ports import Generations
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
    longest = 0.5

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
def test_an_engine_or_web_that_stands_still_is_named_with_its_place_and_systemd_hears_nothing(
    systemd: list[str], hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    over, engine = threading.Event(), hall.house.engine
    with ExitStack() as stops:
        server = Server(App(over), ear := listen("127.0.0.1", 0), None)  # type: ignore[arg-type]
        watch = Watch([engine, server], [], engine.busy, lambda: None)
        for part in (server, watch):
            part.start()
            stops.callback(part.stop)
        stops.callback(over.set)  # before they are stopped
        until(lambda: "WATCHDOG=1" in systemd)
        engine.listeners.append(lambda command, outcome, state: over.wait() or None)
        threading.Thread(
            target=lambda: socket.create_connection(ear.getsockname()).sendall(
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            ),
            daemon=True,
        ).start()

        def told() -> str:
            return "\n".join(r.message for r in caplog.records if r.levelno == logging.CRITICAL)

        until(lambda: not (health := hall.get("/health"))["ok"] and health["engine"] == "behind")
        assert "叫号程序反应很慢" in hall.page("/")
        for thread, place in (("engine", "over.wait()"), ("web", "in __call__")):
            until(lambda thread=thread: f"{thread} stands still" in told())
            assert place in told().partition(f"{thread} stands still")[2]
        until(lambda: watch.late() == ["engine", "web"] or watch.late() == ["web", "engine"])
        until(lambda: hall.get("/health")["late"] == ["engine"])
        fed = systemd.count("WATCHDOG=1")
        over.set()
        engine.listeners.pop()
        until(lambda: systemd.count("WATCHDOG=1") > fed)
        assert told().count("web stands still") == 1, "once"
        until(lambda: hall.get("/health")["ok"])


@pytest.mark.slow
def test_a_driver_that_hangs_is_given_up_and_systemd_hears_on(systemd: list[str]) -> None:
    over, now = threading.Event(), list[Device]()
    ill = Frozen("ill", over)
    port = Generations(Port("", 0, [ill], 1.0), lambda old: Device("ill"), now.append)
    watch = Watch([], [port], lambda: 0.0, lambda: None)
    with ExitStack() as stops:
        for part in (port, watch):
            part.start()
            stops.callback(part.stop)
        stops.callback(over.set)
        until(lambda: now)
        fed = systemd.count("WATCHDOG=1")
        assert fed > 3, "while it hung"
        until(lambda: systemd.count("WATCHDOG=1") > fed)
        assert watch.late() == []


class Raises:
    """A part that cannot be started again."""

    thread = threading.current_thread()
    asked = 0

    def look(self, due: float) -> None:
        self.asked += 1
        raise SystemExit("oh")


def test_the_watch_itself_outlives_what_it_looks_after(
    systemd: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def wait() -> None:
        raise ZeroDivisionError

    bad, good = Raises(), Raises()
    watch = Watch([], [bad, good], lambda: 1.0, wait)
    watch.start()
    until(lambda: good.asked > 3)
    watch.stop()
    assert bad.asked > 2
    assert systemd.count("WATCHDOG=1") >= 1
    assert sum("cannot be started again" in record.message for record in caplog.records) == 1


class Mayfly(Child):
    """Raises in its first life; its process never answers, as it waits for the end of its input."""

    longest, again = 60.0, 0.01

    def __init__(self) -> None:
        super().__init__("mayfly")
        self.lives, self.answers = 0, list[Any]()

    def _run(self) -> None:
        self.lives += 1
        if self.lives == 1:
            raise SystemExit("oh")
        with self._alive("json.tool") as process:
            self.answers.append(self._ask(process, "{}"))
        self._over.wait()


def test_a_child_that_hangs_is_killed_and_its_thread_goes_on_whatever_it_raised() -> None:
    child = Mayfly()
    child.start()
    try:
        until(lambda: child.lives == 2 and child.process)
        until(lambda: child.awaited < float("inf"))
        child.look(time.monotonic())
        assert child.answers == [], "it is within its time"
        child.look(time.monotonic() + 100)
        until(lambda: child.answers == [None])
    finally:
        child.stop()


class Doomed(Mayfly):
    """Its thread ends for good: it is killed again while it gets over its first death."""

    @property
    def again(self) -> float:  # type: ignore[override]
        raise SystemExit("oh")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_of_a_child_that_was_killed_is_started_again() -> None:
    child = Doomed()
    child.start()
    until(lambda: not child.thread.is_alive())
    child.look(time.monotonic())
    until(lambda: child.lives == 2)
    child.stop()


@pytest.mark.slow
def test_every_thread_of_the_architectures_table_is_watched(hall: Hall) -> None:
    """It feeds systemd or is started again; but those that own nothing of ours."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page.partition("| thread |")[2].partition("\n\n")[0]
    rows = [row.split(" | ") for row in table.splitlines() if row.startswith("| `")]
    said = {name: row[-1].strip(" |") for row in rows for name in re.findall("`([^`]+)`", row[0])}
    watch: Any = hall.house.late.__self__  # type: ignore[attr-defined]
    watched = {part.thread.name.split()[0] for part in (watch, *watch.loops, *watch.parts)}
    assert watched == {name.split()[0] for name, when in said.items() if when != "–"}


def test_time_passes_though_commands_come_without_a_pause(hall: Hall) -> None:
    engine, over, ticks = hall.house.engine, threading.Event(), list[Command]()

    def again(command: Command, outcome: object, state: object) -> None:
        if isinstance(command, Tick):
            ticks.append(command)
        elif not over.is_set():
            engine.submit(CallNext("nowhere", actor="test"))
            over.wait(0.02)

    engine.listeners.append(again)
    for _ in range(3):
        engine.submit(CallNext("nowhere", actor="test"))
    until(lambda: len(ticks) > 1)
    over.set()


class Lost(FakeClock):
    """A clock that cannot be read."""

    lost = False

    def now(self) -> Now:
        if self.lost and threading.current_thread().name == "engine":
            raise ArithmeticError(f"at {time.monotonic()}")
        return super().now()


def test_an_engine_that_answers_only_bugs_or_is_dead_is_told(
    start_hall: Callable[..., Hall], caplog: pytest.LogCaptureFixture
) -> None:
    clock = Lost(MONDAY)
    hall = start_hall(at=clock)
    assert hall.get("/health")["engine"] == "ok"
    clock.lost = True
    for _ in range(5):
        assert hall.refused("tickets", service="A")["error"] == "bug"
    health = hall.get("/health")
    assert (health["ok"], health["engine"]) == (False, "bugs")
    assert "取号和叫号都不成" in hall.page("/")
    clock.lost = False
    hall.take("A")
    assert hall.get("/health")["ok"]
    assert sum("a bug in the rules at TakeTicket" in record.message for record in caplog.records) == 1
    hall.house.engine.stop()
    health = hall.get("/health")
    assert (health["ok"], health["engine"]) == (False, "dead")
    assert "叫号程序停了" in hall.page("/")


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
