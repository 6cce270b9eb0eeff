"""A row of the journal: an event as text and back, and the seal that chains it to the row before."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from types import UnionType
from typing import Any, get_args, get_origin

from controller.hall.events import Event
from controller.hall.moment import Now
from controller.journal.files import CannotStart
from controller.journal.kinds import KINDS, NAMES, NESTED
from controller.journal.upcasts import UPCASTS

Row = tuple[int, str, str, str]  # number, time, kind and body, as they are written


def sealed(previous: str, row: Sequence[Any]) -> str:
    # No field can hold a newline: time and kind by form, body because JSON escapes it.
    return hashlib.sha256("\n".join([previous, *map(str, row)]).encode()).hexdigest()


def time_text(at: Now) -> str:
    return f"{at.wall.isoformat()} {at.mono:.6f} {at.boot} {'yes' if at.trusted else 'no'}"


def moment(text: str) -> Now:
    wall, mono, boot, trusted = text.split()
    return Now(datetime.fromisoformat(wall), float(mono), boot, trusted == "yes")


def encode(number: int, event: Event) -> Row:
    """The row of an event."""
    kind = NAMES[type(event)]
    names = ("actor", "press", *KINDS[kind].fields)
    body = {name: getattr(event, name) for name in names}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=plain)
    return number, time_text(event.at), kind, text


def plain(value: Any) -> Any:
    """What JSON has no word for: a moment, or what stands inside an event."""
    if isinstance(value, Now):
        return time_text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return {f.name: getattr(value, f.name) for f in fields(value)}


def decode(time: str, kind: str, body: Mapping[str, Any]) -> Event:
    """The event of a row. Raises CannotStart for what only a newer version can have written: a kind or a
    field that is unknown here is refused, never skipped."""
    if kind not in KINDS:
        raise CannotStart("journal_newer", version=kind)
    at = moment(time)
    if kind in UPCASTS:
        body = UPCASTS[kind](at, body)
    known = KINDS[kind]
    values = _values({"actor": str, "press": str, **known.fields}, body, kind)
    event: Event = known.event(at=at, **values)
    return event


def _values(known: Mapping[str, Any], body: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """The fields of a body, each of its type. Raises CannotStart."""
    for name in body:
        if name not in known:
            raise CannotStart("journal_newer", version=f"{owner}.{name}")
    return {name: _typed(known[name], value) for name, value in body.items()}


def _typed(kind: Any, value: Any) -> Any:
    """`value` as JSON gave it -> as `kind` says."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:  # or None
        return None if value is None else _typed(inner[0], value)
    if kind is Now:
        return moment(value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if origin is tuple:
        return tuple(_typed(inner[0], item) for item in value)
    if origin is not None and isinstance(value, dict):
        return {key: _typed(inner[1], item) for key, item in value.items()}
    if kind in NESTED:
        return kind(**_values(NESTED[kind], value, kind.__name__))
    return value
