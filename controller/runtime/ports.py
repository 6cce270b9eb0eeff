"""The devices of hall.toml, built by their drivers, and a port for each wire."""

import logging
from collections.abc import Mapping

from controller.settings.schema import Settings
from drivers.base.device import Device, DeviceFault
from drivers.base.load import load
from drivers.base.port import Port

log = logging.getLogger("hallqueue")


class Unbuilt(Device):
    """Stands for a device whose driver cannot be built: a red line, never a dead hall."""

    wired = False

    def turn(self, link: object) -> float:
        raise DeviceFault("bug", 3600.0)


def build(plan: Settings) -> dict[str, Device]:
    """The devices of hall.toml, in its order."""
    built: dict[str, Device] = {}
    for name, stanza in plan.device.items():
        try:
            built[name] = load(stanza.driver)(name, **stanza.options)
        except Exception:
            log.exception("%s: its driver %s cannot be built", name, stanza.driver)
            built[name] = Unbuilt(name)
    return built


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
