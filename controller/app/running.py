"""The roof: builds the running hall, starts it in order, stops it in reverse."""

import errno
import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from controller.hall import calendar, keys
from controller.hall.commands import Command, CutOff, LoadPlan
from controller.hall.decide import decide
from controller.hall.events import DayClosed, DayOpened, TicketEvent, TicketIssued
from controller.hall.outcome import Outcome, Refused
from controller.hall.state import State, seen_at
from controller.journal.files import CannotStart, NotYet, in_memory
from controller.journal.people import People, passcode
from controller.journal.store import Store, read
from controller.runtime.child import Child
from controller.runtime.clock import Clock
from controller.runtime.engine import Engine
from controller.runtime.keeper import Keeper
from controller.runtime.oracle import Figures, Oracle
from controller.runtime.ports import Generations, build, built, ports
from controller.runtime.watch import Watch
from controller.settings.reader import Mistakes, kept, parse
from controller.settings.schema import Settings
from display.stage import CallUnit, Stage
from display.words.catalogue import override, say, written
from drivers.base.device import Device
from drivers.base.inventory import Inventory
from drivers.base.kinds import Button, Press
from drivers.base.load import load
from drivers.base.port import Port
from web.access.guard import Access
from web.app import create
from web.house import LATELY, House, on_screens
from web.pages import twin as twin_page
from web.pages.status import event_told, fate
from web.pages.twin import Twin
from web.server.serve import Server
from web.server.stream import Live

log = logging.getLogger("hallqueue")
Note = tuple[str, Mapping[str, Any]]
SIMULATED = "hallqueue simulate"  # the technician's passphrase there


# Of a web address: it comes with the network, another program may end, a name server may answer later.
PASSING = (errno.EADDRNOTAVAIL, errno.EADDRINUSE, socket.EAI_AGAIN)


def net(host: str, port: int) -> str:
    """Host and port as one word: an IPv6 address is in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(bind: str, port: int) -> socket.socket:
    """Take the web address before anything else is touched; "::" is IPv6 and IPv4. Raises CannotStart,
    NotYet where it may be had a moment later."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        return socket.create_server((bind, port), family=family, backlog=512, dualstack_ipv6=bind == "::")
    except (OSError, OverflowError, UnicodeError) as error:
        passing = getattr(error, "errno", 0) in PASSING or "%" in bind  # fe80::1%eth1: an interface
        why = NotYet if passing else CannotStart
        # Python repeats the address there, which the sentence names already.
        detail = str(getattr(error, "strerror", "") or error).partition(" (while ")[0]
        raise why("web_busy", address=net(bind, port), detail=detail) from error


def require_ports(plan: Settings) -> None:
    """Every device file that hall.toml names must exist at a first start. Raises NotYet."""
    for name, device in plan.device.items():
        file = device.url.removeprefix("lp:").removeprefix("spi:")
        if file.startswith("/") and not Path(file).exists():
            raise NotYet("no_port", device=name, url=device.url)


def known(plan: Settings, site: "Site") -> People:
    """Who may come in; in a simulated hall everybody's PIN is 000000. Raises CannotStart."""
    try:
        people = People(site.folder)
        if site.twin and people.fresh:
            people.choose(SIMULATED)
            for window in plan.window.values():
                people.set_pin(window.clerk, "000000")
        return people
    except OSError as error:
        raise CannotStart("journal_unusable", path=site.folder, detail=error.strerror) from error


def tls(plan: Settings, notes: list[Note]) -> tuple[str, str] | None:
    """Certificate and key of the pages; without good ones they go unencrypted, and a line says so."""
    if not plan.web.certificate:
        notes.append(("no_tls", {}))
        return None
    try:
        pair = (plan.web.certificate, plan.web.key or plan.web.certificate)
        # Without a password it would ask for one on the console.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*pair, password="")
        return pair
    except OSError as error:
        notes.append(("tls_broken", {"detail": error.strerror or error}))
        return None


@dataclass(slots=True)
class Site:
    """What a hall stands on besides its plan: data folder, clock, web address, red lines, twin; a
    changed hall.toml that waits for the next business day, and what reads it then."""

    folder: Path
    clock: Clock
    listener: socket.socket
    notes: list[Note] = field(default_factory=list)
    twin: Twin | None = None
    coming: str = ""
    restart: Callable[[], None] = lambda: None


def read_plan(source: bytes) -> Settings:
    """The settings in a hall.toml, whose own sentences are said from now on. Raises Mistakes."""
    plan = parse(source, load, written())
    override(plan.words)
    return plan


def kept_plan(source: bytes) -> Settings:
    """The settings in a text that was right in its day, as the journal's was: what is refused only since
    costs a red line and at most its device. Raises Mistakes."""
    plan = kept(source, load, written())
    override(plan.words)
    return plan


