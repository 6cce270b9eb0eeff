"""Every command and every event, as frozen data. Commands ask, events are what became true."""

from dataclasses import dataclass
from typing import Any


class Refused(Exception):
    """The hall says no. `code` and `args` make a polite sentence in display/words."""

    def __init__(self, code: str, **args: Any) -> None:
        super().__init__(code, args)
        self.code, self.arguments = code, args


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`actor`: who asks (工号, device, page, system); `press`: the press or request behind it."""

    actor: str
    press: str = ""
