"""`hallqueue <verb>`: the command line. Bad usage and refusals exit with status 2."""

import argparse
import io
import logging
import os
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from datetime import date, datetime, time
from itertools import zip_longest
from pathlib import Path
from typing import Any

from controller import bundle, day, doctor, proof, tape
from controller import main as roof
from controller.clock import FakeClock, SystemClock
from controller.console import answer, languages, located, show, speak, tell, told, unusable
from controller.hall import calendar
from controller.hall.events import Event, TicketCalled, TicketRefused
from controller.hall.line import in_line
from controller.hall.state import account
from controller.journal import backup
from controller.journal.files import CannotStart
from controller.journal.people import passcode
from controller.journal.store import Store, planned, read
from controller.journal.verify import verify
from controller.settings.reader import Mistakes
from display.words import happened, say

ANNOUNCE = 60.0  # s between two announcements of the safe hall


def check(options: argparse.Namespace) -> int:
    roof.read_plan(options.file.read_bytes())
    print(speak("check.ok", file=options.file))
    return 0


def one_time(options: argparse.Namespace) -> int:
    """A forgotten passphrase: who stands at this machine's console may choose another one."""
    options.data.mkdir(parents=True, exist_ok=True)
    print(speak("login.slip", code=passcode(options.data)))
    return 0


def verify_journal(options: argparse.Namespace) -> int:
    count, broken = verify(backup.journal_in(options.data))
    print(speak("start.verify_broken" if broken else "start.verify_ok", count=count, row=broken))
    return 2 if broken else 0


def copy(options: argparse.Namespace) -> int:
    backup.journal_in(options.data)
    options.folder.mkdir(parents=True, exist_ok=True)
    print(speak("backup.done", rows=backup.checked_copy(options.data, options.folder), folder=options.folder))
    return 0


def bring_back(options: argparse.Namespace) -> int:
    if options.drill:
        today = f"{SystemClock('Asia/Shanghai', None).now().wall:%Y-%m-%d}"
        print(speak("backup.drilled", rows=backup.drill(options.folder, options.data, today)))
    else:
        rows, aside = backup.restore(options.folder, options.data)
        print(speak("backup.restored", rows=rows, data=options.data, folder=options.folder))
        if aside:
            print(speak("backup.aside", aside=aside))
    return 0


def whole(data: Path) -> list[proof.Row]:
    """The rows of a journal whose every seal holds. Raises CannotStart."""
    path = backup.journal_in(data)
    if broken := verify(path)[1]:
        raise CannotStart("journal_damaged", path=path, row=broken)
    return list(read(path))


def proved(options: argparse.Namespace) -> list[proof.Row]:
    """The rows of the day that is asked about; the newest one if none is. Raises CannotStart."""
    rows = whole(options.data)
    known = proof.days(rows)
    day = options.day or (known[-1] if known else "")
    if day not in known:
        raise CannotStart("no_day", day=day, newest=known[-1] if known else "-")
    return proof.of_day(rows, day)


def told_of(rows: list[proof.Row], number: str) -> str:
    """The ticket as it is written. Raises CannotStart if there was none."""
    if number and not proof.trail(rows, number.upper()):
        raise CannotStart("no_ticket", ticket=number.upper())
    return number.upper()


def why(options: argparse.Namespace) -> int:
    rows = proved(options)
    number, before = told_of(rows, options.ticket), told_of(rows, options.before)
    return show("why", found=proof.why(rows, number, before), ticket=number, before=before)


def trail(options: argparse.Namespace) -> int:
    rows = proved(options)
    rows = proof.trail(rows, told_of(rows, options.ticket))
    return show("trail", rows=rows, lasted=proof.lasted, happened=happened)


def then(options: argparse.Namespace) -> int:
    rows = whole(options.data)
    zone = rows[-1][1].at.wall.tzinfo if rows else None
    state = proof.at(rows, options.time.replace(tzinfo=options.time.tzinfo or zone))
    if not state.last:
        raise CannotStart("no_day", day=options.time, newest="".join(proof.days(rows)[-1:]))
    return show("at", state=state, in_line=in_line)


def report(options: argparse.Namespace) -> int:
    """The daily fairness report."""
    rows = proved(options)
    state = proof.at(rows, max(event.at.wall for _, event in rows))
    found = [o for o in proof.overtakings(rows) if o.reason not in ("missed", "held", "parked")]
    asked = [e for _, e in rows if isinstance(e, TicketCalled) and e.reason]
    sent = [e for _, e in rows if isinstance(e, TicketRefused)]
    counts = {
        "asked": Counter((event.actor, event.reason) for event in asked),
        "sent": Counter((event.service, event.code) for event in sent),
    }
    return show("report", day=state.day, account=account(state), found=found, **counts)


