"""A row of the journal: an event as text and back, and the seal that chains it to the row before."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from controller.hall import events as kinds
from controller.hall.events import Event
from controller.hall.moment import Now
from controller.journal.files import CannotStart


def sealed(previous: str, row: Sequence[Any]) -> str:
    # No field can hold a newline: time and kind by form, body because JSON escapes it.
    return hashlib.sha256("\n".join([previous, *map(str, row)]).encode()).hexdigest()


def time_text(at: Now) -> str:
    return f"{at.wall.isoformat()} {at.mono:.6f} {at.boot} {'yes' if at.trusted else 'no'}"


def moment(text: str) -> Now:
    wall, mono, boot, trusted = text.split()
    return Now(datetime.fromisoformat(wall), float(mono), boot, trusted == "yes")


def encode(event: Event) -> str:
    body = {f.name: getattr(event, f.name) for f in fields(event) if f.name != "at"}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=plain)


def plain(value: Any) -> Any:
    if isinstance(value, Now):
        return time_text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return {f.name: getattr(value, f.name) for f in fields(value)}


_hints = cache(get_type_hints)


def decode(time: str, kind: str, body: Mapping[str, Any]) -> Event:
    # A kind or a field that this version does not know means a newer journal: refuse, never skip.
    found = getattr(kinds, kind, None)
    if found is None or not body.keys() <= _hints(found).keys():
        raise CannotStart("journal_newer", version=kind)
    values = {name: _typed(_hints(found)[name], value) for name, value in body.items()}
    event: Event = found(at=moment(time), **values)
    return event


def _typed(kind: Any, value: Any) -> Any:
    """`value` as JSON gave it -> as `kind` annotates it."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Now or (origin is UnionType and value is not None):
        return moment(value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if origin is tuple:
        return tuple(_typed(inner[0], item) for item in value)
    if origin is not None and isinstance(value, dict):
        return {key: _typed(inner[1], item) for key, item in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**{name: _typed(_hints(kind)[name], item) for name, item in value.items()})
    return value
