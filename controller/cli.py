"""`hallqueue <verb>`: the command line. Bad usage and refusals exit with status 2."""

import argparse
import logging
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields
from datetime import date, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from controller import day, doctor, hall, proof, tape
from controller import main as roof
from controller import model as m
from controller.clock import FakeClock, SystemClock
from controller.settings import Mistake, Mistakes, Settings, parse
from controller.store import CannotStart, Store, read, verify
from display.words import say
from drivers.base import load


def speak(code: str, /, **arguments: Any) -> str:
    """A sentence in the reader's language: Chinese, English, or both where the locale is silent."""
    name = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    langs = [lang for lang in ("zh", "en") if name.startswith(lang)] or ["zh", "en"]
    return " | ".join(say(code, lang, **arguments) for lang in langs)


def tell(code: str, /, **arguments: Any) -> None:
    print(speak(code, **arguments), file=sys.stderr, flush=True)


def told(file: Path, mistake: Mistake) -> str:
    """`hall.toml:12: window.3.services: ...`"""
    arguments = dict(mistake.arguments)
    if "kind" in arguments:
        arguments["kind"] = speak(f"check.kind_{arguments['kind']}")
    place = f"{file}:{mistake.line}: {mistake.key}".rstrip(": ")
    return f"{place}: {speak(f'check.{mistake.code}', **arguments)}"


def check(options: argparse.Namespace) -> int:
    parse(options.file.read_bytes(), load)
    print(speak("check.ok", file=options.file))
    return 0


def verify_journal(options: argparse.Namespace) -> int:
    path = options.data / "journal.db"
    path.stat()  # SQLite has no words for a file that is not there
    count, broken = verify(path)
    print(speak("start.verify_broken" if broken else "start.verify_ok", count=count, row=broken))
    return 2 if broken else 0


def proved(options: argparse.Namespace) -> list[proof.Row]:
    """The rows of the day that is asked about; the newest one if none is. Raises CannotStart."""
    rows = list(read(options.data / "journal.db"))
    known = proof.days(rows)
    day = options.day or (known[-1] if known else "")
    if day not in known:
        raise CannotStart("no_day", day=day, newest=known[-1] if known else "-")
    return proof.of_day(rows, day)


def said(overtaking: proof.Overtaking) -> str:
    parts = {name: getattr(overtaking, name) for name in overtaking.__slots__}
    parts["rows"] = " ".join(f"#{row}" for row in overtaking.rows)
    parts["minutes"] = round(overtaking.minutes)
    return speak("proof.overtaking", **{**parts, "reason": speak(f"proof.{overtaking.reason}", **parts)})


def needs_ticket(rows: list[proof.Row], *numbers: str) -> None:
    for number in numbers:
        if not proof.trail(rows, number):
            raise CannotStart("no_ticket", ticket=number)


def why(options: argparse.Namespace) -> int:
    rows, number, before = proved(options), options.ticket.upper(), options.before.upper()
    needs_ticket(rows, number, *[before][: bool(before)])
    found = proof.why(rows, number, before)
    for overtaking in found:
        print(said(overtaking))
    if not found:
        print(speak("proof.not_before" if before else "proof.nobody", ticket=number, before=before))
    return 0


def trail(options: argparse.Namespace) -> int:
    rows, number = proved(options), options.ticket.upper()
    needs_ticket(rows, number)
    before: m.Event | None = None
    for seq, event in proof.trail(rows, number):
        what = speak(
            f"event.{type(event).__name__}", **{f.name: getattr(event, f.name) for f in fields(event)}
        )
        doubt = "" if event.at.trusted else speak("proof.doubt")
        after = ""
        if before:
            seconds, guess = proof.lasted(before.at, event.at)
            after = speak("proof.about" if guess else "proof.after", minutes=f"{seconds / 60:.1f}")
        print(f"#{seq} {event.at.wall:%H:%M:%S}{doubt} {what} ({event.actor}) {after}".rstrip())
        before = event
    return 0


def then(options: argparse.Namespace) -> int:
    rows = list(read(options.data / "journal.db"))
    wall = options.time
    if not wall.tzinfo and rows:
        wall = wall.replace(tzinfo=rows[-1][1].at.wall.tzinfo)
    state = proof.at(rows, wall)
    if not state.last:
        raise CannotStart(
            "no_day", day=f"{wall:%Y-%m-%d %H:%M}", newest=proof.days(rows)[-1] if rows else "-"
        )
    phase = "frozen" if state.frozen else "open" if state.open else "closed"
    print(speak(f"proof.{phase}", day=state.day, time=f"{state.last.wall:%Y-%m-%d %H:%M:%S}"))
    for name, window in sorted(state.windows.items()):
        doing = "paused" if window.paused else state.tickets[window.ticket].state if window.ticket else "free"
        if window.clerk:
            there = speak(f"proof.at_{doing}", ticket=window.ticket)
            print(speak("proof.window", window=name, clerk=window.clerk, there=there))
    for kind in ("waiting", "held", "parked", "missed"):
        line = [t for t in state.tickets.values() if t.state == kind]
        for service in sorted({ticket.service for ticket in line}):
            mine = sorted((t for t in line if t.service == service), key=lambda t: t.place - t.credit)
            print(speak(f"proof.{kind}_line", service=service, tickets=" ".join(t.number for t in mine)))
    return 0


