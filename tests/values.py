"""Values for every field of every command, made from the bounds that stand next to it; for tests."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, get_args, get_origin

from tables import kinds

from controller.hall.bounds import Length, Range
from controller.hall.commands import AtWindow, Command, OfTicket

COMMANDS: list[type[Command]] = kinds(Command, AtWindow, OfTicket)
# What nothing may be: not a number, endless, beyond a float, beyond what Python reads, of another type.
NEVER: list[Any] = [
    float("nan"),
    float("inf"),
    -float("inf"),
    1e308,
    10**400,
    None,
    b"x",
    [[]],
    {1: 2},
    object(),
]
TEXTS = ["\x1b[2J", "half \ud800", "字" * 15_000]


def beyond(kind: Any) -> Iterator[Any]:
    """What a field of this type must refuse, from its own bounds."""
    limits = next(iter(getattr(kind, "__metadata__", ())), None)
    kind = get_args(kind)[0] if limits else kind
    yield from (value for value in NEVER if kind is not dict or value != {})
    match limits:
        case Range(low, high):
            yield from (low - 1, high + 1, -(10**400), "1", "²", "x", True)
        case Length(low, high, lines) if kind is str:
            yield from ("字" * (high + 1), *(("", " \n") if low else ()), *(() if lines else TEXTS), 1)
        case Length(low, high) if get_origin(kind) is tuple:
            yield from (("A",) * (high + 1), ("字" * 15_000,), (1,), "A")
        case Length(low, high):
            yield from ({str(n): "x" for n in range(high + 1)}, {"a": "字" * 15_000}, {1: "x"}, ("a",))
        case None:
            assert kind in (bool, datetime), f"{kind} has no bounds"
            yield from ("x", 1, 0, "")


def within(kind: Any) -> Iterator[Any]:
    """The ends of a field's bounds."""
    limits = next(iter(getattr(kind, "__metadata__", ())), None)
    match limits:
        case Range(low, high):
            yield from (low, high)
        case Length(low, high) if get_args(kind)[0] is str:
            yield from ("字" * low, "字" * high)
