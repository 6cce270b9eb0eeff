"""Reads a hall.toml: every mistake named at once, with its line, its key and the nearest right word."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import date, datetime, time
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, Protocol, get_args, get_origin, get_type_hints, runtime_checkable

from controller.settings import toml
from controller.settings.checks import CHECKS, Draft, Path, bounded
from controller.settings.schema import CHINA, CONTROL, Device, Mistake, Session, Settings

_NAMELESS = re.compile(rf"[/\t\n\r]|{CONTROL.pattern}")  # a name is part of addresses, too
KINDS = {
    date: "date",
    str: "text",
    int: "number",
    float: "number",
    bool: "truth",
    list: "list",
    tuple: "list",
}


@runtime_checkable
class Rule(Protocol):
    """What a driver says of a parameter beside its type: `Annotated[int, Range(1, 247)]`."""

    def refuses(self, value: Any) -> tuple[str, Mapping[str, Any]] | None:
        """Why `value` cannot be: code and arguments of a sentence; None if it can."""


class Mistakes(Exception):
    """All that is wrong with one file."""

    def __init__(self, found: Sequence[Mistake]) -> None:
        self.found = tuple(found)


def parse(
    source: bytes, load: Callable[[str], type[Any]], sentences: Mapping[str, Mapping[str, str]] = {}
) -> Settings:
    """The settings in `source`. Raises Mistakes with every mistake of the file."""
    settings = kept(source, load, sentences)
    if settings.refused:
        raise Mistakes(settings.refused)
    return settings


def kept(
    source: bytes, load: Callable[[str], type[Any]], sentences: Mapping[str, Mapping[str, str]] = {}
) -> Settings:
    """The settings in a text that was right in its day, such as the one in the journal: with what is refused
    only since. Raises Mistakes where nothing is left that could be a hall.

    `load` finds a driver's class, or raises LookupError, whose last argument is the nearest name that exists;
    `sentences`: those that a hall may replace, by code and language.
    """
    try:
        text = source.decode("utf-8-sig")
        data = toml.load(text)
    except UnicodeDecodeError as error:
        raise Mistakes([Mistake(source.count(b"\n", 0, error.start) + 1, "", "encoding", {})]) from error
    except toml.Unreadable as error:
        raise Mistakes([Mistake(error.line, "", error.code, error.arguments)]) from error
    reader = Reader(_lines(text), load)
    hints = {key: kind for key, kind in get_type_hints(Settings).items() if key not in ("text", "refused")}
    parts = reader.table(hints, _needed(Settings), data, ())
    names = {group: list(stanzas) for group, stanzas in data.items() if isinstance(stanzas, dict)}
    ill = {mistake.device for mistake in reader.mistakes}
    sound = {name: it for name, it in (parts.get("device") or {}).items() if name not in ill}
    draft = Draft({**parts, "device": sound}, names, reader.drivers, reader.wrong, reader.among)
    for check in CHECKS:
        check(draft)
    parts["words"] = reader.words(parts.get("words") or {}, sentences)
    mistakes = tuple(sorted(reader.mistakes, key=lambda mistake: mistake.line))
    if not all(parts.get(name) for name in _needed(Settings)):
        raise Mistakes(mistakes)
    if "hall.timezone" in {mistake.key for mistake in mistakes}:  # without one there is no clock
        parts["hall"] = replace(parts["hall"], timezone=CHINA)
    parts = {group: bounded(group, stanzas) for group, stanzas in parts.items()}
    return Settings(**parts, text=text, refused=mistakes)


def _needed(kind: Any) -> set[str]:
    """The fields that a file must give."""
    return {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}


def _lines(text: str) -> dict[Path, int]:
    """The line of every table and key; tomllib does not tell."""
    found: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#|$)", line)
        if word := head or re.match(r"\s*([\w.\"'-]+)\s*=", line):
            path = tuple(part.strip(" \"'") for part in word[1].split("."))
            table = path if head else table
            found.setdefault(path if head else table + path, number)
    return found


class Reader:
    """Reads one file as the annotations say and collects its mistakes."""

    def __init__(self, lines: Mapping[Path, int], load: Callable[[str], type[Any]]) -> None:
        self._lines, self._load = lines, load
        self.mistakes: list[Mistake] = []
        self.drivers: dict[str, type[Any]] = {}  # by device, those that can be imported here

    def wrong(self, path: Path, code: str, **arguments: Any) -> None:
        dotted = tuple(".".join(path).split("."))  # as _lines has it, also for a quoted key
        known = [dotted[:n] for n in range(len(dotted), 0, -1) if dotted[:n] in self._lines]
        line = self._lines[known[0]] if known else 1
        device = path[1] if path[0] == "device" and path[1:] else ""
        self.mistakes.append(Mistake(line, CONTROL.sub("?", ".".join(path)), code, arguments, device))

    def among(self, path: Path, word: str, words: Iterable[str]) -> None:
        """`word` must be one of `words`."""
        words = list(words)
        if word not in words:
            near = get_close_matches(word, words, 1, 0.3) or words[:1]
            self.wrong(path, "unknown", word=word, nearest="".join(near))

    def table(self, hints: Mapping[str, Any], needed: Iterable[str], data: Any, path: Path) -> dict[str, Any]:
        """What is right in a table whose keys and types `hints` gives."""
        if not isinstance(data, dict):
            self.wrong(path, "type", kind="table", value=data)
            return {}
        for key in data.keys() - hints.keys():
            self.among((*path, key), key, hints)
        for key in sorted(needed - data.keys()):
            self.wrong((*path, key), "missing")
        known = {key: kind for key, kind in hints.items() if key in data}
        values = {key: self.read(kind, data[key], (*path, key)) for key, kind in known.items()}
        return {key: value for key, value in values.items() if value is not None}

    def words(
        self, own: Mapping[str, Mapping[str, str]], sentences: Mapping[str, Mapping[str, str]]
    ) -> Mapping[str, Mapping[str, str]]:
        """A hall's own sentences: each has a code of ours, and blanks that are filled in there; those that
        are right."""
        right = {}
        for code, texts in own.items():
            before = len(self.mistakes)
            self.among(("words", code), code, sentences)
            known = set(re.findall(r"{\w+}", sentences[code]["zh"])) if code in sentences else set()
            for lang, text in texts.items() if code in sentences else ():
                self.among(("words", code, lang), lang, ("zh", "en"))
                for blank in set(re.findall(r"{\w*}|[{}]", text)) - known:
                    self.wrong(("words", code, lang), "blank", value=blank, known=" ".join(sorted(known)))
            if len(self.mistakes) == before:
                right[code] = texts
        return right

    def read(self, kind: Any, value: Any, path: Path) -> Any:
        """`value`, as TOML gives it, as `kind`; None with a mistake if it is not one, or what of a table
        or a list is right."""
        origin, inner = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self.ruled(inner[1:], self.read(inner[0], value, path), path)
        if bad := _NAMELESS.search(path[-1]) or (isinstance(value, str) and CONTROL.search(value)):
            self.wrong(path, "control", value=ascii(bad[0]))
        if origin is UnionType:
            kind, inner = inner[0], get_args(inner[0])
            origin = get_origin(kind)
        if kind is Device:
            return self.device(value, path)
        if origin is Literal:
            return self.word(inner, value, path)
        if kind == Session:
            return self.session(value, path)
        if is_dataclass(kind):
            values = self.table(get_type_hints(kind), _needed(kind), value, path)
            return kind(**values) if _needed(kind) <= values.keys() else None  # type: ignore[operator]
        if origin in (list, tuple) and isinstance(value, list):
            items = [self.read(inner[0], item, path) for item in value]
            return origin(item for item in items if item is not None)
        if origin not in (None, list, tuple) and isinstance(value, dict) and value:
            read = {key: self.read(inner[1], item, (*path, key)) for key, item in value.items()}
            return {key: item for key, item in read.items() if item is not None}
        if kind is date and isinstance(value, date) and not isinstance(value, datetime):
            return value
        right = (int, float) if kind is float else kind
        if origin is None and isinstance(value, right) and (kind is bool or not isinstance(value, bool)):
            return value
        self.wrong(path, "type", kind=KINDS.get(origin or kind, "table"), value=value)
        return None

    def ruled(self, rules: Iterable[Any], value: Any, path: Path) -> Any:
        """`value` if every one of its rules lets it be."""
        for rule in rules if value is not None else ():
            if isinstance(rule, Rule) and (why := rule.refuses(value)):
                self.wrong(path, why[0], **why[1])
                return None
        return value

    def word(self, words: Sequence[str], value: Any, path: Path) -> str | None:
        if not isinstance(value, str):
            self.wrong(path, "type", kind="text", value=value)
            return None
        self.among(path, value, words)
        return value if value in words else None

    def session(self, value: Any, path: Path) -> Session | None:
        parts = re.fullmatch(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)", str(value))
        try:
            h1, m1, h2, m2 = map(int, parts.groups() if parts else ())
            return time(h1, m1), time(h2, m2)
        except ValueError:
            self.wrong(path, "hours", value=value)
            return None

    def device(self, data: Any, path: Path) -> Device | None:
        """A stanza. What its driver raises while it is asked what it takes, which may be somebody else's, is
        a mistake of this one device."""
        try:
            return self.stanza(data, path)
        except Exception as error:  # noqa: BLE001 - whatever code that we have never seen may raise
            name = data["driver"]
            self.wrong((*path, "driver"), "driver", value=name, detail=f"{type(error).__name__}: {error}")
            return Device(name)

    def stanza(self, data: Any, path: Path) -> Device | None:
        """What is common to all devices, and the parameters of its driver; what is right of it."""
        common = get_type_hints(Device)
        del common["options"]
        name = data.get("driver") if isinstance(data, dict) else None
        name = name if isinstance(name, str) else ""
        try:
            driver = self._load(name) if name else None
        except LookupError as error:
            self.wrong((*path, "driver"), "unknown", word=name, nearest=error.args[-1])
            return Device(name)
        except Exception:  # noqa: BLE001 - whatever an import may raise
            driver = None  # it cannot be imported here: a red line when the hall runs
        if driver is None and name:
            told = {key: value for key, value in data.items() if key in common}
            return Device(**self.table(common, ("driver",), told, path))
        parameters = dict(inspect.signature(driver).parameters) if driver else {}
        hints = get_type_hints(driver.__init__, include_extras=True) if driver else {}
        parameters.pop("name", None)
        own = {key: hints[key] for key in parameters}
        needed = {"driver", *(key for key, p in parameters.items() if p.default is p.empty)}
        if driver and driver.wired:
            needed.add("url")
        elif "url" not in own:
            del common["url"]
        values = self.table(common | own, needed, data, path)
        if driver is None:
            return None
        self.drivers[path[-1]] = driver
        options = {key: value for key, value in values.items() if key in own}
        return Device(**{key: value for key, value in values.items() if key in common}, options=options)
