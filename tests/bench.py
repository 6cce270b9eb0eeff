"""`make bench`: speed, memory and wear as ratios, each against a limit measured in the same run.

What is divided by what: limits.md §7. Milliseconds of this machine say nothing about a Pi; the ratios
carry over.
"""

import itertools
import multiprocessing
import os
import queue
import re
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from conftest import EXAMPLE, MONDAY
from daemon import Daemon, outside
from siege import siege

from controller.app import running as roof
from controller.forecast.learner import Forecaster
from controller.hall import calendar
from controller.hall.commands import CallNext, Command, Pause, Resume, SignIn, TakeTicket, Tick
from controller.hall.events import DayOpened, Event, TicketCalled, TicketIssued
from controller.hall.state import seen_at
from controller.journal.rows import encode, sealed
from controller.journal.store import Store, opened
from controller.runtime.clock import FakeClock
from controller.runtime.engine import Engine
from controller.settings.reader import parse
from controller.simulated.day import Day
from controller.simulated.simulation import Simulation
from drivers import callunit_modbus
from drivers.base.load import load
from drivers.base.port import Port
from drivers.sim.callunit import CallUnit
from drivers.sim.wire import Wire

ROUNDS = 400
PLAN = parse(EXAMPLE.read_bytes(), load)


def report(what: str, value: float, limit: float, goal: float, unit: str = "ms") -> None:
    ratio = value / limit
    verdict = "ok  " if ratio <= goal else "OVER"
    print(f"{verdict} {what:<44} {value:9.3f} {unit:<5} limit {limit:9.3f}  ratio {ratio:5.2f}  goal {goal}")


def p50(seconds: Sequence[float]) -> float:
    return statistics.median(seconds) * 1000


class RawStore(Store):
    """The limit of every chain: the same hall, but a durable record is 200 bytes overwritten."""

    def append(self, events: Sequence[Event]) -> None:
        raw_commit(self._raw)

    def open_raw(self, path: Path) -> None:
        self._raw = raw_file(path)


