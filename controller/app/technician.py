"""Verbs of a technician: check, passcode, devices, doctor, bundle, record, replay."""

import argparse
import io
import signal
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from itertools import zip_longest

from controller.app import bundle, doctor, recording
from controller.app import running as roof
from controller.app.console import located, speak, tell, told
from controller.journal.people import passcode
from controller.runtime.clock import SystemClock
from controller.settings.reader import Mistakes
from drivers.base.find import devices


def check(options: argparse.Namespace) -> int:
    roof.read_plan(options.file.read_bytes())
    print(speak("check.ok", file=options.file))
    return 0


def one_time(options: argparse.Namespace) -> int:
    """A forgotten passphrase: who stands at this machine's console may choose another one."""
    options.data.mkdir(parents=True, exist_ok=True)
    print(speak("login.slip", code=passcode(options.data)))
    return 0


def list_devices(options: argparse.Namespace) -> int:
    found = list(devices())
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

    url, text = (
        f"http://{roof.net(options.bind, options.port)}",
        options.file.read_bytes().decode(errors="replace"),
    )
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
    with recording.record(plan, options.device, sys.stdout):
        tell("tape.recording", device=options.device)
        signal.sigwait(stop)
    return 0


def replay(options: argparse.Namespace) -> int:
    try:
        then, now = recording.replay(options.file.read_text("utf-8").splitlines())
    except ValueError as error:
        tell("tape.no_recording", file=options.file, detail=error)
        return 2
    for was, became in zip_longest(then, now):
        print("✔" if was == became else "✘", was, "" if was == became else f"-> {str(became)[:120]}")
    print(speak("tape.same" if then == now else "tape.other", count=len(then)))
    return 0 if then == now else 1