def report(options: argparse.Namespace) -> int:
    """The daily fairness report."""
    rows = proved(options)
    state = proof.at(rows, max(event.at.wall for _, event in rows))
    print(speak("proof.account", day=state.day, **hall.figures(state)))
    found = [o for o in proof.overtakings(rows) if o.reason not in ("missed", "held", "parked")]
    print(speak("proof.count", count=len(found)))
    for overtaking in found:
        print(said(overtaking))
    asked = [event for _, event in rows if isinstance(event, m.TicketCalled) and event.reason]
    for (clerk, reason), count in Counter((event.actor, event.reason) for event in asked).items():
        print(speak("proof.clerk", clerk=clerk, reason=speak(f"proof.{reason}"), count=count))
    sent = Counter((event.service, event.code) for _, event in rows if isinstance(event, m.TicketRefused))
    for (service, code), count in sent.items():
        print(speak("proof.sent_away", service=service, reason=speak(f"sent.{code}"), count=count))
    return 0


def simulate_day(options: argparse.Namespace) -> int:
    plan, opens = parse(options.file.read_bytes(), load), {}
    for word in options.open:
        window, _, moment = word.partition("=")
        try:
            opens[window] = datetime.strptime(moment, "%H:%M").time()
        except ValueError:
            window = ""
        if window not in plan.window:
            raise CannotStart("no_such_open", word=word, windows=" ".join(plan.window))
    days = [
        day.Day(plan, options.date, options.seed, options.load, o) for o in ([{}, opens] if opens else [{}])
    ]
    if not days[0].sessions:
        raise CannotStart("no_session", day=options.date)
    found = [summary(plan, day.figures(progress(one))) for one in days]
    print(
        speak(
            "day.title", date=options.date, seed=options.seed, load=options.load, opens=" ".join(options.open)
        )
    )
    for lines in zip(*found, strict=True):
        print(" → ".join(dict.fromkeys(lines)))
    return 0


def progress(one: day.Day) -> Iterator[m.Event]:
    """The events of a simulated day, with a bar of how much of it is over."""
    start, end = one.sessions[0][0], one.sessions[-1][1]
    for event in one.run():
        part = min(1.0, max(0.0, (event.at.wall - start) / (end - start)))
        if sys.stderr.isatty():
            print(f"\r{event.at.wall:%H:%M} {'█' * round(30 * part):░<30}", end="", file=sys.stderr)
        yield event
    if sys.stderr.isatty():
        print(file=sys.stderr)


