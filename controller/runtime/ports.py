"""The devices of hall.toml, built by their drivers, and a port for each wire; one that hangs is replaced.

A thread that hangs cannot be ended in Python. So it is left alone: it, its link and its devices are given
up, and a new generation takes their place, with new mailboxes. The old one may wake whenever it likes.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping

from controller.runtime.watch import stack
from controller.settings.schema import Settings
from drivers.base.device import Device, DeviceFault
from drivers.base.load import load
from drivers.base.port import Port

log = logging.getLogger("hallqueue")
TIMES, HOUR = 3, 3600.0  # a wire that hangs so often in so many seconds stays down until somebody asks


class Unbuilt(Device):
    """Stands for a device whose driver cannot be built: a red line, never a dead hall. `why`: its code."""

    wired = False

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name)
        self._why = why

    def turn(self, link: object) -> float:
        raise DeviceFault(self._why, 3600.0)


def built(plan: Settings, name: str) -> Device:
    """The device `name` of hall.toml; one whose stanza is refused today stays down."""
    if name in plan.down:
        return Unbuilt(name, "unset")
    stanza = plan.device[name]
    try:
        return load(stanza.driver)(name, **stanza.options)
    except Exception:
        log.exception("%s: its driver %s cannot be built", name, stanza.driver)
        return Unbuilt(name, "bug")


def build(plan: Settings) -> dict[str, Device]:
    """The devices of hall.toml, in its order."""
    return {name: built(plan, name) for name in plan.device}


def ports(plan: Settings, devices: Mapping[str, Device]) -> list[Port]:
    """One port for each wire; a device that needs no wire has one for itself."""
    wires: dict[str, list[str]] = {}
    for name, device in devices.items():
        wires.setdefault(plan.device[name].url if device.wired else f"{name} alone", []).append(name)
    found = []
    for names in wires.values():
        first, members = plan.device[names[0]], [devices[name] for name in names]
        url = first.url if members[0].wired else ""
        found.append(Port(url, first.baudrate, members, first.retry))
    return found


class Generations:
    """A wire's port, and its successors; the thread of the watch makes them."""

    def __init__(
        self, port: Port, heir: Callable[[Device], Device], succeed: Callable[[Device], None]
    ) -> None:
        """`heir`: a new object for a device; `succeed`: puts it where the hall looks for that device."""
        self._port, self._heir, self._succeed = port, heir, succeed
        self._given_up: deque[float] = deque(maxlen=TIMES)
        self._down = self._asked = False  # it stays down; until somebody asked

    @property
    def thread(self) -> threading.Thread:
        return self._port.thread

    def start(self) -> None:
        self._port.start()

    def stop(self) -> None:
        self._port.stop()

    def look(self, due: float) -> None:
        """Replace a port that hangs: one that wanted to be heard of before `due` (monotonic); or is dead."""
        if self._down:
            if self._asked:
                self._given_up.clear()
                self._down = False
                self._port.start()
        elif self._port.awaited < due or not self._port.thread.is_alive():
            self._replace(due)

    def _replace(self, due: float) -> None:
        old = self._port
        log.critical("%s stands still and is given up\n%s", old.thread.name, stack(old.thread))
        old.abandon()
        heirs = [self._heir(device) for device in old.devices]
        self._port = old.successor(heirs)
        self._given_up.append(due)
        self._down = len(self._given_up) == TIMES and due - self._given_up[0] < HOUR
        self._asked = False
        for device, heir in zip(old.devices, heirs, strict=True):
            heir.proved = device.proved
            if self._down:
                heir.reopen = self._reopen
            self._succeed(heir)
            heir.report("down", "stuck")
        if not self._down:
            self._port.start()

    def _reopen(self) -> None:
        self._asked = True
        self._port.reopen()  # one that is not down: its devices may have asked once before
