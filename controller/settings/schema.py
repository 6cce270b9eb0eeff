"""What a hall.toml says, as typed frozen settings; reader.py reads it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, time
from typing import Any, Literal

Session = tuple[time, time]
Sessions = tuple[Session, ...]
KEYS = ("next", "recall", "start", "complete", "no_show", "pause", "sign_out", "hold")  # of a call unit
CALL_REASONS = ("by_number", "special", "papers", "mistake")  # of a call out of order
CHINA = "Asia/Shanghai"
PAUSE_REASONS = ("away", "copy", "training", "lunch", "fault")
STOP_REASONS = ("disk_full",)  # why no tickets are given at all
FREEZE_REASONS = ("evacuation", "power", "fault")
# What a printer, a sign, a terminal or a line of text could take for a command; half a character.
CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# What a line of a ticket's layout may have filled in.
ON_TICKET = (
    *("hall", "mark", "number", "service", "windows", "ahead", "wait", "materials"),
    *("watch", "rules", "link", "scan", "time"),
)


@dataclass(frozen=True, slots=True)
class Hall:
    name: str
    name_en: str
    timezone: str = CHINA


@dataclass(frozen=True, slots=True)
class Board:
    """`screens`: TVs that should be showing it, of so many `inches`; `metres` to the farthest seat."""

    screens: int = 1
    inches: float = 55.0
    metres: float = 8.0


@dataclass(frozen=True, slots=True)
class Hours:
    """When tickets are given, by weekday; a day without sessions is closed."""

    monday: Sessions = ()
    tuesday: Sessions = ()
    wednesday: Sessions = ()
    thursday: Sessions = ()
    friday: Sessions = ()
    saturday: Sessions = ()
    sunday: Sessions = ()

    def of(self, weekday: int) -> Sessions:
        """The sessions of a weekday, Monday 0."""
        found: Sessions = getattr(self, fields(self)[weekday].name)
        return found


@dataclass(frozen=True, slots=True)
class Calendar:
    """`national`: China's public holidays and make-up workdays count; `closed` and `extra`: the hall's
    own days off and on, which count before them."""

    national: bool = True
    closed: tuple[date, ...] = ()
    extra: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """The hall's rules, as the rule card states them (hall.md §2.7).

    `care_minutes`, `prefer_minutes`: credits in line of the care class, and of the services that a
    window prefers. `calls` at least `recall_seconds` apart, then missed, by itself after
    `no_show_seconds` (0: only by the clerk). Who reports within `missed_minutes` stands after the next
    `reinstate_after` tickets, `reinstates` times. `end`: what becomes of those who still wait when a
    session ends. `cut_off`: when tickets end before that: if the finish is foreseen later than
    `grace_minutes` after the end, or at `last_ticket_minutes` before it.
    """

    care_minutes: int = 20
    prefer_minutes: int = 10
    calls: int = 3
    recall_seconds: int = 15
    no_show_seconds: int = 120
    missed_minutes: int = 30
    reinstate_after: int = 3
    reinstates: int = 2
    hold_minutes: int = 60
    end: Literal["finish", "carry", "unserved"] = "finish"
    cut_off: Literal["foreseen", "fixed", "none"] = "foreseen"
    last_ticket_minutes: int = 15
    grace_minutes: int = 30


@dataclass(frozen=True, slots=True)
class Service:
    """`minutes`: the standard time of one visit; `hours`: when its tickets are given within the hall's
    hours, empty: always; `quota`: how many each session may give, in the day's order; `materials`:
    what a visitor must bring; `group`: the button of the kiosk's page behind which it is."""

    name: str
    name_en: str
    minutes: int = 10
    hours: Sessions = ()
    quota: tuple[int, ...] = ()
    materials: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """`layout`: what stands on paper, in the form of display/paper/ticket.txt; empty: as that file says."""

    layout: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Services that the kiosk's page shows behind one button."""

    name: str
    name_en: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """`clerk`: the 工号 under which the first press of a box without digits opens the window;
    `prefers`: services that it calls first, within the policy's bound."""

    services: tuple[str, ...]
    clerk: str
    prefers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kiosk:
    """`printer`: the device that prints its tickets; `roll`: metres of paper on a new roll."""

    printer: str
    roll: float = 50.0


@dataclass(frozen=True, slots=True)
class Device:
    """A stanza [device.NAME]. `options` are the parameters of the driver's constructor; `zone`: the
    windows whose calls a voice speaks, all if none is named; `volume`: how loud it is, in percent, from
    which time of day on."""

    driver: str
    url: str = ""
    baudrate: int = 9600
    retry: float = 5.0
    window: str = ""
    kiosk: str = ""
    zone: tuple[str, ...] = ()
    volume: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Web:
    """`certificate`, `key`: PEM files; with them the pages go over TLS. `link`: the address at which
    visitors' phones reach this hall, such as "http://192.168.1.5:8080"; without it no QR code is printed."""

    certificate: str = ""
    key: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Backup:
    """`folder`: where the journal is copied at once, on another medium than its own."""

    folder: str = ""


@dataclass(frozen=True, slots=True)
class Mistake:
    """`code` and `arguments` make a sentence in display/words; `line` counts from 1; `device`: the one in
    whose stanza it is."""

    line: int
    key: str
    code: str
    arguments: Mapping[str, Any]
    device: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of hall.toml; `words`: the hall's own sentences by code and language, in place of those
    of display/words/words.toml; `text` is what was read; `refused`: what was right in its day, and is not
    by the checks of today."""

    hall: Hall
    hours: Hours
    service: Mapping[str, Service]
    window: Mapping[str, Window]
    kiosk: Mapping[str, Kiosk]
    device: Mapping[str, Device]
    board: Board = Board()
    calendar: Calendar = Calendar()
    policy: Policy = Policy()
    ticket: Ticket = Ticket()
    web: Web = Web()
    backup: Backup = Backup()
    group: Mapping[str, Group] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    text: str = ""
    refused: tuple[Mistake, ...] = ()

    @property
    def down(self) -> set[str]:
        """The devices in whose stanza something is refused."""
        return {mistake.device for mistake in self.refused}


def layout(text: str) -> list[tuple[int, bool, str]]:
    """The lines of a ticket's layout: size (0: a QR code), whether large print leaves it out, text.
    Raises ValueError with the line that is none."""
    found = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            parts = re.fullmatch(r"(-?)(qr|[1-4]) (.*)", line.strip())
            if parts is None or re.search(r"[{}]", re.sub(rf"{{({'|'.join(ON_TICKET)})}}", "", parts[3])):
                raise ValueError(line.strip())
            found.append((0 if parts[2] == "qr" else int(parts[2]), bool(parts[1]), parts[3]))
    return found
