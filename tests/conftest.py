"""What tests stand on: the real configuration, a clock of their own, a whole running hall."""

import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import quality
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, expect, sync_playwright
from wait import until

from controller.app import running as roof
from controller.hall.commands import Tick
from controller.journal.store import Store
from controller.runtime.clock import Clock, FakeClock
from controller.settings.reader import parse
from controller.settings.schema import Settings
from controller.simulated.simulation import Simulation
from drivers.base.load import load
from web.house import House

# How long an example takes says nothing on a busy machine. `fuzz` is for `make fuzz`.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", settings.get_profile("suite"), max_examples=100_000, database=None)
settings.load_profile("suite")
expect.set_options(timeout=60_000)  # as `until`: a busy machine is no fault
ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "longshuitang.toml"
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--states", type=int, default=1000, help="power cuts in test_powercut (make torture: 150000)"
    )
    parser.addoption("--days", type=int, default=2, help="days lived in test_month (make torture: 2 x 11)")
    parser.addoption("--after", type=int, default=0, help="working days of that month that are left out")
    parser.addoption(
        "--cycles", type=int, default=50, help="cables pulled in test_replug (make torture: 1000)"
    )

    parser.addoption(
        "--cuts",
        type=int,
        default=2,
        help="deaths of the daemon, a fifth of them power cuts (make torture: 1000)",
    )

    parser.addoption(
        "--times",
        type=int,
        default=1,
        help="how much larger samples of random histories are (make torture: 25)",
    )

    parser.addoption(
        "--commands",
        type=int,
        default=1500,
        help="of any kind with any values in test_any_command (make torture: 1000000)",
    )

    parser.addoption(
        "--seconds",
        type=float,
        default=0.0,
        help="how long every address is asked at least, once in any case (make torture: 120)",
    )

    parser.addoption(
        "--quick",
        action="store_true",
        help="without browser, running hall, other programs and what is marked slow (make check)",
    )
    parser.addoption("--count", default="", help="the row of docs/quality.md for what was counted")

    parser.addoption(
        "--files", type=int, default=60, help="hall.toml spoiled in test_files (make torture: 100000)"
    )

    parser.addoption(
        "--damages", type=int, default=2000, help="frames spoiled in test_fuzz (make fuzz: 1000000)"
    )


LEFT_OUT: Counter[str] = Counter()  # tests that were not run, by what they need
# What a test names that starts another program: ours, or one of Debian's.
PROGRAMS = {"Daemon", "Ordeal", "hallqueue", "needs", "outside", "record", "subprocess"}


def heavy(item: pytest.Function) -> str:
    """What a test needs that takes long; empty if nothing does."""
    found = item._fixtureinfo.name2fixturedefs
    code = [getattr(one.func, "__code__", None) for name in item.fixturenames for one in found.get(name, ())]
    names = {name for part in (*code, item.function.__code__) if part for name in part.co_names}
    if "browser" in item.fixturenames:
        return "a browser"
    if {"start_hall", "shared_hall"} & {*item.fixturenames}:
        return "a running hall"
    slow = "times" in item.fixturenames or item.get_closest_marker("slow")
    return "another program" if names & PROGRAMS else "time" if slow else ""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Browsers are heavy: those tests come first, a file's one after the other in one process.

    A wrapper: xdist reads the groups, and pytest-randomly shuffles, in between.
    """
    for item in list(items):
        what = heavy(item)  # type: ignore[arg-type]
        if what == "a browser":
            item.add_marker(pytest.mark.xdist_group(f"browser {item.path.name}"))
        if (config.getoption("--quick") and what) or (
            config.getoption("--times") > 1 and "times" not in item.fixturenames  # type: ignore[attr-defined]
        ):
            items.remove(item)
            LEFT_OUT[f"that need {what}" if config.getoption("--quick") else "that are no sample"] += 1
    if hasattr(config, "workeroutput"):
        config.workeroutput["left out"] = dict(LEFT_OUT)
    yield
    # What one process must do alone comes first, and then what takes long: nobody waits for it at the end.
    items.sort(key=lambda item: not item.get_closest_marker("slow"))
    items.sort(key=lambda item: not item.get_closest_marker("xdist_group"))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker left out the same."""
    LEFT_OUT.update(Counter(getattr(node, "workeroutput", {}).get("left out", {})) - LEFT_OUT)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What was left out and counted, and the order, also where the header that names it is not shown."""
    for what, number in sorted(LEFT_OUT.items()):
        terminalreporter.write_line(f"left out: {number} tests {what}")
    seed = config.getoption("randomly_seed", None)
    terminalreporter.write_line(f"the same order again: make test SEED={seed}" if seed is not None else "")
    passed, part = terminalreporter.stats.get("passed", ()), config.getoption("--count")
    counted = quality.summed(
        said for report in passed for what, said in report.user_properties if what == "counted"
    )
    if part:
        terminalreporter.write_line("\n".join(["counted:", *counted]))
        if not terminalreporter.stats.keys() & {"failed", "error", "skipped"}:
            quality.write(part, counted)


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say what a long test has counted."""
    return lambda text: record_property("counted", text)


