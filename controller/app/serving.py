"""Verbs that serve until a signal comes: run, simulate, safe."""

import argparse
import itertools
import os
import signal
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from controller.app import running as roof
from controller.app.console import located, tell, told, unusable
from controller.app.safe import UNKNOWN, standing_in
from controller.journal.files import CannotStart, NotYet, lock
from controller.journal.store import Store, planned
from controller.runtime.clock import FakeClock, SystemClock
from controller.settings.reader import Mistakes
from controller.settings.schema import Settings
from display.words.catalogue import Part

ANNOUNCE, LOOK = (
    60,
    5,
)  # s between two announcements of the safe hall; until it looks whether the hall could start
IP_FREEBIND = 15  # of Linux, ip(7): bind to an address that does not exist yet; Python has no name for it


def run(options: argparse.Namespace) -> int:
    while serve(options) == signal.SIGHUP:
        tell("start.again")
    return 0


def serve(options: argparse.Namespace) -> int:
    """Run the hall until a signal; which one. SIGHUP: read hall.toml again."""
    simulated = options.verb == "simulate"
    folder: Path = options.data / "simulated" if simulated else options.data
    first = not (folder / "journal.db").exists()
    broken: Mistakes | OSError | None = None
    try:
        plan = roof.read_plan(options.file.read_bytes())
    except (Mistakes, OSError) as error:
        if first:
            raise
        broken = error
    if first and not simulated:
        roof.require_ports(plan)
    listener = roof.listen(options.bind, options.port)
    store = Store(folder / "journal.db")
    if broken:
        plan = last_valid(store, broken)
    last = store.believed()
    site = roof.Site(folder, SystemClock(plan.hall.timezone, last), listener)
    site.restart = lambda: os.kill(os.getpid(), signal.SIGHUP)
    with ExitStack() as stops:
        if simulated:
            # Machines are loaded only here: a real hall needs none of them.
            from controller.simulated.simulation import Simulation, opening

            wires = Path(stops.enter_context(tempfile.TemporaryDirectory(prefix="hallqueue-")))
            fake = site.clock = FakeClock(
                opening(plan, site.clock.now().wall, last.wall if last else None), speed=1.0
            )
            plan, site.coming = roof.in_force(plan, store, fake)
            site.twin = Simulation(plan, wires, fake)
            stops.callback(site.twin.close)
            plan = site.twin.plan
        else:
            plan, site.coming = roof.in_force(plan, store, site.clock)
        site.notes += red_lines(plan, options.file, broken)
        for code, arguments in site.notes:
            tell(f"status.{code}", **arguments)
        stop = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_BLOCK, stop)
        house = stops.enter_context(roof.running(plan, store, site))
        address = roof.net(*listener.getsockname()[:2])
        url = f"{'https' if house.access.secure else 'http'}://{address}/"
        if house.access.people.fresh:
            tell("status.no_technician", data=folder)
        elif (folder / "passcode").exists():
            tell("start.passcode", data=folder)
        tell("start.serving", url=url)
        if simulated:
            tell("start.twin", url=url, passphrase=roof.SIMULATED)
        return signal.sigwait(stop)


def last_valid(store: Store, broken: Mistakes | OSError) -> Settings:
    """The settings that the journal holds, in place of a file that is broken. Raises what is wrong with the
    file where there are none."""
    try:
        return roof.kept_plan(store.plan().encode())
    except Mistakes:
        store.close()
        raise broken from None


def red_lines(plan: Settings, file: Path, broken: Mistakes | OSError | None) -> Iterator[roof.Note]:
    """What is wrong with the settings: with those of the file, and with those that are in force."""
    if broken and getattr(broken, "found", None) != plan.refused:  # else they are the same
        yield "plan_broken", unusable(file, broken)
    for mistake in plan.refused:
        yield "plan_refused", located(file, mistake)


def stand_in(options: argparse.Namespace) -> int:
    """The safe hall, until a signal; its settings are those that are valid or, if none are, were the last.
    It gives way, with 75, when what kept the hall from starting has passed."""
    plan = readable(options)
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    listener = early(options.bind, options.port)
    why = lacking(plan, options, listener)
    waits = Part(f"start.{why.code}", why.arguments) if why else None
    with standing_in(plan, SystemClock(plan.hall.timezone, None), listener, waits) as announce:
        tell("safe.blind" if plan is UNKNOWN else "safe.started")
        for second in itertools.count(0, LOOK):
            if second % ANNOUNCE == 0:
                announce()
            if signal.sigtimedwait(stop, LOOK):
                break
            if why and not lacking(plan, options, listener):
                return os.EX_TEMPFAIL
    return 0


def readable(options: argparse.Namespace) -> Settings:
    """The best that can be read: hall.toml, the journal's settings, what is right in hall.toml, or none."""
    try:
        return roof.read_plan(options.file.read_bytes())
    except (Mistakes, OSError) as error:
        print(told(unusable(options.file, error)), file=sys.stderr)
    with suppress(Mistakes, sqlite3.Error, ValueError):
        return roof.kept_plan(planned(options.data / "journal.db").encode())
    with suppress(Mistakes, OSError):
        return roof.kept_plan(options.file.read_bytes())
    return UNKNOWN


def early(bind: str, port: int) -> socket.socket | None:
    """A listener that serves as soon as its address comes, which may be later; None if it cannot be had."""
    listener = socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
    try:
        listener.bind((bind, port))
        listener.listen(512)
    except (OSError, OverflowError, UnicodeError):
        listener.close()
        return None
    return listener


def lacking(plan: Settings, options: argparse.Namespace, listener: socket.socket | None) -> NotYet | None:
    """What the hall would lack if it started now, of all that may come by itself."""
    journal = options.data / "journal.db"
    try:
        roof.listen(options.bind, 0 if listener else options.port).close()
        os.close(lock(journal)) if journal.exists() else roof.require_ports(plan)
    except NotYet as why:
        return why
    except CannotStart:
        pass  # a person must mend it, and says so by starting the hall
    return None
