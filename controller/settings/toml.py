"""TOML as people write it: what cannot be read at all is named with its line and with what to write there."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from controller.settings.schema import CONTROL

# What a Chinese input method types in place of the signs that TOML knows.
_SIGNS = str.maketrans("“”„‟〝〞＂‘’＇＝，、；：．［］【】｛｝＃　", '"""""""\'\'\'=,,;:.[][]{}# ')


class Unreadable(ValueError):
    """No TOML: `code` and `arguments` make a sentence in display/words; `line` counts from 1."""

    def __init__(self, line: int, code: str, **arguments: Any) -> None:
        super().__init__(code)
        self.line, self.code, self.arguments = line, code, arguments


def load(text: str) -> Mapping[str, Any]:
    """The tables and values of `text`. Raises Unreadable."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise Unreadable(1, "nested") from error
    except ValueError as error:  # tomllib's own, and a number with more digits than Python reads
        place = re.search(r"line (\d+)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        wrong = text.split("\n")[line - 1].strip()
        meant = () if _is_toml(wrong) else _meant(wrong)
        if right := next((one for one in meant if _is_toml(one)), ""):
            raise Unreadable(line, "write", right=CONTROL.sub("?", right)) from error
        if re.match("Cannot (overwrite|declare|mutate)", str(error)):
            raise Unreadable(line, "twice") from error
        raise Unreadable(line, "syntax", detail=str(error)) from error


def _is_toml(line: str) -> bool:
    try:
        return bool(tomllib.loads(line))
    except (ValueError, RecursionError):
        return False


def _meant(line: str) -> Iterator[str]:
    """What somebody may have meant with a line that cannot be read, the likeliest first."""
    plain = line.translate(_SIGNS)
    yield from (plain, plain.rstrip(",;"), line + '"', line + "]", line.replace('"', "'"))
    yield re.sub(r"^([\w.-]+)\s*:", r"\1 =", plain)
    for text in (line, plain):  # words without quotes in a list
        yield re.sub(r"(?<=[\[,])(\s*)([^\s\"',\[\]]+)(?=\s*[,\]])", r'\1"\2"', text)
    key, _, rest = line.partition("=")
    value, _, remark = rest.partition(" #")
    said = value.strip().strip("“”\"'")
    if said.lower() in ("true", "false"):
        yield f"{key.strip()} = {said.lower()}"
    elif said and said[0] not in "[{" and not re.search(r'["\\]', said):
        yield f'{key.strip()} = "{said}"' + f" #{remark}" * bool(remark)
