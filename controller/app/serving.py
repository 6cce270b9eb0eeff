"""Verbs that serve until a signal comes: run, simulate, safe."""

import argparse
import os
import signal
import sqlite3
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from controller.app import running as roof
from controller.app.console import tell, told, unusable
from controller.app.safe import UNKNOWN, standing_in
from controller.journal.store import Store, planned
from controller.runtime.clock import FakeClock, SystemClock
from controller.settings.reader import Mistakes

ANNOUNCE = 60.0  # s between two announcements of the safe hall


def run(options: argparse.Namespace) -> int:
    while serve(options) == signal.SIGHUP:
        tell("start.again")
    return 0


def serve(options: argparse.Namespace) -> int:
    """Run the hall until a signal; which one. SIGHUP: read hall.toml again."""
    simulated = options.verb == "simulate"
    folder: Path = options.data / "simulated" if simulated else options.data
    first = not (folder / "journal.db").exists()
    notes: list[roof.Note] = []
    try:
        plan = roof.read_plan(options.file.read_bytes())
    except (Mistakes, OSError) as error:
        if first:
            raise
        notes.append(("plan_broken", unusable(options.file, error)))
        tell("status.plan_broken", **notes[0][1])
    if first and not simulated:
        roof.require_ports(plan)
    listener = roof.listen(options.bind, options.port)
    store = Store(folder / "journal.db")
    if notes:
        plan = roof.read_plan(store.plan().encode())
    last = store.last_wall()
    site = roof.Site(folder, SystemClock(plan.hall.timezone, last), listener, notes)
    site.restart = lambda: os.kill(os.getpid(), signal.SIGHUP)
    with ExitStack() as stops:
        if simulated:
            # Machines are loaded only here: a real hall needs none of them.
            from controller.simulated.simulation import Simulation, opening

            wires = Path(stops.enter_context(tempfile.TemporaryDirectory(prefix="hallqueue-")))
            fake = site.clock = FakeClock(opening(plan, site.clock.now().wall, last), speed=1.0)
            plan, site.coming = roof.in_force(plan, store, fake)
            site.twin = Simulation(plan, wires, fake)
            stops.callback(site.twin.close)
            plan = site.twin.plan
        else:
            plan, site.coming = roof.in_force(plan, store, site.clock)
        stop = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_BLOCK, stop)
        house = stops.enter_context(roof.running(plan, store, site))
        url = "{}://{}:{}/".format("https" if house.access.secure else "http", *listener.getsockname()[:2])
        if house.access.people.fresh or (folder / "passcode").exists():
            tell("start.passcode", data=folder)
        tell("start.serving", url=url)
        if simulated:
            tell("start.twin", url=url, passphrase=roof.SIMULATED)
        return signal.sigwait(stop)


def stand_in(options: argparse.Namespace) -> int:
    """The safe hall, until a signal; its settings are those that are valid or, if none are, were the last."""
    try:
        plan = roof.read_plan(options.file.read_bytes())
    except (Mistakes, OSError) as error:
        print(told(unusable(options.file, error)), file=sys.stderr)
        try:
            plan = roof.read_plan(planned(options.data / "journal.db").encode())
        except (Mistakes, sqlite3.Error):
            plan = UNKNOWN
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    listener = roof.listen(options.bind, options.port)
    with standing_in(plan, SystemClock(plan.hall.timezone, None), listener) as announce:
        tell("safe.blind" if plan is UNKNOWN else "safe.started")
        announce()
        while not signal.sigtimedwait(stop, ANNOUNCE):
            announce()
    return 0
