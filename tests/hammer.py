"""Every address of the hall with every verb that may stand in it, who may ask it, and what he brings."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from conftest import Hall
from test_access import SECRETS, VALUES, app_of, filled
from visitor import Visitor, technician

from controller.hall.commands import TakeTicket
from web.api.commands import AT_WINDOW, OF_HALL, OF_TICKET
from web.pages.pager import SHORTCUTS

# What stands for a verb that Flask's own table does not list, by the beginning of the address.
VERBS: Mapping[str, tuple[str, ...]] = {
    "/desk/": ("take", "reprint", "reinstate", "answer", "cancel", "slips", "help"),
    "/api/v1/tickets/A001/": (*OF_TICKET,),
    "/api/v1/windows/3/": (*AT_WINDOW,),
    "/api/v1/hall/": (*OF_HALL,),
    "/twin/": ("press", "knob", "clock", "play"),
}
# What a command is given, by the name of its field; all else has a default or is the address's.
GIVEN = {"service": "A", "kiosk": "hall", "clerk": "1003", "services": ["A"], "to": "1", "last": 1}
GIVEN |= {"printer": "printer", "wall": "2026-11-23T08:00", "reason": "power"}
TWIN: Mapping[str, Mapping[str, Any]] = {
    "press": {"device": "buttons", "key": "A"},
    "knob": {"device": "unit2", "knob": "unplugged", "value": 1},
    "clock": {"minutes": 0, "speed": None},
    "play": {"on": True},
}


WHO = {"/desk": "desk", "/window/": "clerk", "/api/v1/windows/": "clerk", "/board": "here", "/kiosk": "here"}


@dataclass(frozen=True)
class Ask:
    """`who`: technician, clerk, desk or here; `key`: of a pager."""

    method: str
    address: str
    key: str = ""

    @property
    def who(self) -> str:
        return next((who for start, who in WHO.items() if self.address.startswith(start)), "technician")

    def sent(self) -> dict[str, Any]:
        """What goes with it now, as further words for Visitor.ask."""
        verb = self.address.rpartition("/")[2]
        if self.method == "GET":
            return {}
        if self.address.startswith("/twin/"):
            return {"body": TWIN[verb]}
        if self.address.startswith("/api/"):
            kind = {"tickets": TakeTicket, **AT_WINDOW, **OF_HALL}[verb]
            given = {field.name: GIVEN[field.name] for field in fields(kind) if field.name in GIVEN}
            return {"body": {**given, **({"reason": "away"} if verb == "pause" else {})}}
        if self.address.startswith(("/window/", "/kiosk/")):
            return {"body": {"service": "A", "key": self.key, "seen": time.monotonic()}}
        return {"service": "A", "printer": "printer", "ticket": "A001", "number": "A001", "kiosk": "hall"}


def asks(hall: Hall) -> Iterator[Ask]:
    """All that can be asked; to come in and to leave is left to who does it."""
    for rule in app_of(hall).url_map.iter_rules():
        for method in ("GET", "POST"):
            if method in (rule.methods or ()) and not rule.rule.endswith(("/login", "/leave")):
                for address in _addresses(rule.rule):
                    keys = (*SHORTCUTS, "resume") if address == "/window/3/press" else ("",)
                    yield from (Ask(method, address, key) for key in keys)


def _addresses(rule: str) -> list[str]:
    if found := re.search(r"<any\((.*)\):\w+>$", rule):
        start, verbs = rule[: found.start()], found[1].split(",")
        return [re.sub(r"<\w+>", lambda name: VALUES[name[0][1:-1]], start) + verb for verb in verbs]
    address = filled(re.sub(r"<\w+:(\w+)>", r"<\1>", rule))
    start = next((start for start in VERBS if rule.endswith(">") and address.startswith(start)), "")
    return [start + verb for verb in VERBS[start]] if start else [address]


def crowd(hall: Hall) -> dict[str, Visitor]:
    """One of each who asks; a clerk only if his window is open."""
    found = {name: Visitor(hall.url, "127.0.0.1") for name in ("here", "clerk", "desk")}
    for name, row in (("clerk", "POST /window/<window>/login"), ("desk", "POST /desk/login")):
        found[name].post(row.removeprefix("POST ").replace("<window>", "3"), **SECRETS[row])
    return {**found, "technician": technician(hall)}
