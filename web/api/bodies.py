"""What a request brings, as the words of a command: every field of its type, or refused by name."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any, get_args, get_origin, get_type_hints

from flask import abort, request

from controller.hall.commands import Command
from controller.hall.outcome import Refused
from controller.settings.schema import CONTROL


def posted() -> dict[str, Any]:
    """The JSON object that a request brings; an empty one if it brings nothing. One that cannot be read is
    answered with 400: it must not pass for a command that says nothing more."""
    if not request.get_data():
        return {}
    try:
        found = request.get_json(silent=True)
        json.dumps(found, ensure_ascii=False).encode()  # half a character would spoil the journal
    except (RecursionError, UnicodeEncodeError):
        abort(400)
    return found if isinstance(found, dict) else abort(400)


def command(kind: type[Command], body: Mapping[str, Any], actor: str) -> Command:
    """A command from the words of a request. Raises Refused, with the first field that does not fit."""
    hints = {name: hint for name, hint in get_type_hints(kind).items() if name != "token"}
    needed = {part.name for part in fields(kind) if part.default is MISSING} - {"actor", "token"}
    for name in (*sorted(body.keys() - hints.keys()), *sorted(needed - body.keys())):
        raise Refused("bad_request", detail=CONTROL.sub("?", name))
    values = {name: _typed(hints[name], value, name) for name, value in body.items()}
    return kind(**{**values, "actor": actor})


def _typed(kind: Any, value: Any, name: str) -> Any:
    """`value`, as JSON or a form gives it, as `kind`. Raises Refused with the field's name."""
    inner = get_args(kind)
    match value:
        case str() if kind is datetime:
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                pass
        case "on" if kind is bool:  # a box of a form
            return True
        case str() if kind is str and not CONTROL.search(value):
            return value
        case bool() if kind is bool:
            return value
        case int() if kind is int and not isinstance(value, bool):
            return value
        case list() if get_origin(kind) is tuple:
            return tuple(_typed(inner[0], item, name) for item in value)
    raise Refused("bad_request", detail=name)
