"""The roof: builds the running hall, starts it in order, stops it in reverse."""

import logging
import secrets
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller import keys
from controller import model as m
from controller.clock import Clock
from controller.engine import Engine
from controller.settings import Settings
from controller.store import Store
from display.stage import Stage
from drivers.base import Button, Device, Port, Press, load
from web import twin as twin_page
from web.app import House, board, create
from web.live import Live, Server
from web.twin import Twin

log = logging.getLogger("hallqueue")
Note = tuple[str, Mapping[str, Any]]


class StartError(Exception):
    """The hall cannot start; `code` has a sentence in display/words."""

    def __init__(self, code: str, **arguments: Any) -> None:
        super().__init__(code, arguments)
        self.code, self.arguments = code, arguments


class Unbuilt(Device):
    """Stands for a device whose driver cannot be built: a red line, never a dead hall."""

    wired = False

    def turn(self, link: object) -> float:
        self.report("down", "bug")
        return 3600.0


def listen(bind: str, port: int) -> socket.socket:
    """Take the web address before anything else is touched. Raises StartError."""
    try:
        return socket.create_server((bind, port), backlog=512)
    except OSError as error:
        address = f"{bind}:{port}"
        raise StartError("web_busy", address=address, detail=error.strerror or error) from error


def require_ports(plan: Settings) -> None:
    """Every tty that hall.toml names must exist at a first start. Raises StartError."""
    for name, device in plan.devices.items():
        if device.url.startswith("/") and not Path(device.url).exists():
            raise StartError("no_port", device=name, url=device.url)


def token(folder: Path) -> tuple[str, bool]:
    """The technician's token, and whether it is new."""
    path = folder / "technician.token"
    if path.exists():
        return path.read_text().strip(), False
    made = secrets.token_urlsafe(16)
    path.touch(mode=0o600)
    path.write_text(made + "\n")
    return made, True


def build(plan: Settings) -> dict[str, Device]:
    """The devices of hall.toml, in its order."""
    built: dict[str, Device] = {}
    for name, stanza in plan.devices.items():
        try:
            built[name] = load(stanza.driver)(name, **stanza.options)
        except Exception:
            log.exception("%s: its driver %s cannot be built", name, stanza.driver)
            built[name] = Unbuilt(name)
    return built


def ports(plan: Settings, devices: Mapping[str, Device]) -> list[Port]:
    """One port for each wire; a device that needs no wire has one for itself."""
    wires: dict[str, list[str]] = {}
    for name, device in devices.items():
        wires.setdefault(plan.devices[name].url if device.wired else f"{name} alone", []).append(
            name
        )
    found = []
    for names in wires.values():
        first, members = plan.devices[names[0]], [devices[name] for name in names]
        url = first.url if members[0].wired else ""
        found.append(Port(url, first.baudrate, members, first.retry))
    return found


@dataclass(slots=True)
class Site:
    """What a run needs besides the plan. `ready` is told the hall's address and new token."""

    folder: Path
    clock: Clock
    listener: socket.socket
    notes: list[Note]
    ready: Callable[[str, str], None]
    twin: Twin | None = None


def run(plan: Settings, store: Store, site: Site) -> None:
    """Run the hall until SIGTERM or SIGINT."""
    engine = Engine(plan, store, site.clock)
    devices = build(plan)
    stage = Stage(plan, devices, engine.submit)
    secret, new = token(site.folder)
    house = House(engine, devices, secret, site.notes)
    flask = create(house)
    if site.twin:
        twin_page.add(flask, site.twin, {code: s.name for code, s in plan.services.items()})
    live = Live(flask, lambda: board(house))
    house.screens = lambda: live.screens

    def pressed(press: Press) -> None:
        command = keys.command(plan, engine.state, press.device, press.key, press.id)
        if command:
            engine.submit(command)

    def changed(device: Device) -> None:
        stage.health(device)
        live.changed()

    for device in devices.values():
        device.on_health = changed
        if isinstance(device, Button):
            device.emit = pressed
    engine.listeners += [stage.listen, lambda *_: live.changed()]
    server, lines = Server(live, site.listener), ports(plan, devices)
    stop = _stop_signal()
    new_plan = store.plan() != plan.text
    engine.start()
    if new_plan:
        engine.submit(m.LoadPlan(plan.text, actor="hall.toml"))
    stage.start(engine.state, site.clock.now())
    for line in lines:
        line.start()
    server.start()
    host, number = site.listener.getsockname()[:2]
    site.ready(f"http://{host}:{number}/", secret if new else "")
    stop()
    server.stop()
    for line in reversed(lines):
        line.stop()
    engine.stop()
    store.close()


def _stop_signal() -> Callable[[], object]:
    """A function that waits for SIGTERM or SIGINT, counted from now."""
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    return lambda: signal.sigwait(signals)
