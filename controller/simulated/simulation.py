"""The roof of the simulated hall: swaps the urls of a real configuration for simulated wires.

Machines and wires live in drivers/sim; the twin page sees and moves them through `Simulation`.
"""

import io
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from controller.hall import calendar
from controller.runtime.clock import FakeClock
from controller.settings.schema import KEYS, Settings
from controller.simulated.player import Player
from drivers.sim.alpha import AlphaSign
from drivers.sim.callunit import CallUnit
from drivers.sim.cec import Television
from drivers.sim.display import Display
from drivers.sim.gpio import Pins
from drivers.sim.keypad import Keypad
from drivers.sim.matrix import Matrix
from drivers.sim.printer import Printer
from drivers.sim.sign import Sign
from drivers.sim.unit_ff68 import Unit
from drivers.sim.voice import Speaker
from drivers.sim.wire import Machine, Wire

# The machine behind each driver, made by the options of its stanza.
MACHINES: Mapping[str, Callable[[Mapping[str, Any]], Machine]] = {
    "printer_escpos": lambda o: Printer(o.get("width", 576)),
    "callunit_keypad": lambda o: Keypad(),
    "callunit_modbus": lambda o: CallUnit(o["address"], o.get("framing") == "tcp"),
    "callunit_profile": lambda o: Unit(o.get("address", 0)),
    "sign_max7219": lambda o: Matrix(o.get("chips", 4)),
    "sign_modbus": lambda o: Display(o["address"], o.get("encoding", "number"), o.get("framing") == "tcp"),
    "sign_onbon": lambda o: Sign(o.get("address", 0xFFFE)),
    "sign_profile": lambda o: AlphaSign(),
    "power_cec": lambda o: Television(),
    "power_dpms": lambda o: Television(),
    "power_modbus": lambda o: CallUnit(o["address"], o.get("framing") == "tcp"),
    "voice_clips": lambda o: Speaker(),
    "voice_command": lambda o: Speaker(),
}
HOLD = 0.15  # s: how long the twin holds a ticket button down


def opening(plan: Settings, wall: datetime, last: datetime | None) -> datetime:
    """When the simulated clock starts: at the first session of the next working day; or where
    the journal stopped, if the hall was open then. Never before the journal's last moment."""
    if last and calendar.is_open(plan, last):
        return last
    moment = max(wall, last) if last else wall
    while True:
        moment = calendar.next_opening(plan, moment)
        if moment.time() == calendar.sessions(plan, moment.date())[0][0]:
            return moment


