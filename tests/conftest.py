"""What tests stand on: the real configuration, a clock of their own, a whole running hall."""

import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, expect, sync_playwright
from wait import until

from controller.app import running as roof
from controller.hall.commands import Tick
from controller.journal.store import Store
from controller.runtime.clock import FakeClock
from controller.settings.reader import parse
from controller.settings.schema import Settings
from controller.simulated.simulation import Simulation
from drivers.base.load import load
from web.house import House

expect.set_options(timeout=15_000)  # as `until`: a busy machine is no fault
ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "longshuitang.toml"
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def pytest_addoption(parser: pytest.Parser) -> None:
    settings.register_profile("fuzz", max_examples=100_000, deadline=None, database=None)
    parser.addoption(
        "--states", type=int, default=2500, help="power cuts in test_powercut (make torture: 150000)"
    )
    parser.addoption("--days", type=int, default=2, help="days lived in test_month (make torture: 22)")
    parser.addoption(
        "--cycles", type=int, default=50, help="cables pulled in test_replug (make torture: 1000)"
    )

    parser.addoption(
        "--cuts",
        type=int,
        default=8,
        help="deaths of the daemon, a fifth of them power cuts (make torture: 1000)",
    )

    parser.addoption(
        "--damages", type=int, default=2000, help="frames spoiled in test_fuzz (make fuzz: 1000000)"
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Browsers are heavy: those tests come first, a file's one after the other in one process.

    A wrapper: xdist reads the groups, and pytest-randomly shuffles, in between.
    """
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(f"browser {item.path.name}"))
    yield
    items.sort(key=lambda item: "browser" not in getattr(item, "fixturenames", ()))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The order in which the tests ran, also where the header that names it is not shown."""
    seed = config.getoption("randomly_seed", None)
    terminalreporter.write_line(f"the same order again: make test SEED={seed}" if seed is not None else "")


@pytest.fixture
def damages(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--damages"))


@pytest.fixture
def cuts(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--cuts"))


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


@pytest.fixture
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
        until(lambda: not self.state.kiosks, 20)
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


@pytest.fixture
def start_hall(tmp_path: Path, clock: FakeClock) -> Iterator[Callable[..., Any]]:
    """Start a hall on a journal folder; after its `stop`, call again for a restart."""
    running: list[ExitStack] = []

    def start(
        text: str | None = None,
        folder: str = "data",
        at: FakeClock = clock,
        port: int = 0,
        known: bool = True,
    ) -> Hall:
        """Without `known` the hall takes its simulated devices for real ones."""
        real = roof.read_plan((text or EXAMPLE.read_text()).encode())
        (wires := tmp_path / f"wires{len(running)}").mkdir()
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

    yield start
    for stops in reversed(running):
        stops.close()


@pytest.fixture
def hall(start_hall: Callable[..., Hall]) -> Hall:
    return start_hall()
