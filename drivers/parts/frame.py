"""Frames told by a line of text, so that a new product over a known frame needs no code.

`ff 68 length length 68 ( address key ) sum8 16`: two hex digits are a byte; `address`, `key` and
`text` are fields; `length` counts the bytes between the brackets, a check covers them (source:
devices.md §6.4). Profiles are TOML files, ours in drivers/profiles.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

from drivers.base.link import crc16

LONGEST = 128  # bytes of a frame that is heard
_CHECKS: dict[str, Callable[[bytes], bytes]] = {
    "sum8": lambda data: bytes([sum(data) & 0xFF]),
    "xor8": lambda data: bytes([reduce(xor, data, 0)]),
    "crc16": lambda data: crc16(data, 0xFFFF),  # as Modbus has it
    "arc16": lambda data: crc16(data, 0),
    "hex16": lambda data: b"%04X" % (sum(data) & 0xFFFF),  # a sum in four ASCII digits
}
_SIZES = {"address": ".", "length": ".", "key": ".+?", "text": ".*?"}


def profile(name: str) -> dict[str, Any]:
    """The profile in the file `name`, or the one of ours called so. Raises OSError or ValueError."""
    path = Path(name) if "/" in name else Path(__file__).parents[1] / "profiles" / f"{name}.toml"
    return tomllib.loads(path.read_text("utf-8"))


class Profile:
    """What a profile's name must be: of a file that can be read and has these parts, first of all a frame."""

    def __init__(self, frame: str, *parts: str) -> None:
        self._frame, self._parts = frame, parts

    def refuses(self, value: str) -> tuple[str, Mapping[str, Any]] | None:
        try:
            found = profile(value)
            Frame(found[self._frame])
            [found[part] for part in self._parts]
        except (OSError, ValueError, KeyError, TypeError) as error:
            return "no_profile", {"value": value, "detail": getattr(error, "strerror", None) or error}
        return None


class Frame:
    """One frame's look; builds it and finds it in what comes in."""

    def __init__(self, look: str) -> None:
        """Raises ValueError for a word that has no meaning and for a missing bracket."""
        outer = re.fullmatch(r"([^()]*)\(([^()]*)\)([^()]*)", look)
        if not outer:
            raise ValueError(f"a frame needs one pair of brackets: {look}")
        self._parts = [part.split() for part in outer.groups()]
        head, body, tail = (self._expressions(part) for part in self._parts)
        expression = f"{head}(?P<body>{body}){tail}".encode("latin-1")
        self._expression = re.compile(expression, re.DOTALL)

    def _expressions(self, words: list[str]) -> str:
        found = ""
        for word in words:
            if re.fullmatch("[0-9a-f]{2}", word):
                found += re.escape(chr(int(word, 16)))
            elif word in _CHECKS:
                found += f"(?P<{word}>{'.' * len(_CHECKS[word](b''))})"
            elif word not in _SIZES:
                raise ValueError(f"no byte, field or check: {word}")
            elif f"(?P<{word}>" in found:  # said twice: the same byte again
                found += f"(?P={word})"
            else:
                found += f"(?P<{word}>{_SIZES[word]})"
        return found

    def build(self, **fields: bytes) -> bytes:
        """The frame with these fields."""
        body = self._bytes(self._parts[1], fields)
        fields["length"] = bytes([len(body) & 0xFF])
        fields |= {name: check(body) for name, check in _CHECKS.items()}
        return self._bytes(self._parts[0], fields) + body + self._bytes(self._parts[2], fields)

    def _bytes(self, words: list[str], fields: dict[str, bytes]) -> bytes:
        return b"".join(fields[word] if word in fields else bytes.fromhex(word) for word in words)

    def take(self, heard: bytearray) -> Iterator[dict[str, bytes]]:
        """The fields of every whole frame in `heard`, which keeps what may become one yet."""
        start = 0
        while start < len(heard):
            begun = self._expression.match(heard, start)
            for end in range(start + 1, min(len(heard), start + LONGEST) + 1) if begun else ():
                if found := self._expression.fullmatch(heard, start, end):
                    fields = {name: bytes(value) for name, value in found.groupdict().items()}
                    if self._holds(fields):
                        yield fields
                        del heard[:end]
                        start = -1
                        break
            start += 1
        del heard[: -LONGEST + 1]

    def _holds(self, fields: dict[str, bytes]) -> bool:
        body = fields["body"]
        checks = all(check(body) == fields.get(name, check(body)) for name, check in _CHECKS.items())
        return checks and fields.get("length", bytes([len(body) & 0xFF])) == bytes([len(body) & 0xFF])
