"""The same battery for every driver with a wire: rude answers, lost wires, and all is right again."""

import os
import random
import shlex
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import luma.led_matrix.device  # noqa: F401 - it starts four threads at its first import
import pytest
from conftest import needs
from wait import until

from drivers import (
    callunit_keypad,
    callunit_modbus,
    callunit_profile,
    power_cec,
    power_dpms,
    power_modbus,
    sign_max7219,
    sign_modbus,
    sign_onbon,
    sign_profile,
    voice_clips,
    voice_command,
)
from drivers import printer_escpos as printer
from drivers.base.device import Device
from drivers.base.kinds import Press
from drivers.base.mailboxes import Sentence
from drivers.base.paper import Line, Page
from drivers.base.port import Port
from drivers.sim.alpha import AlphaSign
from drivers.sim.callunit import CallUnit
from drivers.sim.cec import Television
from drivers.sim.display import Display
from drivers.sim.keypad import Keypad
from drivers.sim.matrix import Matrix
from drivers.sim.printer import Printer
from drivers.sim.sign import Sign
from drivers.sim.unit_ff68 import Unit
from drivers.sim.voice import Speaker
from drivers.sim.wire import Machine, Wire

pytestmark = pytest.mark.slow
MODES = ["garbage", "half", "twice", "late", "never", "flood"]
# What comes besides answers, none of which is spoiled: a driver must not even notice.
BESIDES = ["before", "between", "behind", "echo"]
GLITCH = b"\x00\xff"  # what a line without bias, or one that is switched, looks like


