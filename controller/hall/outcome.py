"""What comes of a command: its events, or a refusal."""

from typing import Any

from controller.hall.events import Event
from controller.settings.schema import Settings


class Refused(Exception):
    """The hall says no. `code` and `arguments` make a polite sentence in display/words."""

    def __init__(self, code: str, **arguments: Any) -> None:
        super().__init__(code, arguments)
        self.code, self.arguments = code, arguments


Outcome = tuple[Event, ...] | Refused


def known(plan: Settings, service: str) -> None:
    if service not in plan.service:
        raise Refused("no_such_service", service=service)


def among(word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise Refused("unknown_reason", reason=word, reasons=" ".join(words))