@pytest.fixture
def times(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--times"))


@pytest.fixture
def damages(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--damages"))


@pytest.fixture
def files(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--files"))


@pytest.fixture
def cuts(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--cuts"))


@pytest.fixture
def commands(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--commands"))


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> float:
    return float(request.config.getoption("--seconds"))


@pytest.fixture
def cycles(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--cycles"))


def needs(program: str) -> str:
    """The path of a program that a test drives; without it the test fails in CI, else skips."""
    path = shutil.which(program)
    if path is None:
        reason = f"{program} is missing: apt-get install {program}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless: the shell, where there is one, as it draws no windows around the pages."""
    flags = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    flags += ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        path = shutil.which("chromium-headless-shell") or needs("chromium")
        chromium = playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def plan() -> Settings:
    return parse(EXAMPLE.read_bytes(), load)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Keeps an answer that would lead elsewhere."""

    def redirect_request(self, *args: Any) -> None:
        return None


def sign_in(url: str, passphrase: str) -> str:
    """The cookie of a technician who signed in."""
    form = urllib.parse.urlencode({"given": passphrase}).encode()
    try:
        urllib.request.build_opener(_Stay).open(f"{url}/login", form)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["Set-Cookie"]).partition(";")[0]
    raise AssertionError("no session was opened")


@dataclass
class Hall:
    """A whole hall in this process: real drivers on simulated wires, and its twin."""

    house: House
    twin: Simulation
    url: str
    folder: Path
    stop: Callable[[], None]
    restarts: list[bool]
    cookie: str = ""

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """POST to the API as the technician, which does it; its answer."""
        told = self._posted(path, body)
        assert "error" not in told, f"{path}: {told}"
        return told

    def refused(self, path: str, **body: Any) -> dict[str, Any]:
        """POST to the API as the technician, which refuses it; why, as code and as message."""
        told = self._posted(path, body)
        assert "error" in told, f"{path}: {told}"
        return told

    def _posted(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.cookie = self.cookie or sign_in(self.url, roof.SIMULATED)
        key = {"Cookie": self.cookie, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", json.dumps(body).encode(), key)
        try:
            with urllib.request.urlopen(request) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as refused:
            told = dict(json.load(refused))
        assert told["error"] != "no_page", path
        if told["error"] == "forbidden" and self.cookie:  # half an hour has passed
            self.cookie = ""
            return self._posted(path, body)
        return told

    def press(self, device: str, key: str) -> None:
        self.twin.press(device, key)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)

    def page(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path) as answer:
            return str(answer.read().decode())

    def machine(self, name: str) -> Any:
        return self.twin.machines[name]

    def turn(self, device: str, knob: str, value: int = 1) -> None:
        self.twin.turn(device, knob, value)

    def health(self, name: str) -> tuple[str, str]:
        health = self.house.devices[name].health
        return health.state, health.code

    @property
    def state(self) -> Any:
        return self.house.engine.state

    def take(self, service: str = "A") -> str:
        """Press a ticket button once it is lit; the number that was issued."""
        until(lambda: not self.state.kiosks)
        before = self.state.issued.get(service, 0)
        self.press("buttons", service)
        until(lambda: self.state.issued.get(service, 0) > before)
        return f"{service}{before + 1:03}"

    def call(self, window: str) -> str:
        """Press next at a window, signing in first if need be; the number that was called."""
        before = self.state.window(window).ticket
        if not self.state.window(window).clerk:
            self._next(window, lambda: self.state.window(window).clerk)
        return self._next(window, lambda: (t := self.state.window(window).ticket) != before and t)

    def _next(self, window: str, fact: Callable[[], Any]) -> str:
        """Press until it is heard: a machine that is very busy may miss a press, and people press again."""
        for _ in range(3):
            if fact():
                break
            self.press(f"unit{window}", "next")
            with suppress(AssertionError):
                until(fact, 5)
        return str(until(fact))


# Hashes that cost nothing: a file of people.json says itself how much work each of its hashes is.
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
TECHNICIAN, PIN = QUICK.hash(roof.SIMULATED), QUICK.hash("000000")


def known_people(plan: Settings) -> str:
    """The people.json of a simulated hall: its technician, and every clerk with the PIN 000000."""
    clerks = {window.clerk: PIN for window in plan.window.values()}
    return json.dumps({"technician": TECHNICIAN, "clerks": clerks})


@contextmanager
def halls(tmp_path: Path, clock: FakeClock) -> Iterator[Callable[..., Any]]:
    running: list[ExitStack] = []

    def start(
        text: str | None = None, folder: str = "data", at: Clock = clock, port: int = 0, known: bool = True
    ) -> Hall:
        """Without `known` the hall takes its simulated devices for real ones."""
        real = roof.read_plan((text or EXAMPLE.read_text()).encode())
        (wires := tmp_path / f"wires{len(running)}").mkdir()
        (people := tmp_path / folder / "people.json").parent.mkdir(exist_ok=True)
        if known and not people.exists():
            people.write_text(known_people(real))
        running.append(stops := ExitStack())
        store = Store(tmp_path / folder / "journal.db")
        real, coming = roof.in_force(real, store, at)
        twin = Simulation(real, wires, at)
        stops.callback(twin.close)
        listener = roof.listen("127.0.0.1", port)
        site = roof.Site(tmp_path / folder, at, listener, twin=twin if known else None, coming=coming)
        restarts: list[bool] = []
        site.restart = lambda: restarts.append(True)
        house = stops.enter_context(roof.running(twin.plan, store, site))
        port = listener.getsockname()[1]
        hall = Hall(house, twin, f"http://127.0.0.1:{port}", tmp_path / folder, stops.close, restarts)
        until(lambda: not any("starting" in (d.health.state, d.health.code) for d in house.devices.values()))
        house.engine.submit(Tick(actor="clock")).result()  # all that was said so far is heard
        until(lambda: not hall.state.kiosks)
        return hall

    try:
        yield start
    finally:
        for stops in reversed(running):
            stops.close()


@pytest.fixture
def start_hall(tmp_path: Path, clock: FakeClock) -> Iterator[Callable[..., Any]]:
    """Start a hall on a journal folder; after its `stop`, call again for a restart."""
    with halls(tmp_path, clock) as start:
        yield start


@pytest.fixture(scope="module")
def shared_hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """One for all tests of a file that ask nothing of what happened there before."""
    with halls(tmp_path_factory.mktemp("hall"), FakeClock(MONDAY)) as start:
        yield start(EXAMPLE.read_text() + '\n[policy]\ncut_off = "none"\n')


@pytest.fixture
def hall(start_hall: Callable[..., Hall]) -> Hall:
    return start_hall()