class Rude(Machine):
    """A machine whose answers are spoiled in the way of `mode`; "" lets them through."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.mode, self.spoiled = machine, "", 0
        # The kernel hands out a pad's records whole, whatever the pad does.
        self._grain = 24 if isinstance(machine, Keypad) else 1
        self._dice, self._kept = random.Random(7), b""

    def feed(self, data: bytes) -> bytes:
        answer = self.machine.feed(data)
        if self.mode in BESIDES and (answer or data):
            self.spoiled += 1
            before = {"before": GLITCH, "echo": data}.get(self.mode, b"")
            after = {"between": GLITCH, "behind": GLITCH}.get(self.mode, b"")
            return before + answer + after if answer or self.mode != "before" else b""
        if not self.mode or not answer:
            late, self._kept = self._kept, b""  # what was kept back comes when it is too late
            return late + answer
        self.spoiled += 1
        match self.mode:
            case "garbage":
                return self._dice.randbytes(len(answer))
            case "half":
                return answer[: len(answer) // 2 // self._grain * self._grain]
            case "twice":
                return answer * 2
            case "late":
                self._kept += answer
                return b""
            case "flood":
                return answer[: self._grain] + self._dice.randbytes(1992)
        return b""


@dataclass
class Kind:
    """A driver with its machine: what the hall asks of it, and what a person sees then."""

    machine: Machine
    device: Device
    ask: Callable[[int], None]
    seen: Callable[[int], bool]
    presses: list[Press] = field(default_factory=list)
    asks: bool = True  # the driver puts questions, so it notices rude answers
    gone: str = "cable"  # what its health says when the wire is out
    last: int = 0  # what a voice was asked to say last
    taps: int = 0  # of a key, on a machine that speaks only when it is pressed

    def tap(self, n: int) -> None:
        self.presses.clear()
        self.taps += 1
        self.machine.tap("next")  # type: ignore[attr-defined]


ONE = 19  # dots of the figure 1


def lit(matrix: Matrix) -> int:
    return sum(dot > 0 for dot in matrix.image.tobytes("raw", "L"))


def kinds(name: str, address: int = 1) -> Kind:
    m: Any
    d: Any
    framing: Any = name.partition(" ")[2] or "rtu"
    match name.split()[0]:
        case "sign_onbon":
            m, d = Sign(address), sign_onbon.Driver("d", address, timeout=0.05, every=0.05)
            return Kind(m, d, lambda n: d.show(f"请A{n:03}"), lambda n: m.text == f"请A{n:03}")
        case "sign_modbus":
            m = Display(address, tcp=framing == "tcp")
            d = sign_modbus.Driver("d", address, framing=framing, timeout=0.05, every=0.05)
            return Kind(m, d, lambda n: d.show(f"A{n:03}"), lambda n: m.text == str(n))
        case "sign_profile":
            m, d = AlphaSign(), sign_profile.Driver("d", "alpha")
            return Kind(m, d, lambda n: d.show(f"A{n:03}"), lambda n: m.text == f"A{n:03}", asks=False)
        case "sign_max7219":
            m, d = Matrix(4), sign_max7219.Driver("d")
            return Kind(m, d, lambda n: d.show("1" * (n % 4)), lambda n: lit(m) == n % 4 * ONE, asks=False)
        case "callunit_modbus":
            m = CallUnit(address, framing == "tcp")
            d = callunit_modbus.Driver("d", address, framing=framing, timeout=0.05, every=0.02)
            lamps = ("serving", "paused")
            return Kind(m, d, lambda n: d.show(lamps[n % 2]), lambda n: bool(m.lamps[1 + n % 2]))
        case "power_modbus":
            m = CallUnit(address, framing == "tcp")
            d = power_modbus.Driver("d", address, framing=framing, timeout=0.05, every=0.05)
            return Kind(m, d, lambda n: d.power(bool(n % 2)), lambda n: m.lamps[0] == bool(n % 2))
        case "power_cec" | "power_dpms" as driver:
            # Its wire is that of the simulated command; the fixture tells where it ends.
            m, d = Television(), (power_cec if driver == "power_cec" else power_dpms).Driver("d")
            gone = "no_cec" if driver == "power_cec" else "no_wlr"
            return Kind(m, d, lambda n: d.power(bool(n % 2)), lambda n: m.on == bool(n % 2), gone=gone)
        case "voice_command" | "voice_clips" as driver:
            m = Speaker()
            if driver == "voice_command":
                return speaking(m, voice_command.Driver("d", timeout=0.5), "command_failed")
            needs("espeak-ng")
            d = voice_clips.Driver("d")
            d.timeout = 0.5
            return speaking(m, d, "no_sound_card command_failed")
        case "callunit_profile":
            m, d = Unit(address), callunit_profile.Driver("d", "ff68", address)
            return talker(m, d)
        case "callunit_keypad":
            return talker(Keypad(), callunit_keypad.Driver("d", ""))
    m, d = Printer(), printer.Driver("d", mode="text", every=0.05, patience=0.3)

    def ask(n: int) -> None:
        d.print(lambda: Page((Line(f"A{n:03}"),)), lambda answer: None)

    return Kind(m, d, ask, lambda n: f"A{n:03}" in "".join(m.texts))


def speaking(machine: Speaker, device: voice_command.Driver, gone: str) -> Kind:
    """A voice: the sentence that was asked for last is said again until it was heard."""

    def ask(n: int) -> None:
        kind.last = n
        device.say(Sentence(f"请A{n:03}"))

    def seen(n: int) -> bool:
        heard = device.sound(f"请A{n:03}")
        return heard in machine.sounds or heard.decode("utf-8", "replace").strip() in machine.spoken

    kind = Kind(machine, device, ask, seen, gone=gone)
    return kind


def talker(machine: Machine, device: Device) -> Kind:
    """A call unit that speaks when its key is pressed: each tap is one press, of that key."""
    kind = Kind(machine, device, lambda n: None, lambda n: len(kind.presses) > 0, asks=False)
    kind.ask = kind.tap
    return kind


NAMES = [
    *("voice_command", "voice_clips"),
    *(
        "sign_max7219",
        "sign_onbon",
        "sign_modbus rtu",
        "sign_modbus tcp",
        "sign_profile",
        "callunit_modbus rtu",
    ),
    *("callunit_modbus tcp", "power_modbus rtu", "power_modbus tcp", "callunit_profile", "printer_escpos"),
    *("callunit_keypad", "power_cec", "power_dpms"),
]


# No others stand on the wires of these.
ALONE = (
    *("voice_command", "voice_clips", "power_cec", "power_dpms"),
    *("callunit_keypad", "sign_max7219", "sign_profile", "printer_escpos"),
)


# What no byte can come into: records of the kernel, lines that a command prints.
WHOLE = ("callunit_keypad", "power_cec", "power_dpms", "voice_command", "voice_clips")
# Two wires for both ways: what is sent does not come back.
FULL_DUPLEX = ("tcp", "printer_escpos", "sign_max7219")


@dataclass
class Bench:
    kind: Kind
    neighbour: Kind | None
    rude: Rude
    wire: Wire
    port: Port


@pytest.fixture(params=NAMES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    kind = kinds(request.param)
    neighbour = None if request.param in ALONE else kinds(request.param, 2)
    members = [kind, *([neighbour] if neighbour else [])]
    rude = Rude(kind.machine)
    machines = [rude, *([neighbour.machine] if neighbour else [])]
    network = request.param.endswith("tcp") or kind.machine.command
    wire = Wire(None if network else tmp_path / "line", *machines)
    if isinstance(kind.device, callunit_keypad.Driver):
        kind.device.path = wire.url
    if isinstance(kind.device, power_cec.Driver | voice_command.Driver):
        kind.device.command = shlex.split(kind.machine.url(wire.url).removeprefix("exec:"))
    port = Port(wire.url if kind.device.wired else "", 115200, [member.device for member in members], 0.05)
    if isinstance(kind.device, voice_command.Driver):
        voice, wake = kind.device, kind.device.wake

        def insist() -> None:
            voice.wake = wake
            if not voice.speaking:
                voice.say(Sentence(f"请A{kind.last:03}"))  # what waits already waits once only
            wake()
            voice.wake = insist

        voice.wake = insist
    for member in members:
        if hasattr(member.device, "emit"):
            member.device.emit = member.presses.append
    yield Bench(kind, neighbour, rude, wire, port)
    port.stop()
    wire.unplug()
    until(lambda: threading.active_count() <= threads)
    assert len(os.listdir("/proc/self/fd")) <= files, "a descriptor leaked"
    for member in members:
        assert member.taps or not member.presses, "nobody pressed"
        assert all(press.key == "next" for press in member.presses)


def well(bench: Bench, number: int) -> None:
    """The hall's newest word is on show and the line is green; at the neighbour too."""
    for kind in (bench.kind, bench.neighbour):
        if kind is None:
            continue

        def right(kind: Kind = kind) -> bool:
            bench.wire.poke()
            kind.device.wake()
            return kind.seen(number) and kind.device.health.state == "up"

        if kind.ask == kind.tap:  # what is pressed while the driver is away is no press
            until(lambda kind=kind: kind.device.wake() or kind.device.health.state == "up")  # type: ignore[misc]
            kind.ask(number)  # the first one after noise may be lost in it
            until(lambda kind=kind: bench.wire.poke() or not kind.machine.unsaid)  # type: ignore[misc]
        kind.ask(number)
        until(right)