def simulate_day(options: argparse.Namespace) -> int:
    plan, opens = roof.read_plan(options.file.read_bytes()), {}
    for word in options.open:
        window, _, moment = word.partition("=")
        try:
            opens[window] = time.fromisoformat(moment.zfill(5))
        except ValueError:
            window = ""
        if window not in plan.window:
            raise CannotStart("no_such_open", word=word, windows=" ".join(plan.window))
    if not calendar.sessions(plan, options.date):
        raise CannotStart("no_session", day=options.date)
    days = [
        day.Day(plan, options.date, options.seed, options.load, o) for o in ({}, opens)[: 1 + bool(opens)]
    ]
    found = [day.figures(progress(one)) for one in days]
    for lang in languages():
        print(say("day.title", lang, opens=" ".join(options.open), **vars(options)))
        texts = [answer("day", lang, plan=plan, found=figures) for figures in found]
        print("\n".join(" → ".join(dict.fromkeys(both)) for both in zip(*texts, strict=True)))
    return 0


def positive(word: str) -> float:
    if (value := float(word)) <= 0:
        raise ValueError
    return value


def progress(one: day.Day) -> Iterator[Event]:
    """The events of a simulated day, with a bar of how much of it is over."""
    start, end = one.sessions[0][0], one.sessions[-1][1]
    for event in one.run():
        part = min(1.0, max(0.0, (event.at.wall - start) / (end - start)))
        if sys.stderr.isatty():
            print(f"\r{event.at.wall:%H:%M} {'█' * round(30 * part):░<30}", end="", file=sys.stderr)
        yield event
    if sys.stderr.isatty():
        print(file=sys.stderr)


def list_devices(options: argparse.Namespace) -> int:
    found = list(doctor.devices())
    print(speak("doctor.found" if found else "doctor.nothing", count=len(found)))
    for _, stanza in found:
        print(f"\n{stanza}", end="")
    return 0