def raw_file(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    os.pwrite(file, bytes(4096), 0)
    os.fsync(file)
    return file


def raw_commit(file: int) -> None:
    os.pwrite(file, bytes(200), 0)
    os.fdatasync(file)


def written() -> int:
    return int(re.search(r"^write_bytes: (\d+)", Path("/proc/self/io").read_text(), re.M)[1])  # type: ignore[index]


def durable(folder: Path) -> None:
    store, file = Store(folder / "durable" / "journal.db"), raw_file(folder / "raw")
    engine = Engine(PLAN, store, FakeClock(MONDAY))
    engine.start()
    engine.submit(Tick(actor="bench")).result()
    ours: list[float] = []
    raw: list[float] = []
    wear = [0, 0]
    for n in range(ROUNDS):
        before, start = written(), time.perf_counter()
        raw_commit(file)
        raw.append(time.perf_counter() - start)
        middle, start = written(), time.perf_counter()
        if n % 2:
            engine.submit(TakeTicket("A", "hall", actor="buttons", press=str(n))).result()
            ours.append(time.perf_counter() - start)
            wear = [wear[0] + written() - middle, wear[1] + middle - before]
        else:  # keep the queue short, as in a hall
            engine.submit(SignIn("1", "1001", actor="c")).result()
            engine.submit(CallNext("1", actor="c")).result()
    engine.stop()
    store.close()
    report("press -> durable, p50", p50(ours), p50(raw), 2.0)
    report("device bytes per event", wear[0] / len(ours), wear[1] / len(ours), 1.6, "B")


@contextmanager
def hall(folder: Path, kind: type[Store]) -> Iterator[tuple[Any, Simulation, str]]:
    (folder / "wires").mkdir(parents=True)
    clock = FakeClock(MONDAY, 1.0)
    twin = Simulation(PLAN, folder / "wires", clock)
    listener = roof.listen("127.0.0.1", 0)
    store = kind(folder / "data" / "journal.db")
    if isinstance(store, RawStore):
        store.open_raw(folder / "raw")
    with roof.running(twin.plan, store, roof.Site(folder / "data", clock, listener)) as house:
        while house.engine.state.kiosks or house.devices["sign1"].health.state != "up":
            threading.Event().wait(0.05)
        yield house, twin, f"127.0.0.1:{listener.getsockname()[1]}"
    twin.close()


def heard_after(machine: Any, ask: Callable[[], object], wanted: bytes) -> float:
    """Seconds from asking until the machine has heard `wanted`."""
    heard, hear, tail = threading.Event(), machine.feed, b""

    def feed(data: bytes) -> bytes:
        nonlocal tail
        tail = (tail + data)[-600:]
        if wanted in tail:
            heard.set()
        return bytes(hear(data))

    machine.feed = feed
    start = time.perf_counter()
    ask()
    heard.wait(5)
    took = time.perf_counter() - start
    machine.feed = hear
    return took


def chains(folder: Path) -> None:
    times: dict[str, dict[str, list[float]]] = {}
    for kind in (RawStore, Store):
        took: dict[str, list[float]] = {"first printer byte": [], "sign bytes": []}
        with hall(folder / kind.__name__, kind) as (house, twin, _):
            engine = house.engine
            engine.submit(SignIn("1", "1001", actor="c")).result()
            for n in range(60):
                take: Command = TakeTicket("A", "hall", actor="b", press=f"p{n}")
                pause = (Pause, Resume)[n % 2]("1", actor="c")
                for what, command, name, wanted in (
                    ("first printer byte", take, "printer", b"\x10\x04\x01"),
                    ("sign bytes", pause, "sign1", b"\xa3\x06"),
                ):
                    ask = partial(engine.submit, command)
                    took[what].append(heard_after(twin.machines[name], ask, wanted))
        times[kind.__name__] = took
    for what in times["Store"]:
        report(f"press -> {what}, p50", p50(times["Store"][what]), p50(times["RawStore"][what]), 1.5)


def watch(port: int, request: bytes, count: int, pipe: Connection) -> None:
    """A process of its own: `count` screens that connect, and tell when the last one has heard."""
    screens, poll = [], selectors.DefaultSelector()
    for _ in range(count):
        screens.append(socket.create_connection(("127.0.0.1", port)))
        screens[-1].sendall(request)
        poll.register(screens[-1], selectors.EVENT_READ)
    while pipe.recv():
        while heard := poll.select(0.1):  # the heartbeat of before
            for key, _ in heard:
                key.fileobj.recv(65536)  # type: ignore[union-attr]
        pipe.send(None)
        left = set(screens)
        while left:
            for key, _ in poll.select():
                key.fileobj.recv(65536)  # type: ignore[union-attr]
                left.discard(key.fileobj)  # type: ignore[arg-type]
        pipe.send(time.perf_counter())


def fan_out(
    port: int, request: bytes, count: int, there: Callable[[], bool], act: Callable[[], None]
) -> float:
    """Milliseconds from `act` until the last of `count` screens has heard of it, p50."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=watch, args=(port, request, count, theirs))
    process.start()
    while not there():
        threading.Event().wait(0.05)
    took = []
    for _ in range(20):
        ours.send(True)
        ours.recv()
        start = time.perf_counter()
        act()
        took.append(ours.recv() - start)
    ours.send(False)
    process.join()
    return p50(took)


def floor(count: int) -> float:
    """The same with a loop over raw sockets and nothing else."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        ends: list[socket.socket] = []

        def there() -> bool:
            ends.append(server.accept()[0])
            return len(ends) == count

        found = fan_out(
            server.getsockname()[1], b"", count, there, lambda: [e.send(bytes(900)) for e in ends] and None
        )
    for end in ends:
        end.close()
    return found


def boards(folder: Path) -> None:
    request = b"GET /api/v1/events?screen=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with hall(folder / "boards", Store) as (house, _, address):
        house.engine.submit(SignIn("1", "1001", actor="c")).result()
        for count in (50, 200):
            # A window's press: a ticket's would draw the ticket at the same time.
            presses = itertools.cycle((Pause, Resume))
            port = int(address.split(":")[1])
            took = fan_out(
                *(port, request, count, lambda count=count: house.screens() == count),
                lambda presses=presses: house.engine.submit(next(presses)("1", actor="c")),
            )
            while house.screens():
                threading.Event().wait(0.05)
            report(f"press -> last of {count} screens, p50", took, floor(count), 5.0)


class SlowWire(Wire):
    """A bus at line speed: a pty has none of its own. A unit answers after 2 ms."""

    baudrate = 19200

    def receive(self) -> bytes:
        data = super().receive()
        threading.Event().wait(len(data) * 10 / self.baudrate)
        return data

    def send(self, data: bytes) -> None:
        threading.Event().wait(0.002 + len(data) * 10 / self.baudrate)
        super().send(data)


def bus(folder: Path) -> None:
    """64 units on one line; limit: a round computed from the bytes (devices.md §6.5)."""
    for baudrate in (19200, 115200):
        SlowWire.baudrate = baudrate
        units = [CallUnit(n) for n in range(1, 65)]
        wire = SlowWire(folder / f"bus{baudrate}", *units)
        drivers = [callunit_modbus.Driver(f"unit{n}", n, every=0.0) for n in range(1, 65)]
        port = Port(wire.url, baudrate, drivers, 0.1)
        heard: queue.Queue[float] = queue.Queue()
        for driver in drivers:
            driver.emit = lambda press, heard=heard: heard.put(time.perf_counter())
        port.start()
        while any(driver.health.state != "up" for driver in drivers):
            threading.Event().wait(0.1)
        # Request and answer of FC02, the gap of 3.5 characters after each, and the unit's 2 ms.
        silence = max(0.00175, 4 * 10 / baudrate)
        limit = 64 * ((8 + 6) * 10 / baudrate + 2 * silence + 0.002) * 1000
        for what in ("press -> heard", "the same, one of them dead"):
            took = []
            for n in range(24):
                unit = units[n * 37 % 64]
                start = time.perf_counter()
                unit.tap(0)
                took.append(heard.get(timeout=30) - start)
            report(f"64 units, {baudrate}: {what}, worst", max(took) * 1000, limit, 1.5)
            units[45].address = 200  # never asked above
            while drivers[45].health.state == "up":
                threading.Event().wait(0.1)
        port.stop()
        wire.unplug()


def viewers(address: str, count: int) -> list[socket.socket]:
    host, port = address.split(":")
    found = []
    for _ in range(count):
        viewer = socket.create_connection((host, int(port)))
        viewer.sendall(f"GET /api/v1/events?screen=1 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        found.append(viewer)
    return found


def process(folder: Path) -> None:
    bare: list[float] = []
    for _ in range(9):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        bare.append(time.perf_counter() - start)
    code = "print(open('/proc/self/status').read())"
    rss = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    starts: dict[str, list[float]] = {"buttons: up": [], "/board": []}
    for n in range(5):
        command = [sys.executable, "-m", "controller.app.cli", "simulate", str(EXAMPLE), "--port", "0"]
        start = time.perf_counter()
        with subprocess.Popen(
            [*command, "--data", str(folder / f"s{n}")], stderr=subprocess.PIPE, text=True
        ) as hall:
            assert hall.stderr
            for line in hall.stderr:
                for what, took in starts.items():
                    if what in line and len(took) == n:
                        took.append(time.perf_counter() - start)
                if all(len(took) > n for took in starts.values()):
                    break
            hall.terminate()
    report("start -> buttons", p50(starts["buttons: up"]), p50(bare), 15.0)
    report("start -> first page", p50(starts["/board"]), p50(bare), 40.0)
    (folder / "quiet").mkdir()
    twin, file = outside(folder / "quiet")
    daemon = Daemon(file, folder / "daemon")
    daemon.take()
    screens = viewers(f"127.0.0.1:{daemon.port}", 50)
    pid = daemon.process.pid
    with_polls = busy(pid)
    report("RSS, everything loaded, 50 screens", memory(pid), held(rss), 7.5, "MB")
    for name in twin.wires:
        twin.turn(name, "unplugged", 1)
    without = busy(pid)
    report("idle CPU without device polling, 50 screens", without * 100, 0.5, 1.0, "%")
    print(f"     idle CPU with four units and four signs polled: {with_polls * 100:.2f} % of a core")
    for screen in screens:
        screen.close()
    daemon.kill()
    twin.close()


def hostile(folder: Path) -> None:
    """A press that comes over the web, from the touch to the cut paper, before and under siege."""
    (folder / "siege").mkdir()
    twin, file = outside(folder / "siege")
    daemon = Daemon(file, folder / "siege" / "data")
    pages: list[float] = []

    def presses() -> list[float]:
        took = []
        for _ in range(20):
            took.append(heard_after(twin.machines["printer"], daemon.take, b"\x1d\x56"))
            start = time.perf_counter()
            daemon.get("/health")
            urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/board").close()
            pages.append(time.perf_counter() - start)
        return took

    daemon.take()
    with siege(daemon.port, junk=500, boards=20) as through:  # every worker has seen something like it
        while not through():
            threading.Event().wait(0.1)
    before, calm, size = p50(presses()), p50(pages), memory(daemon.process.pid)
    pages.clear()
    with siege(daemon.port, junk=10_000, boards=200) as through:
        during, rounds = presses(), 1
        while not through():
            during, rounds = during + presses(), rounds + 1
    report(f"press -> paper under siege, {20 * rounds} presses, p50", p50(during), before, 3.0)
    report("/health and /board under siege, p50", p50(pages), calm, 3.0)
    print(f"     the slowest press {max(during) * 1000:.0f} ms, the slowest pages {max(pages) * 1000:.0f} ms")
    report("RSS after 10,000 junk requests and 2 GB of body", memory(daemon.process.pid), size, 1.2, "MB")
    daemon.kill()
    twin.close()


def years(folder: Path) -> None:
    """Serving again after a kill -9: with a million events in the journal, and with those of one day."""
    (folder / "years").mkdir()
    twin, file = outside(folder / "years")
    took: dict[str, list[float]] = {"one day": [], "many": []}
    for name in took:
        data = folder / "years" / name
        if name == "many":
            Store(data / "journal.db").close()
            lengthen(data / "journal.db", 1_000_000)
        daemon = Daemon(file, data)
        daemon.take()
        for _ in range(5):
            daemon.kill()
            start = time.perf_counter()
            daemon = Daemon(file, data)
            daemon.take()
            took[name].append(time.perf_counter() - start)
        daemon.kill()
    report("kill -9 -> a ticket, 1,000,000 events", p50(took["many"]), p50(took["one day"]), 1.5)
    verdict = "ok  " if p50(took["many"]) <= 2000 else "OVER"
    print(f"{verdict} the slowest of them {max(took['many']):.2f} s, goal 2 s")
    twin.close()


def lengthen(path: Path, rows: int) -> None:
    """Put as many events of days gone by into an empty journal, with their seals."""
    first, seal = FakeClock(MONDAY - timedelta(days=200)), ""
    lines: list[tuple[object, ...]] = []
    for seq in range(1, rows + 1):
        if seq % 1000 == 1:
            first.move(MONDAY - timedelta(days=200, minutes=-seq // 1000))
            event: Event = DayOpened(str(first.now().wall.date()), at=first.now(), actor="clock", press="")
        else:
            number = f"A{seq % 1000:03}"
            event = TicketIssued(number, "A", "hall", at=first.now(), actor="buttons", press=f"{seq}")
        row = encode(seq, event)
        seal = sealed(seal, row)
        lines.append((*row, seal))
    with closing(opened(path)) as db:
        db.execute("BEGIN")
        db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", lines)
        db.execute("COMMIT")


def memory(pid: int) -> float:
    """Megabytes that a process holds."""
    return held(Path(f"/proc/{pid}/status").read_text())


def held(status: str) -> float:
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def month(load: float) -> tuple[float, float, float, float, int]:
    """A fixed simulated month of twenty days: minutes of mean error of the forecast, and of people ahead
    x standard minutes / windows, by service (as halls do it) and of the whole hall at once; how often the
    80 % band held; tickets. The care class apart. The forecast sees the events only."""
    forecaster, guesses, last = Forecaster(PLAN), dict[str, tuple[float, float]](), dict[str, object]()
    simple: tuple[list[float], list[float]] = ([], [])
    told: list[tuple[float, bool]] = []
    days = (MONDAY.date() + timedelta(days=n) for n in range(60))
    open_days = [day for day in days if calendar.sessions(PLAN, day)][:20]
    for seed, day in enumerate(open_days):
        for event in Day(PLAN, day, seed, load, {}).run():
            state = forecaster.state
            match event:
                case TicketIssued(ticket=number, service=service, care=False):
                    waiting, minutes = list(state.waiting()), PLAN.service[service].minutes
                    serving = sum(service in window.services for window in PLAN.window.values())
                    ahead = sum(ticket.service == service for ticket in waiting)
                    guesses[number] = (ahead * minutes / serving, len(waiting) * minutes / len(PLAN.window))
                case TicketCalled(ticket=number) if number in guesses:
                    waited = seen_at(state, event.at).seconds - state.tickets[number].place
                    for errors, guess in zip(simple, guesses.pop(number), strict=True):
                        errors.append(abs(waited / 60 - guess))
            forecaster.hear(event)
            for service, known in forecaster.errors.items():
                if last.get(service) is not known[-1]:
                    told.append(known[-1])
                    last[service] = known[-1]
    mean, held = (statistics.fmean(values) for values in zip(*told, strict=True))
    return mean / 60, *map(statistics.fmean, simple), held, len(told)


def forecast(folder: Path) -> None:
    for busy in (0.75, 1.0, 1.25):
        mean, simple, whole, held, tickets = month(busy)
        report(f"forecast, {tickets} tickets, load {busy}", mean, simple, 0.75, "min")
        verdict = "ok  " if 0.75 <= held <= 0.88 else "OVER"
        print(f"{verdict} its 80 % band held for {held:.1%} of them, goal 75 to 88 %")
        print(f"     people ahead of all services x minutes / all windows: {whole:.2f} min")


def busy(pid: int) -> float:
    """Share of a core that a process uses over ten seconds."""

    def ticks() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    threading.Event().wait(10)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / 10


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    print("测量中,约一分钟 | measuring, about a minute")
    only = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="hallqueue-bench-", dir=".") as name:
        for measure in (durable, chains, bus, boards, process, years, hostile, forecast):
            if not only or measure.__name__ in only:
                measure(Path(name).resolve())
