"""What a technician asks first: what is plugged in here, and is everything of hall.toml well?"""

import grp
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from controller.journal.files import free, in_memory
from controller.runtime import pi
from controller.runtime.clock import SystemClock
from controller.runtime.ports import build, ports
from controller.settings.schema import Settings
from display.paper.ticket import FONT
from drivers.base.device import Device, Health

PATIENCE = 8.0  # s that all devices together may take to answer
# What a user must belong to, and the nodes it opens.
_GROUPS = "dialout:tty*", "lp:usb/lp*", "input:input/event*", "gpio:gpiochip*", "spi:spidev*", "audio:snd/*"
Finding = tuple[bool, str, Mapping[str, Any]]


def machine(data: Path, clock: SystemClock, root: Path = Path("/")) -> Iterator[Finding]:
    """What the machine itself needs: groups, font, room, a card that keeps, clock, power."""
    for entry in _GROUPS:
        name, nodes = entry.split(":")
        if nodes != "tty*" and not any((root / "dev").glob(nodes)):
            continue
        try:
            member = os.geteuid() == 0 or grp.getgrnam(name).gr_gid in os.getgroups()
        except KeyError:
            continue  # this system has no such group
        yield member, "group", {"group": name}
    yield (root / "run/udev/control").exists(), "udev", {}
    yield Path(FONT).exists(), "font", {}
    room = free(data)
    yield room > pi.ROOM, "disk", {"free": room >> 20, "path": data}
    yield not in_memory(data), "memory", {"path": data}
    yield clock.now().trusted, "clock", {}
    if power := pi.power(root):
        yield power not in ("low", "was_low"), "power", {}


def ask(plan: Settings) -> dict[str, Health]:
    """The health of every device of `plan` after its own driver has opened and asked it."""
    built = build(plan)
    deadline = time.monotonic() + PATIENCE
    with ExitStack() as stops:
        for port in ports(plan, built):
            port.start()
            stops.callback(port.stop)
        while time.monotonic() < deadline and any(_unsure(device) for device in built.values()):
            time.sleep(0.05)
        return {name: device.health for name, device in built.items()}


def _unsure(device: Device) -> bool:
    return "starting" in (device.health.state, device.health.code)