def examined(options: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    """What the doctor finds: is it well, and in words."""
    plan = roof.read_plan(options.file.read_bytes())
    clock = SystemClock(plan.hall.timezone, None)
    for well, code, arguments in doctor.machine(options.data, clock):
        yield well, speak(f"doctor.{code}{'' if well else '_ill'}", **arguments)
    for name, health in doctor.ask(plan).items():
        code = f"fault.{health.code}" if health.code else "doctor.device"
        yield health.state == "up", f"{name}: {speak(code, detail=health.detail)}"


def examine(options: argparse.Namespace) -> int:
    """Status 1 if anything needs a hand."""
    ill = 0
    for well, text in examined(options):
        ill += not well
        print("✔" if well else "✘", text)
    return 1 if ill else 0


def pack(options: argparse.Namespace) -> int:
    if sys.stdout.isatty():
        tell("bundle.tty", file=options.file)
        return 2

    def findings() -> str:
        try:
            return "".join(f"{'✔' if well else '✘'} {text}\n" for well, text in examined(options))
        except Mistakes as mistakes:
            return "".join(f"{told(located(options.file, mistake))}\n" for mistake in mistakes.found)

    url, text = f"http://{options.bind}:{options.port}", options.file.read_bytes().decode(errors="replace")
    memory = io.BytesIO()
    with redirect_stdout(sys.stderr):  # a library may have something to say
        found = bundle.write(memory, text, options.data, url, findings)
    sys.stdout.buffer.write(memory.getvalue())
    tell("bundle.done", names=" ".join(found))
    for name, why in found.items():
        if why:
            tell("bundle.lacking", name=name, detail=why)
    return 0


def record(options: argparse.Namespace) -> int:
    plan = roof.read_plan(options.file.read_bytes())
    if options.device not in plan.device:
        tell("tape.no_device", device=options.device, devices=", ".join(plan.device))
        return 2
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with tape.record(plan, options.device, sys.stdout):
        tell("tape.recording", device=options.device)
        signal.sigwait(stop)
    return 0


def replay(options: argparse.Namespace) -> int:
    try:
        then, now = tape.replay(options.file.read_text("utf-8").splitlines())
    except ValueError as error:
        tell("tape.no_recording", file=options.file, detail=error)
        return 2
    for was, became in zip_longest(then, now):
        print("✔" if was == became else "✘", was, "" if was == became else f"-> {str(became)[:120]}")
    print(speak("tape.same" if then == now else "tape.other", count=len(then)))
    return 0 if then == now else 1


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
            from controller.simulation import Simulation, opening

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
            plan = roof.UNKNOWN
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    listener = roof.listen(options.bind, options.port)
    with roof.standing_in(plan, SystemClock(plan.hall.timezone, None), listener) as announce:
        tell("safe.blind" if plan is roof.UNKNOWN else "safe.started")
        announce()
        while not signal.sigtimedwait(stop, ANNOUNCE):
            announce()
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="hallqueue", description="排队叫号 - the queue and display controller of a service hall"
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def argument(name: str, help: str, **more: Any) -> tuple[str, dict[str, Any]]:
        return name, {"help": help, **more}

    folder = Path(os.environ.get("STATE_DIRECTORY", "var"))
    data = argument("--data", "folder of the journal (%(default)s)", type=Path, default=folder)
    file = argument("file", "hall.toml", type=Path, metavar="FILE")
    bind = argument("--bind", "web address (%(default)s)", default="127.0.0.1")
    port = argument("--port", "web port (%(default)s)", type=int, default=8080)
    device = argument("device", "its name in hall.toml", metavar="DEVICE")
    ticket = argument("ticket", "its number, such as A021", metavar="TICKET")
    before = argument("before", "only this one", metavar="BEFORE", nargs="?", default="")
    moment = argument("time", "2026-10-08 09:41", metavar="TIME", type=datetime.fromisoformat)
    on = argument("--day", "2026-10-08 (the newest)", default="")
    newest = argument("day", "2026-10-08 (the newest)", metavar="DAY", nargs="?", default="")
    monday = argument("--date", "%(default)s", type=date.fromisoformat, default="2026-11-23")
    seed = argument("--seed", "another is another day (%(default)s)", type=int, default=1)
    much = argument("--load", "of what all windows can do (%(default)s)", type=positive, default=1.0)
    opens = argument("--open", "a window that opens later", action="append", default=[], metavar="4=9:00")
    folder_ = argument("folder", "of the backup", metavar="FOLDER", type=Path)
    drill = argument("--drill", "only try it, aside (演练)", action="store_true")
    hall_ = (file, data, bind, port)
    for verb, act, text, *arguments in (
        ("run", run, "run the hall on its real devices (按 hall.toml 运行)", *hall_),
        ("simulate", run, "run the same hall with simulated devices and the twin page (模拟运行)", *hall_),
        ("safe", stand_in, "while the hall cannot run, send everybody to the desk (应急告示)", *hall_),
        ("check", check, "name every mistake of a hall.toml (检查配置)", file),
        ("devices", list_devices, "list what is plugged in, with its stanza for hall.toml (列出已插设备)"),
        ("doctor", examine, "test every device of a hall.toml and this machine (体检)", file, data),
        ("bundle", pack, "what a helper needs to see, zipped; nothing private (打包诊断资料)", *hall_),
        ("record", record, "record one device's wire, until Ctrl-C (录下一个设备的通信)", file, device),
        ("replay", replay, "play a recording to the real driver (把录音放给驱动)", file),
        ("day", simulate_day, "a whole day by dice: what if? (模拟一天)", file, monday, seed, much, opens),
        ("passcode", one_time, "a one-time code for the technician (技师一次性口令)", data),
        ("backup", copy, "copy the journal to a folder now (立即备份)", folder_, data),
        ("restore", bring_back, "bring a backup back (从备份恢复)", folder_, drill, data),
        ("verify", verify_journal, "check every seal of the journal (核对流水)", data),
        ("why", why, "who came before a ticket, and the proof (为什么他在前面)", ticket, before, on, data),
        ("trail", trail, "a ticket's whole life (一张号的经过)", ticket, on, data),
        ("at", then, "the hall as it was at a time (当时的大厅)", moment, data),
        ("report", report, "the day's account and every overtaking (当日公平报告)", newest, data),
    ):
        verb_parser = verbs.add_parser(verb, help=text, description=text)
        verb_parser.set_defaults(act=act)
        for name, settings in arguments:
            verb_parser.add_argument(name, **settings)
    options = parser.parse_args()
    os.umask(0o077)  # what a hall keeps is its own
    # Before python-escpos is imported: it calls logging.basicConfig itself.
    level = logging.INFO if options.act in (run, stand_in) else logging.CRITICAL
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    logging.captureWarnings(True)
    try:
        sys.exit(options.act(options))
    except (CannotStart, backup.CannotCopy) as error:
        group = "start" if isinstance(error, CannotStart) else "status"
        tell(f"{group}.{error.code}", **error.arguments)
    except sqlite3.Error as error:
        tell("start.no_journal", detail=error)
    except Mistakes as mistakes:
        for mistake in mistakes.found:
            print(told(located(options.file, mistake)))
    except OSError as error:
        tell("start.no_file", file=error.filename, detail=error.strerror)
    sys.exit(2)


if __name__ == "__main__":
    main()