def summary(plan: Settings, found: day.Figures) -> list[str]:
    lines = [speak("day.account", last=f"{found.last:%H:%M}" if found.last else "-", **found.account)]
    for code, service in plan.service.items():
        waits = sorted(found.waits.get(code, [])) or [0.0]
        p50, p90 = (round(waits[len(waits) * part // 100] / 60) for part in (50, 90))
        lines.append(
            speak("day.service", name=f"{code} {service.name}", p50=p50, p90=p90, most=round(waits[-1] / 60))
        )
    for name in plan.window:
        count, seconds = found.windows.get(name, (0, 0.0))
        lines.append(speak("day.window", window=name, count=count, hours=f"{seconds / 3600:.1f}"))
    return lines


def list_devices(options: argparse.Namespace) -> int:
    found = list(doctor.devices())
    print(speak("doctor.found" if found else "doctor.nothing", count=len(found)))
    for _, stanza in found:
        print(f"\n{stanza}", end="")
    return 0


def examine(options: argparse.Namespace) -> int:
    """Status 1 if anything needs a hand."""
    plan = parse(options.file.read_bytes(), load)
    clock = SystemClock(plan.hall.timezone, None)
    ill = 0
    for well, code, arguments in doctor.machine(options.data, clock):
        ill += not well
        print("✔" if well else "✘", speak(f"doctor.{code}{'' if well else '_ill'}", **arguments))
    for name, health in doctor.ask(plan).items():
        ill += health.state != "up"
        code = f"fault.{health.code}" if health.code else "doctor.device"
        print("✔" if health.state == "up" else "✘", f"{name}:", speak(code, detail=health.detail))
    return 1 if ill else 0


def record(options: argparse.Namespace) -> int:
    plan = parse(options.file.read_bytes(), load)
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
        plan = parse(options.file.read_bytes(), load)
    except Mistakes as mistakes:
        if first:
            raise
        notes.append(("plan_broken", {"detail": told(options.file, mistakes.found[0])}))
        tell("status.plan_broken", **notes[0][1])
    if first and not simulated:
        roof.require_ports(plan)
    listener = roof.listen(options.bind, options.port)
    store = Store(folder / "journal.db")
    if notes:
        plan = parse(store.plan().encode(), load)
    last, first_token = store.last_wall(), not (folder / "technician.token").exists()
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
        url = "http://{}:{}/".format(*listener.getsockname()[:2])
        if first_token:
            tell("start.token", path=folder / "technician.token", token=house.token)
        tell("start.serving", url=url)
        if simulated:
            tell("start.twin", url=url)
        return signal.sigwait(stop)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="hallqueue", description="排队叫号 - the queue and display controller of a service hall"
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    data = Path(os.environ.get("STATE_DIRECTORY", "var"))
    for verb, act, text in (
        ("run", run, "run the hall on its real devices (按 hall.toml 运行)"),
        ("simulate", run, "run the same hall with simulated devices and the twin page (模拟运行)"),
        ("check", check, "name every mistake of a hall.toml (检查配置)"),
        ("devices", list_devices, "list what is plugged in, with its stanza for hall.toml (列出已插设备)"),
        ("doctor", examine, "test every device of a hall.toml and this machine (体检)"),
        ("record", record, "record one device's wire, until Ctrl-C (录下一个设备的通信)"),
        ("replay", replay, "play a recording to the real driver (把录音放给驱动)"),
        ("day", simulate_day, "a whole day in seconds, by dice: what if? (几秒钟模拟一天)"),
        ("verify", verify_journal, "check every seal of the journal (核对流水)"),
        ("why", why, "say who came before a ticket, and the events that prove why (为什么他在前面)"),
        ("trail", trail, "print a ticket's whole life (一张号的经过)"),
        ("at", then, "show the hall as it was at a time (当时的大厅)"),
        ("report", report, "the day's account and every overtaking (当日公平报告)"),
    ):
        verb_parser = verbs.add_parser(verb, help=text, description=text)
        verb_parser.set_defaults(act=act)
        if act in (why, trail):
            verb_parser.add_argument("ticket", metavar="TICKET", help="its number, such as A021")
        if act is why:
            verb_parser.add_argument("before", metavar="BEFORE", nargs="?", default="", help="only this one")
        if act is then:
            verb_parser.add_argument(
                "time", metavar="TIME", type=datetime.fromisoformat, help="2026-10-08 09:41"
            )
        if act is report:
            verb_parser.add_argument(
                "day", metavar="DAY", nargs="?", default="", help="2026-10-08; the newest"
            )
        if act in (why, trail):
            verb_parser.add_argument("--day", default="", help="2026-10-08; the newest")
        if act in (why, trail, then, report):
            pass
        elif verb not in ("verify", "devices"):
            verb_parser.add_argument("file", type=Path, metavar="FILE", help="hall.toml")
        if verb == "record":
            verb_parser.add_argument("device", metavar="DEVICE", help="its name in hall.toml")
        if act is simulate_day:
            verb_parser.add_argument(
                "--date", type=date.fromisoformat, default="2026-11-23", help="%(default)s"
            )
            verb_parser.add_argument(
                "--seed", type=int, default=1, help="another is another day (%(default)s)"
            )
            verb_parser.add_argument(
                "--load", type=float, default=1.0, help="of what all windows can do (%(default)s)"
            )
            verb_parser.add_argument(
                "--open", nargs="+", default=[], metavar="4=9:00", help="windows that open later"
            )
        if act in (run, examine, verify_journal, why, trail, then, report):
            verb_parser.add_argument(
                "--data", type=Path, default=data, help="folder of the journal (%(default)s)"
            )
        if act is run:
            verb_parser.add_argument("--bind", default="127.0.0.1", help="web address (%(default)s)")
            verb_parser.add_argument("--port", type=int, default=8080, help="web port (%(default)s)")
    options = parser.parse_args()
    # Before python-escpos is imported: it calls logging.basicConfig itself.
    level = logging.INFO if options.act is run else logging.CRITICAL
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    logging.captureWarnings(True)
    try:
        sys.exit(options.act(options))
    except CannotStart as error:
        tell(f"start.{error.code}", **error.arguments)
    except Mistakes as mistakes:
        for mistake in mistakes.found:
            print(told(options.file, mistake))
    except OSError as error:
        tell("start.no_file", file=error.filename, detail=error.strerror)
    sys.exit(2)


if __name__ == "__main__":
    main()
