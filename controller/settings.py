"""hall.toml -> typed frozen settings; every mistake named at once, with the nearest right word."""

import inspect
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import time
from difflib import get_close_matches
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo, available_timezones

Session = tuple[time, time]
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
KEYS = ("next", "recall", "start", "complete", "no_show", "pause", "sign_out")  # of a call unit
STANZAS = ("hall", "board", "hours", "service", "window", "kiosk", "device")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hall:
    name: str
    name_en: str
    timezone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Window:
    """`clerk`: the 工号 under which the first press of a box without digits opens the window."""

    services: tuple[str, ...]
    clerk: str


@dataclass(frozen=True, slots=True)
class Kiosk:
    """`printer`: the name of the device that prints its tickets."""

    printer: str


@dataclass(frozen=True, slots=True)
class Board:
    """`screens`: how many TVs should be showing the board."""

    screens: int = 1


@dataclass(frozen=True, slots=True)
class Device:
    """A stanza [device.NAME]. `options` are the parameters of the driver's constructor."""

    driver: str
    url: str = ""
    baudrate: int = 9600
    retry: float = 5.0
    window: str = ""
    kiosk: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of hall.toml; `hours` by weekday, Monday first; `text` is what was read."""

    text: str
    hall: Hall
    board: Board
    hours: tuple[tuple[Session, ...], ...]
    services: Mapping[str, Service]
    windows: Mapping[str, Window]
    kiosks: Mapping[str, Kiosk]
    devices: Mapping[str, Device]


@dataclass(frozen=True, slots=True)
class Mistake:
    """`code` and `arguments` make a sentence in display/words; `line` counts from 1."""

    line: int
    key: str
    code: str
    arguments: Mapping[str, Any]


class Mistakes(Exception):
    """All that is wrong with one file."""

    def __init__(self, found: list[Mistake]) -> None:
        super().__init__(f"{len(found)} mistakes")
        self.found = sorted(found, key=lambda mistake: mistake.line)


def parse(source: bytes, load: Callable[[str], type[Any]]) -> Settings:
    """The settings in `source`. Raises Mistakes with every mistake of the file.

    `load` finds a driver's class, or raises LookupError with the `nearest` name that exists.
    """
    try:
        text = source.decode("utf-8-sig")
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise Mistakes([Mistake(line, "", "encoding", {})]) from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise Mistakes([Mistake(line, "", "syntax", {"detail": str(error)})]) from error
    reader = _Reader(_lines(text))
    settings = reader.settings(text, data, load)
    if reader.mistakes or settings is None:
        raise Mistakes(reader.mistakes)
    return settings


Path = tuple[str, ...]


def _lines(text: str) -> dict[Path, int]:
    """The line of every table and key; tomllib does not tell."""
    found: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#|$)", line)
        key = re.match(r"\s*([\w.\"'-]+)\s*=", line)
        if head or key:
            path = tuple(part.strip(" \"'") for part in (head or key)[1].split("."))  # type: ignore[index]
            table = path if head else table
            found.setdefault(path if head else table + path, number)
    return found


def _fits(kind: Any, value: Any) -> bool:
    """Is `value`, as TOML gives it, of the annotated `kind`?"""
    match get_origin(kind):
        case origin if origin is UnionType:
            return any(_fits(choice, value) for choice in get_args(kind))
        case origin if origin in (list, tuple):
            inner = get_args(kind)[0]
            return isinstance(value, list) and all(_fits(inner, item) for item in value)
        case origin if origin is not None and issubclass(origin, Mapping):
            inner = get_args(kind)[1]
            return isinstance(value, dict) and all(_fits(inner, item) for item in value.values())
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return kind is Any or (isinstance(kind, type) and isinstance(value, kind))


def _kind_name(kind: Any) -> str:
    plain = {str: "text", int: "number", float: "number", bool: "truth"}
    return plain.get(kind, "list" if get_origin(kind) in (list, tuple) else "table")


class _Reader:
    """Reads one file and collects its mistakes."""

    def __init__(self, lines: Mapping[Path, int]) -> None:
        self._lines = lines
        self.mistakes: list[Mistake] = []

    def wrong(self, path: Path, code: str, **arguments: Any) -> None:
        known = [path[:n] for n in range(len(path), 0, -1) if path[:n] in self._lines]
        line = self._lines[known[0]] if known else 1
        self.mistakes.append(Mistake(line, ".".join(path), code, arguments))

    def unknown(self, path: Path, word: object, words: Iterable[str]) -> None:
        """`word` stands where one of `words` should."""
        words = list(words)
        near = get_close_matches(str(word), words, 1, 0.3) or words[:1]
        self.wrong(path, "unknown", word=word, nearest="".join(near))

    def typed(self, path: Path, data: Any, hints: Mapping[str, Any], needed: set[str]) -> bool:
        """Check keys and types of one table."""
        before = len(self.mistakes)
        if not isinstance(data, dict):
            self.wrong(path, "type", kind="table", value=data)
            return False
        for key, value in data.items():
            if key not in hints:
                self.unknown((*path, key), key, hints)
            elif not _fits(hints[key], value):
                self.wrong((*path, key), "type", kind=_kind_name(hints[key]), value=value)
        for key in sorted(needed - data.keys()):
            self.wrong((*path, key), "missing")
        return len(self.mistakes) == before

    def build(self, kind: type[T], path: Path, data: Any) -> T | None:
        hints = get_type_hints(kind)
        needed = {
            f.name
            for f in fields(kind)  # type: ignore[arg-type]
            if f.default is MISSING and f.default_factory is MISSING
        }
        if not self.typed(path, data, hints, needed):
            return None
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})

    def group(self, data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """The stanzas [name.KEY]; there must be at least one."""
        stanzas = data.get(name)
        if isinstance(stanzas, dict) and stanzas:
            return stanzas
        self.wrong((name,), "missing")
        return {}

    def tables(self, kind: type[T], name: str, data: Mapping[str, Any]) -> dict[str, T]:
        built = {
            key: self.build(kind, (name, key), table)
            for key, table in self.group(data, name).items()
        }
        return {key: value for key, value in built.items() if value is not None}

    def settings(
        self, text: str, data: Mapping[str, Any], load: Callable[[str], type[Any]]
    ) -> Settings | None:
        for key in data.keys() - set(STANZAS):
            self.unknown((key,), key, STANZAS)
        hall = self.build(Hall, ("hall",), data.get("hall", {}))
        board = self.build(Board, ("board",), data.get("board", {}))
        hours = self.hours(data.get("hours", {}))
        services = self.tables(Service, "service", data)
        windows = self.tables(Window, "window", data)
        kiosks = self.tables(Kiosk, "kiosk", data)
        devices = self.devices(data, load)
        if hall is None or board is None:
            return None
        settings = Settings(text, hall, board, hours, services, windows, kiosks, devices)
        self.meaning(settings)
        return settings

    def hours(self, data: Any) -> tuple[tuple[Session, ...], ...]:
        week: list[tuple[Session, ...]] = []
        if not self.typed(("hours",), data, dict.fromkeys(WEEK, list[str]), set()):
            return ()
        for day in WEEK:
            sessions: list[Session] = []
            for span in data.get(day, []):
                parts = re.fullmatch(r"(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)", span.replace(" ", ""))
                try:
                    h1, m1, h2, m2 = map(int, parts.groups() if parts else ())
                    sessions.append((time(h1, m1), time(h2, m2)))
                except ValueError:
                    self.wrong(("hours", day), "hours", value=span)
            moments = [moment for session in sessions for moment in session]
            if moments != sorted(set(moments)):
                self.wrong(("hours", day), "overlap")
            week.append(tuple(sessions))
        if not any(week):
            self.wrong(("hours",), "missing")
        return tuple(week)

    def devices(
        self, data: Mapping[str, Any], load: Callable[[str], type[Any]]
    ) -> dict[str, Device]:
        common = get_type_hints(Device)
        del common["options"]
        found: dict[str, Device] = {}
        for name, table in self.group(data, "device").items():
            path = ("device", name)
            if not isinstance(table, dict) or not isinstance(table.get("driver"), str):
                self.wrong((*path, "driver"), "missing")
                continue
            try:
                driver = load(table["driver"])
            except LookupError as error:
                near = getattr(error, "nearest", "")
                self.wrong((*path, "driver"), "unknown", word=table["driver"], nearest=near)
                continue
            hints = get_type_hints(driver.__init__)
            parameters = dict(inspect.signature(driver).parameters)
            del parameters["name"]
            needed = {key for key, p in parameters.items() if p.default is p.empty}
            needed |= {"url"} if driver.wired else set()
            allowed = {key: hints[key] for key in parameters}
            if not driver.wired and "url" not in parameters:
                allowed = {key: kind for key, kind in (common | allowed).items() if key != "url"}
            else:
                allowed = common | allowed
            if self.typed(path, table, allowed, needed):
                options = {key: value for key, value in table.items() if key in parameters}
                plain = {key: value for key, value in table.items() if key in common}
                found[name] = Device(**plain, options=options)
        return found

    def meaning(self, plan: Settings) -> None:
        """What no single value tells: names that must exist, things that must not be double."""
        try:
            ZoneInfo(plan.hall.timezone)
        except (ValueError, OSError):
            self.unknown(("hall", "timezone"), plan.hall.timezone, sorted(available_timezones()))
        for code in plan.services:
            # domain.md §2.2: I and O are read as 1 and 0.
            if not re.fullmatch(r"[A-HJ-NP-Z]", code):
                self.wrong(("service", code), "service_code", value=code)
        for name, window in plan.windows.items():
            for service in window.services:
                self.exists(("window", name, "services"), service, plan.services)
        served = {service for window in plan.windows.values() for service in window.services}
        for code in plan.services.keys() - served:
            self.wrong(("service", code), "unserved", value=code)
        self.double("clerk", {("window", n, "clerk"): w.clerk for n, w in plan.windows.items()})
        for name, kiosk in plan.kiosks.items():
            self.exists(("kiosk", name, "printer"), kiosk.printer, plan.devices)
        places: dict[Path, Any] = {}
        for name, device in plan.devices.items():
            path = ("device", name)
            if device.window:
                self.exists((*path, "window"), device.window, plan.windows)
            if device.kiosk:
                self.exists((*path, "kiosk"), device.kiosk, plan.kiosks)
            for key in device.options.get("pins", {}):
                self.exists((*path, "pins"), key, plan.services)
            for key in device.options.get("keys", []):
                self.exists((*path, "keys"), key, KEYS)
            if device.url:
                places[(*path, "url")] = (device.url, device.options.get("address"))
        self.double("place", places)

    def exists(self, path: Path, word: str, words: Iterable[str]) -> None:
        if word not in words:
            self.unknown(path, word, words)

    def double(self, code: str, values: Mapping[Path, Any]) -> None:
        """Each value may stand at one path only."""
        first: dict[Any, Path] = {}
        for path, value in values.items():
            other = first.setdefault(value, path)
            if other != path:
                self.wrong(path, f"double_{code}", value=value, other=".".join(other))
