"""The journal: sealed, append-only, in SQLite. What `append` returned from survives a power cut."""

import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from controller import pi
from controller.hall import events as kinds
from controller.hall.events import DayOpened, Event, YearOpened
from controller.hall.moment import Now
from controller.hall.outcome import Refused

VERSION = 1
RESERVE = 8 << 20  # bytes: some ten thousand events
_MARKS = "kind IN ('DayOpened', 'PlanLoaded', 'TimeConfirmed')"
_INDEX = f"CREATE INDEX IF NOT EXISTS newest ON journal (kind, seq) WHERE {_MARKS};"
_SCHEMA = f"""
CREATE TABLE journal (seq INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL,
                      body TEXT NOT NULL, seal TEXT NOT NULL);
{_INDEX}
CREATE TRIGGER no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER no_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'append only'); END;
PRAGMA user_version = {VERSION};
"""


# The condition of the index in so many words: without it SQLite reads a million rows at every start.
_NEWEST = f"seq = (SELECT max(seq) FROM journal INDEXED BY newest WHERE {_MARKS} AND kind = '{{}}')"


class CannotStart(Refused):
    """The hall cannot start; `code` has a sentence in display/words."""


class Store:
    """One journal file, held by one process; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open `path`, or make it. Raises CannotStart; a first journal that fails leaves nothing."""
        self.path, self._reserve = path, path.with_name("reserve")
        new = [p for p in (path, *path.parents) if not p.exists()]
        with ExitStack() as undo:
            for made in reversed(new):
                undo.callback(_remove, made)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._folder = lock(path)
                undo.callback(os.close, self._folder)
                # Room is reserved only for a journal that is there.
                lacking = not path.exists() or not path.stat().st_size
                if lacking and self._reserve.exists() and journals(path) == [path]:
                    raise CannotStart("journal_gone", path=str(path))
                self._open()
                for made in new[1:]:  # what is in a folder was synced under EXTRA
                    sync(made.parent)
            except (OSError, sqlite3.Error) as error:
                raise CannotStart("journal_unusable", path=str(path), detail=str(error)) from error
            undo.pop_all()

    def _open(self) -> None:
        # Before a file is made or read: a renamed year or a removed log must not come back over it.
        os.fsync(self._folder)
        self._db = opened(self.path)
        self._inode = os.stat(self.path).st_ino
        try:
            self._prepare()
        except (sqlite3.Error, CannotStart):
            self._db.close()
            raise

    def _prepare(self) -> None:
        """Go on behind the last row, if all of today holds."""
        row = self._db.execute("SELECT seq, seal FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        self._seq: int = row[0] if row else 0
        self._seal: str = row[1] if row else ""
        if not row and (old := journals(self.path)[:-1]):
            self._continue(old[-1])
        _, broken = checked(self._db, self._start())
        if broken:
            raise CannotStart("journal_damaged", path=str(self.path), row=broken)

    def _continue(self, old: Path) -> None:
        """The first rows of a new year's file: the last seal of the one before, and the plan."""
        with closing(reading(old)) as db:
            self._seq, self._seal, time = db.execute(
                "SELECT seq, seal, time FROM journal ORDER BY seq DESC LIMIT 1"
            ).fetchone()
            plan = plan_in(db)
        first = YearOpened(old.name, self._seal, at=_now(time), actor="clock", press="")
        self._write([first, *([_event(time, "PlanLoaded", plan)] if plan else [])])

    def _start(self) -> int:
        """The number of the row with which today begins; in a new year's file its first one."""
        (start,) = self._db.execute("SELECT max(seq) FROM journal WHERE kind = 'DayOpened'").fetchone()
        (first,) = self._db.execute("SELECT coalesce(min(seq), 0) FROM journal").fetchone()
        return int(start or first)

    def append(self, events: Sequence[Event]) -> None:
        """All of `events` in one durable transaction, or none. A new year begins a new file, and what
        came before it stays true by itself. Raises sqlite3.Error."""
        for place, event in enumerate(events):
            if isinstance(event, DayOpened) and (year := self._year()) and event.day[:4] > year:
                if place:
                    self._write(events[:place])
                self._db.close()
                opened(self.path, "DELETE").close()  # all of it in one file, which nobody writes any more
                self.path.rename(self.path.with_name(f"journal-{year}.db"))
                self._open()
                events = events[place:]
                break
        self._write(events)

    @property
    def last(self) -> int:
        """The number of the newest row; any thread may ask."""
        return self._seq

    def _year(self) -> str:
        """Of the newest business day in this file."""
        newest = self.newest("DayOpened")
        return newest.day[:4] if isinstance(newest, DayOpened) else ""

    def _write(self, events: Sequence[Event]) -> None:
        seq, seal, values = self._seq, self._seal, []
        for event in events:
            seq += 1
            row = (seq, _time(event.at), type(event).__name__, _body(event))
            seal = sealed(seal, row)
            values += [*row, seal]
        if os.stat(self.path).st_ino != self._inode:
            raise sqlite3.OperationalError(f"{self.path} is another file now")
        # One statement is one transaction.
        self._db.execute("INSERT INTO journal VALUES " + ", ".join(["(?, ?, ?, ?, ?)"] * len(events)), values)
        self._seq, self._seal = seq, seal

    def keep_reserve(self) -> bool:
        """Keep room for the day on which the card is full, if there is any; is it kept?"""
        try:
            if not self._kept() and pi.free(self.path.parent) > 2 * RESERVE:
                with open(self._reserve, "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, RESERVE)
                    os.fsync(file.fileno())
        except OSError:
            self._reserve.unlink(missing_ok=True)
        return self._kept()

    def _kept(self) -> bool:
        # All of it: a power cut may leave the name of a file without its room.
        return self._reserve.exists() and self._reserve.stat().st_size == RESERVE

    def spend_reserve(self) -> bool:
        """Give that room to the journal; False if there is none any more."""
        try:
            self._reserve.unlink()
            os.fsync(self._folder)
        except OSError:
            return False
        return True

    def reopen(self) -> None:
        """After a failed append: read again what is there. With the same handle, which knows how far the
        journal goes: a new one would find what was written and never synced, and take it for true."""
        try:
            self._prepare()
        except sqlite3.ProgrammingError:  # it was closed, between two years
            self._open()

    def today(self) -> Iterator[Event]:
        """The events since the newest business day began: all that today's state is made of."""
        old = journals(self.path)[:-1]
        if old and not self._year():  # the mains were cut between two years
            with closing(reading(old[-1])) as db:
                yield from _events(db, "seq >= (SELECT max(seq) FROM journal WHERE kind = 'DayOpened')")
        yield from self._read("seq >= ?", self._start())

    def newest(self, kind: str) -> Event | None:
        """The newest of the events that have an index."""
        return next(_events(self._db, _NEWEST.format(kind)), None)

    def plan(self) -> str:
        """The text of the newest plan, or empty."""
        return getattr(self.newest("PlanLoaded"), "text", "")

    def presses(self, count: int) -> list[str]:
        """The press ids among the last `count` events, oldest first."""
        return [event.press for event in self._read("seq > ?", self._seq - count) if event.press]

    def last_wall(self) -> datetime | None:
        """The newest wall time that was believed: one that was not proves nothing."""
        newest = next(self._read("time LIKE '% yes' AND seq <= ? ORDER BY seq DESC LIMIT 1", self._seq), None)
        return newest.at.wall if newest else None

    def _read(self, where: str, value: int) -> Iterator[Event]:
        yield from _events(self._db, where, value)

    def close(self) -> None:
        self._db.close()
        os.close(self._folder)


def lock(path: Path) -> int:
    """Keep everybody else off the journal at `path`, until this handle of its folder is closed. Raises
    CannotStart."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(folder)
        raise CannotStart("journal_locked", path=str(path)) from error
    return folder


def opened(path: Path, mode: str = "WAL") -> sqlite3.Connection:
    """The file of a journal, made if there is none, to be written in this mode. Raises CannotStart."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise CannotStart("journal_newer", path=str(path), version=version)
        if version == 0:
            # Made under EXTRA before WAL: made under the default, a power cut can undo it all
            # (trust.md §2.1, 1,390 of 3,092 states). A small page halves the wear (limits.md).
            db.executescript(
                "PRAGMA page_size = 1024; PRAGMA synchronous = EXTRA; BEGIN;" + _SCHEMA + "COMMIT;"
            )
        # A change of mode goes through a rollback journal, whose end only EXTRA makes durable. The index is
        # lacking in a journal of before.
        db.executescript(f"PRAGMA synchronous = EXTRA; PRAGMA journal_mode = {mode}; {_INDEX}")
        if mode == "WAL":
            db.execute("PRAGMA synchronous = FULL")
    except (sqlite3.Error, CannotStart):
        db.close()
        raise
    return db


def sync(folder: Path) -> None:
    """Make what was made, renamed or removed in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def journals(path: Path) -> list[Path]:
    """The files of a journal, one for each year before and the one that is written, oldest first."""
    return [*sorted(path.parent.glob(f"{path.stem}-[0-9][0-9][0-9][0-9]{path.suffix}")), path]


def planned(path: Path) -> str:
    """The text of the newest plan in a journal that is only read. Raises sqlite3.Error."""
    with closing(reading(path)) as db:
        return str(plan_in(db).get("text", ""))


def plan_in(db: sqlite3.Connection) -> Mapping[str, Any]:
    """The newest PlanLoaded, as it is written; empty if there is none."""
    # Without the index, which a journal of before may lack.
    sql = "SELECT body FROM journal WHERE kind = 'PlanLoaded' ORDER BY seq DESC LIMIT 1"
    found = db.execute(sql).fetchone()
    plan: Mapping[str, Any] = json.loads(found[0]) if found else {}
    return plan


def reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def _events(db: sqlite3.Connection, where: str, *values: int) -> Iterator[Event]:
    order = "" if "ORDER" in where else " ORDER BY seq"
    for time, kind, body in db.execute(f"SELECT time, kind, body FROM journal WHERE {where}{order}", values):
        yield _event(time, kind, json.loads(body))


def read(path: Path, after: int = 0) -> Iterator[tuple[int, Event]]:
    """The events after number `after` with their numbers, in all years if it is 0, or the last ones of this
    year if it is negative; also while a hall is running. Raises CannotStart."""
    try:
        for file in journals(path) if not after else [path]:
            with closing(reading(file)) as db:
                sql = "SELECT seq, time, kind, body FROM journal WHERE seq > ? ORDER BY seq"
                (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
                for seq, time, kind, body in db.execute(sql, (after if after >= 0 else last + after,)):
                    yield seq, _event(time, kind, json.loads(body))
    except sqlite3.Error as error:
        raise CannotStart("journal_unusable", path=path, detail=error) from error


def verify(path: Path) -> tuple[int, int]:
    """How many rows of all years hold, and the number of the first broken row (0: all hold). Reads only."""
    count, last = 0, ""
    for file in journals(path):
        with closing(reading(file)) as db:
            good, broken = checked(db, 0, last)
            if broken:
                return count + good, broken
            count += good
            (last,) = db.execute("SELECT seal FROM journal ORDER BY seq DESC LIMIT 1").fetchone() or ("",)
    return count, 0


def checked(db: sqlite3.Connection, start: int, last: str = "") -> tuple[int, int]:
    """How many rows from number `start` on hold, and the first broken one's number. `last`: the seal of
    the file before this one, if that was read."""
    good, due, seal = 0, start, ""
    try:
        before = db.execute("SELECT seq, seal FROM journal WHERE seq < ? ORDER BY seq DESC LIMIT 1", (start,))
        due, seal = before.fetchone() or (0, "")
        for *row, kept in db.execute("SELECT * FROM journal WHERE seq > ? ORDER BY seq", (due,)):
            due += 1
            if not good and row[2] == "YearOpened":  # goes on from another file
                due, seal = row[0], json.loads(row[3])["seal"]
                if last not in ("", seal):
                    return good, due
            seal = sealed(seal, row)
            if row[0] != due or seal != kept:
                return good, due
            good += 1
    except (sqlite3.DatabaseError, TypeError, ValueError):
        return good, due + 1  # the file itself is damaged from here on
    return good, 0


def _remove(path: Path) -> None:
    """Take back what a failed first start has made."""
    if path.is_dir():
        path.rmdir()
    else:
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()


def sealed(previous: str, row: Sequence[Any]) -> str:
    # No field can hold a newline: time and kind by form, body because JSON escapes it.
    return hashlib.sha256("\n".join([previous, *map(str, row)]).encode()).hexdigest()


def _time(at: Now) -> str:
    return f"{at.wall.isoformat()} {at.mono:.6f} {at.boot} {'yes' if at.trusted else 'no'}"


def _now(text: str) -> Now:
    wall, mono, boot, trusted = text.split()
    return Now(datetime.fromisoformat(wall), float(mono), boot, trusted == "yes")


def _body(event: Event) -> str:
    plain = {f.name: getattr(event, f.name) for f in fields(event) if f.name != "at"}
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Now):
        return _time(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return {f.name: getattr(value, f.name) for f in fields(value)}


_hints = cache(get_type_hints)


def _event(time: str, kind: str, body: Mapping[str, Any]) -> Event:
    # A kind or a field that this version does not know means a newer journal: refuse, never skip.
    found = getattr(kinds, kind, None)
    if found is None or not body.keys() <= _hints(found).keys():
        raise CannotStart("journal_newer", version=kind)
    values = {name: _typed(_hints(found)[name], value) for name, value in body.items()}
    event: Event = found(at=_now(time), **values)
    return event


def _typed(kind: Any, value: Any) -> Any:
    """`value` as JSON gave it -> as `kind` annotates it."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Now or (origin is UnionType and value is not None):
        return _now(value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if origin is tuple:
        return tuple(_typed(inner[0], item) for item in value)
    if origin is not None and isinstance(value, dict):
        return {key: _typed(inner[1], item) for key, item in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**{name: _typed(_hints(kind)[name], item) for name, item in value.items()})
    return value
