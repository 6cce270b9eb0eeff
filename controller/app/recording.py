"""Field recordings: one device's wire with what its driver made of it; and played again to the driver.

A recording is JSON lines: first the stanza, then bytes `out` and `in`, presses and health, each with
its second `t`. So a site's trouble becomes a regression test.
"""

import json
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from controller.runtime.ports import build, ports
from controller.settings.schema import Device as Stanza
from controller.settings.schema import Settings
from drivers.base.device import Device
from drivers.base.kinds import Button
from drivers.base.link import Link
from drivers.base.load import load
from drivers.base.port import Port
from drivers.sim.wire import Machine, Wire

PATIENCE = 10.0  # s that a replay may lag behind its recording


@contextmanager
def record(plan: Settings, name: str, file: TextIO) -> Iterator[None]:
    """Run the device `name` alone and write what goes over its wire to `file`. Raises LookupError."""
    stanza = plan.device[name]
    start = time.monotonic()

    def write(kind: str, value: object) -> None:
        line = {"t": round(time.monotonic() - start, 4), kind: value}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()

    about = {"device": name, "driver": stanza.driver, "baudrate": stanza.baudrate}
    file.write(json.dumps(about | {"options": dict(stanza.options)}, ensure_ascii=False) + "\n")
    device = build(plan)[name]
    Link.tape = staticmethod(lambda kind, data: write(kind, data.hex(" ")))
    _listen(device, write)
    (port,) = ports(plan, {name: device})
    port.start()
    try:
        yield
    finally:
        port.stop()
        Link.tape = None


def replay(lines: list[str]) -> tuple[list[Any], list[Any]]:
    """What the driver made of a recording then, and what it makes of it now; both the same if it
    behaves as before. Raises ValueError for a file that is no recording."""
    try:
        about, *entries = [json.loads(line) for line in lines]
        stanza = Stanza(about["driver"], baudrate=about["baudrate"])
        device = load(stanza.driver)(about["device"], **about["options"])
        machine = _Playback(entries)
    except (KeyError, TypeError, AttributeError, LookupError) as error:
        raise ValueError(f"no recording: {error!r}") from error
    then = [[kind, entry[kind]] for entry in entries for kind in ("press", "health") if kind in entry]
    now: list[Any] = []
    _listen(device, lambda kind, value: now.append([kind, value]))
    with tempfile.TemporaryDirectory(prefix="hallqueue-") as folder:
        wire = Wire(Path(folder) / "wire", machine)
        port = Port(wire.url, stanza.baudrate, [device], 1.0)
        port.start()
        deadline = time.monotonic() + entries[-1]["t"] + PATIENCE if entries else 0.0
        while time.monotonic() < deadline and not machine.diverged and (machine.left or len(now) < len(then)):
            wire.poke()
            time.sleep(0.005)
        port.stop()
        wire.unplug()
    if machine.diverged:
        now.append(["out", machine.diverged])
    return then, now[: len(then) + bool(machine.diverged)]


def _listen(device: Device, tell: Callable[[str, object], None]) -> None:
    device.on_health = lambda d: tell("health", [d.health.state, d.health.code, d.health.detail])
    if isinstance(device, Button):
        device.emit = lambda press: tell("press", [press.key, press.number])


class _Playback(Machine):
    """Says what the recorded device said, as long after each question; `diverged`: another question."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self.left = deque(entry for entry in entries if "in" in entry or "out" in entry)
        self.diverged, self._heard, self._base = "", b"", time.monotonic()

    def feed(self, data: bytes) -> bytes:
        self._heard += data
        answer = b""
        while self.left:
            entry = self.left[0]
            if "in" in entry:
                if time.monotonic() < self._base + entry["t"]:
                    break
                answer += bytes.fromhex(entry["in"])
            else:
                asked = bytes.fromhex(entry["out"])
                if len(self._heard) < len(asked):
                    break
                if not self._heard.startswith(asked):
                    self.diverged = self._heard.hex(" ")
                    self.left.clear()
                    break
                self._heard = self._heard[len(asked) :]
                self._base = time.monotonic() - entry["t"]
            self.left.popleft()
        return answer