class Simulation:
    """The machines of every device in `real`, on wires in `folder`, until `close`.

    `plan` is the real configuration with nothing but the urls swapped.
    """

    def __init__(self, real: Settings, folder: Path, clock: FakeClock) -> None:
        self._clock, self._pins = clock, Pins()
        self._player: Player | None = None
        # One lever is pulled at a time: what it finds is still so when it acts. The player's has a lock of
        # its own, as who sends people away waits for them, and they press keys.
        self._levers, self._playing = threading.Lock(), threading.Lock()
        self._fingers = defaultdict[int, threading.Lock](threading.Lock)  # one a pin
        self.machines: dict[str, Machine] = {}
        self.wires: dict[str, Wire] = {}
        buses: dict[str, list[str]] = {}
        for name, device in real.device.items():
            if name not in real.down and (device.driver in MACHINES or device.url):
                # A driver without a machine gets a wire on which nobody answers, never the real one.
                make = MACHINES.get(device.driver)
                self.machines[name] = make(device.options) if make else Machine()
                buses.setdefault(device.url or name, []).append(name)
        swapped = dict(real.device)
        for number, (url, names) in enumerate(buses.items()):
            machines = [self.machines[name] for name in names]
            network = url.startswith("socket:") or machines[0].command
            wire = Wire(None if network else folder / f"wire{number}", *machines)
            for name in names:
                self.wires[name], device = wire, swapped[name]
                url = machines[0].url(wire.url)
                own = "url" in device.options or machines[0].command  # an option of the driver
                options = {**device.options, **({"url": url} if own else {})}
                swapped[name] = replace(device, url=url, options=options)
        self.plan = replace(real, device=swapped)

    def play(self, on: bool) -> None:
        """Let visitors and clerks come, or send them away."""
        with self._playing:
            if self._player:
                self._player.stop()
            self._player = Player(self, self._clock) if on else None

    def close(self) -> None:
        self.play(False)
        with self._levers:
            for wire in self.wires.values():
                wire.unplug()

    def press(self, device: str, key: str) -> None:
        """Press a key and let it go a moment later; presses of one key follow each other."""
        machine = self.machines.get(device)
        if isinstance(machine, CallUnit):
            machine.tap(self._keys(device).index(key))
        elif isinstance(machine, Unit | Keypad):
            with self._levers:
                machine.tap(key)
                self.wires[device].poke()
        else:
            pin = self.plan.device[device].options["pins"][key]
            threading.Thread(target=self._tap, args=[pin], name=f"finger {key}").start()

    def _tap(self, pin: int) -> None:
        # Each step waits for the one before, so that no press is too short on a busy machine.
        with self._fingers[pin]:
            for act in (self._pins.press, self._pins.release):
                act(pin)
                time.sleep(HOLD)

    def lit(self, device: str, key: str) -> bool:
        """Does the lamp of a ticket button shine?"""
        return self._pins.lit(self.plan.device[device].options["lamps"][key])

    def turn(self, device: str, knob: str, value: int) -> None:
        """Turn a fault knob of a machine, or of its wire (unplugged, noise)."""
        wire, machine = self.wires[device], self.machines[device]
        with self._levers:
            if knob == "unplugged":
                wire.unplug() if value else wire.plug()
            elif knob == "noise":
                wire.noise = value
            elif knob in machine.knobs:
                setattr(machine, knob, type(getattr(machine, knob))(value))
                wire.poke()
            else:
                raise LookupError(knob)

    def picture(self, device: str, number: int) -> bytes:
        """The PNG of the `number`th piece of paper of a printer."""
        printer = self.machines[device]
        if not isinstance(printer, Printer):
            raise LookupError(device)
        file = io.BytesIO()
        printer.papers[number - printer.printed].save(file, "PNG")
        return file.getvalue()

    def clock(self, minutes: float, speed: float | None) -> None:
        """Move the hall's clock; `speed` is how many of its seconds pass in a real one."""
        if not (abs(minutes) <= 60 * 24 * 31 and speed in (None, 1, 10, 60)):
            raise ValueError("a month at most, at speed 1, 10 or 60")
        with self._levers:
            self._clock.move(self._clock.now().wall + timedelta(minutes=minutes), speed)

    def view(self) -> dict[str, Any]:
        """Everything the twin page draws."""
        now = self._clock.now()
        return {
            "clock": f"{now.wall:%Y-%m-%d %H:%M:%S}",
            "speed": self._clock.speed,
            "playing": self._player is not None,
            "devices": [self.face(name) for name in self.plan.device],
        }

    def _keys(self, device: str) -> list[str]:
        # Boxes and pads have seven keys; "hold" only where hall.toml or a profile gives it one.
        return list(self.plan.device[device].options.get("keys", KEYS[:7]))

    def face(self, name: str) -> dict[str, Any]:
        device, machine = self.plan.device[name], self.machines.get(name)
        face: dict[str, Any] = {"name": name, "driver": device.driver, "window": device.window}
        if machine:
            wire = self.wires[name]
            face["knobs"] = {"unplugged": not wire.plugged, "noise": wire.noise}
            face["knobs"] |= {knob: getattr(machine, knob) for knob in machine.knobs}
            face |= machine.face()
        if isinstance(machine, CallUnit | Unit | Keypad):
            face["keys"] = self._keys(name)
        if pins := device.options.get("pins"):
            lamps = device.options.get("lamps", {})
            face |= {"buttons": list(pins), "lit": {key: self.lit(name, key) for key in lamps}}
        return face