@pytest.mark.parametrize("mode", MODES)
def test_after_rude_answers_all_is_right(bench: Bench, mode: str) -> None:
    kind, rude = bench.kind, bench.rude
    bench.port.start()
    well(bench, 1)
    rude.mode = mode
    kind.ask(2)
    if kind.ask == kind.tap:
        until(lambda: bench.wire.poke() or rude.spoiled)
        late = kind.taps - 2  # `well` pressed again because the first press took its time
        assert len(kind.presses) <= {"twice": 2, "half": 1}.get(mode, 0) + late, "no false call"
    if kind.asks:
        # Woken again and again, so that no pause after a fault is waited for; what is late may come.
        until(lambda: bench.wire.poke() or kind.device.wake() or rude.spoiled > 2)
        # A voice reads one byte of answer, whatever follows.
        voice = isinstance(kind.device, voice_command.Driver)
        if mode in ("garbage", "never", "flood")[: 2 if voice else 3]:
            until(lambda: kind.device.health.state == "down")
    if mode == "never" and bench.neighbour:
        other = bench.neighbour
        other.ask(4)
        until(lambda: bench.wire.poke() or other.device.wake() or other.seen(4))
        until(
            lambda: other.device.health.state == "up"
        )  # a dead unit costs its neighbours a little time only
    rude.mode = ""
    well(bench, 3)


@pytest.mark.parametrize("bench", [name for name in NAMES if name not in WHOLE], indirect=True)
def test_what_comes_besides_answers_is_not_even_noticed(bench: Bench, request: pytest.FixtureRequest) -> None:
    """Noise before, between and behind answers, an echo: with a neighbour, whose answers it hits too."""
    name, said = request.node.callspec.params["bench"], list[str]()
    bench.port.start()
    well(bench, 1)
    for kind in (bench.kind, bench.neighbour):
        if kind:
            kind.device.on_health = lambda device: said.append(f"{device.name} {device.health}")
    for number, mode in enumerate(BESIDES, 2):
        if mode == "echo" and any(name.endswith(wire) for wire in FULL_DUPLEX):
            continue
        bench.rude.mode, bench.rude.spoiled = mode, 0
        well(bench, number)
        until(lambda: bench.wire.poke() or not bench.kind.asks or bench.rude.spoiled > 2)
    assert said == []


def test_a_device_that_comes_late_is_found(bench: Bench) -> None:
    bench.wire.unplug()
    bench.port.start()
    kind = bench.kind
    until(lambda: kind.device.wake() or kind.device.health.code in kind.gone.split())
    bench.wire.plug()
    well(bench, 1)


def test_a_wire_that_goes_and_comes_again_and_again(bench: Bench) -> None:
    bench.port.start()
    kind = bench.kind
    others: list[int] = []
    for number in range(1, 4):
        kind.ask(number)
        bench.rude.mode = "half"  # so that it goes in the middle of an answer
        if kind.asks:
            spoiled = bench.rude.spoiled
            until(lambda n=spoiled: kind.device.wake() or bench.rude.spoiled > n)  # type: ignore[misc]
        before = os.path.realpath(bench.wire.url)
        bench.wire.unplug()
        until(lambda: kind.device.wake() or kind.device.health.code in kind.gone.split())
        # Something else takes its place meanwhile: it comes back under another path.
        while not bench.wire.url.startswith("socket:") and not os.path.exists(before):
            others += os.openpty()
        bench.rude.mode = ""
        bench.wire.plug()
        assert os.path.realpath(bench.wire.url) != before or bench.wire.url.startswith("socket:")
        until(lambda: kind.device.wake() or kind.device.health.state == "up")
    well(bench, 4)
    for end in others:
        os.close(end)