def in_force(plan: Settings, store: Store, clock: Clock) -> tuple[Settings, str]:
    """The plan to run on, and the text of a changed one that must wait: a hall at work goes on by the
    rules under which its tickets were given."""
    state, last = store.state(), store.plan()
    if last in ("", plan.text):
        return plan, ""
    try:
        old = kept_plan(last.encode())
        decide(old, state, LoadPlan(plan.text, actor="hall.toml"), clock.now())
    except Refused:
        return old, plan.text
    except Mistakes:
        log.warning("the plan of before can no longer be read; using the new one")
    return plan, ""


@contextmanager
def running(plan: Settings, store: Store, site: Site) -> Iterator[House]:
    """The running hall, from its journal up to its pages; stopped in reverse order."""
    override(plan.words)
    first = not store.last
    engine = Engine(plan, store, site.clock)
    devices = build(plan)
    stage = Stage(plan, devices, engine.submit, site.clock.now)
    # A simulated hall has no business with this machine's own ports.
    urls = {name: stanza.url for name, stanza in plan.device.items()}
    watch = None if site.twin else Inventory(urls)
    keeper = Keeper(site.folder, plan.backup.folder, lambda: store.last)
    people = known(plan, site)
    secure = tls(plan, site.notes)
    if not site.twin and in_memory(site.folder):  # a simulated hall has nothing to lose
        site.notes.append(("memory", {"path": site.folder}))
    access = Access(plan, people, site.clock, secure is not None)
    house = House(engine, devices, access, stage, keeper, site.folder, site.notes, watch)
    house.coming, house.restart = site.coming, site.restart
    house.lately.extendleft((e.at.wall, partial(event_told, e)) for _, e in read(store.path, -LATELY))
    flask = create(house)
    if site.twin:
        twin_page.add(flask, site.twin, {code: service.name for code, service in plan.service.items()})
    live = Live(flask, lambda: on_screens(house))
    house.screens = lambda: live.screens

    def pressed(press: Press) -> None:
        state = seen_at(engine.state, site.clock.now())  # whose clock may have been found out only now
        box = devices[press.device]
        if command := keys.command(plan, state, press.device, press.key, press.id, press.number):
            engine.submit(command)
        elif isinstance(box, CallUnit):
            box.refuse()  # a press that means nothing now is answered too

    ill = set[str]()

    def waits() -> None:
        stage.wait(engine.doing[0] if engine.doing else None)

    def changed(device: Device) -> None:
        stage.health(device)
        well = device.health.code in ("", "starting")
        if not well or device.name in ill:
            house.lately.appendleft((site.clock.now().wall, partial(fate, device.name, device.health)))
        (ill.discard if well else ill.add)(device.name)
        live.changed()

    def heard(command: Command, outcome: Outcome, state: State) -> None:
        events = () if isinstance(outcome, Refused) else outcome
        house.lately.extendleft((event.at.wall, partial(event_told, event)) for event in events)
        if site.coming and any(isinstance(event, DayClosed | DayOpened) for event in events):
            site.restart()
        if events and isinstance(events[-1], TicketIssued | TicketEvent):
            oracle.poke()
        if outcome:
            keeper.poke()
            live.changed()

    def foreseen(figures: Figures) -> None:
        now = site.clock.now()
        end = calendar.closing(plan, now.wall)
        latest = end and end + timedelta(minutes=plan.policy.grace_minutes)
        for service, told in figures.items() if plan.policy.cut_off == "foreseen" and now.trusted else ():
            finish = now.wall + timedelta(seconds=told["finish"])
            if latest and finish > latest and service not in engine.state.cut:
                engine.submit(CutOff(service, finish, actor="forecast"))
        live.changed()

    def welcome(device: Device) -> None:
        device.on_health = changed
        if isinstance(device, Button):
            device.emit = pressed

    def succeed(device: Device) -> None:
        welcome(device)
        devices[device.name] = device
        stage.succeed(device)

    def look_again(device: Device) -> None:
        house.watch = device if isinstance(device, Inventory) else None

    oracle = Oracle(plan, store.path, site.clock.now, foreseen)
    house.foreseen = stage.foreseen = oracle.figures
    for device in devices.values():
        welcome(device)
    engine.listeners += [stage.listen, heard]
    if store.plan() != plan.text:
        engine.submit(LoadPlan(plan.text, actor="hall.toml"))
    stage.start(engine.state)
    wires: list[Generations] = [
        Generations(port, lambda old: built(plan, old.name), succeed) for port in ports(plan, devices)
    ]
    if watch:
        wires.append(Generations(Port("", 0, [watch], 60.0), lambda old: Inventory(urls), look_again))
    server = Server(live, site.listener, secure)
    overseer = Watch([engine, server], [oracle, keeper, *wires], engine.busy, waits)
    house.late = overseer.late
    parts: list[Engine | Child | Generations | Server | Watch] = [
        oracle,
        engine,
        keeper,
        *wires,
        server,
        overseer,
    ]
    with ExitStack() as stops:
        stops.callback(override, {})
        stops.callback(store.close)
        for part in parts:
            part.start()
            stops.callback(part.stop)
        # Where there was a technician his code is for the console (status.no_technician), not for who stands
        # at a public printer.
        if first and people.fresh:
            stage.slip(say("login.slip", code=passcode(site.folder)))
        yield house
