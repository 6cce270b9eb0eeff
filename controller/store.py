"""The journal: sealed, append-only, in SQLite. What `append` returned from survives a power cut."""

import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from controller import model
from controller.clock import Now

VERSION = 1
_SCHEMA = f"""
CREATE TABLE journal (seq INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL,
                      body TEXT NOT NULL, seal TEXT NOT NULL);
CREATE INDEX marks ON journal (kind, seq) WHERE kind IN ('DayOpened', 'PlanLoaded', 'TimeConfirmed');
CREATE TRIGGER no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER no_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'append only'); END;
PRAGMA user_version = {VERSION};
"""


class CannotStart(model.Refused):
    """The hall cannot start; `code` has a sentence in display/words."""


class Store:
    """One journal file, held by one process; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open `path`, or make it. Raises CannotStart; a first journal that fails leaves nothing."""
        self.path = path
        new = [p for p in (path, *path.parents) if not p.exists()]
        with ExitStack() as undo:
            for made in reversed(new):
                undo.callback(_remove, made)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._folder = os.open(path.parent, os.O_RDONLY)
                undo.callback(os.close, self._folder)
                fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._open()
            except BlockingIOError as error:
                raise CannotStart("journal_locked", path=str(path)) from error
            except (OSError, sqlite3.Error) as error:
                raise CannotStart("journal_unusable", path=str(path), detail=str(error)) from error
            undo.pop_all()

    def _open(self) -> None:
        self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except (sqlite3.Error, CannotStart):
            self._db.close()
            raise

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise CannotStart("journal_newer", path=str(self.path), version=version)
        if version == 0:
            # Made under EXTRA before WAL: made under the default, a power cut can undo it all
            # (trust.md §2.1, 1,390 of 3,092 states). A small page halves the wear (limits.md).
            self._db.executescript(
                "PRAGMA page_size = 1024; PRAGMA synchronous = EXTRA; BEGIN;" + _SCHEMA + "COMMIT;"
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            os.fsync(self._folder)
            above = os.open(self.path.parent.parent, os.O_RDONLY)
            os.fsync(above)
            os.close(above)
        self._db.execute("PRAGMA synchronous = FULL")
        row = self._db.execute("SELECT seq, seal FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        self._seq: int = row[0] if row else 0
        self._seal: str = row[1] if row else ""

    def append(self, events: Sequence[model.Event]) -> None:
        """All of `events` in one durable transaction, or none. Raises sqlite3.Error."""
        seq, seal, values = self._seq, self._seal, []
        for event in events:
            seq += 1
            row = (seq, _time(event.at), type(event).__name__, _body(event))
            seal = _sealed(seal, row)
            values += [*row, seal]
        # One statement is one transaction.
        self._db.execute("INSERT INTO journal VALUES " + ", ".join(["(?, ?, ?, ?, ?)"] * len(events)), values)
        self._seq, self._seal = seq, seal

    def reopen(self) -> None:
        """After a failed append: trust neither the handle nor what it may have written."""
        self._db.close()
        self._open()

    def today(self) -> Iterator[model.Event]:
        """The events since the newest business day began: all that today's state is made of."""
        (start,) = self._db.execute(
            "SELECT coalesce(max(seq), 0) FROM journal WHERE kind = 'DayOpened'"
        ).fetchone()
        return self._read("seq >= ?", start)

    def newest(self, kind: str) -> model.Event | None:
        """The newest of the events that have an index."""
        return next(self._read(f"kind = '{kind}' AND seq > ? ORDER BY seq DESC LIMIT 1", 0), None)

    def plan(self) -> str:
        """The text of the newest plan, or empty."""
        return getattr(self.newest("PlanLoaded"), "text", "")

    def presses(self, count: int) -> list[str]:
        """The press ids among the last `count` events, oldest first."""
        return [event.press for event in self._read("seq > ?", self._seq - count) if event.press]

    def last_wall(self) -> datetime | None:
        """The wall time of the newest event."""
        newest = next(self._read("seq = ?", self._seq), None)
        return newest.at.wall if newest else None

    def _read(self, where: str, value: int) -> Iterator[model.Event]:
        sql = f"SELECT time, kind, body FROM journal WHERE {where}"
        order = "" if "ORDER" in where else " ORDER BY seq"
        for time, kind, body in self._db.execute(sql + order, (value,)):
            yield _event(time, kind, json.loads(body))

    def close(self) -> None:
        self._db.close()
        os.close(self._folder)


def read(path: Path, after: int = 0) -> Iterator[tuple[int, model.Event]]:
    """The events after number `after` with their numbers, or the last ones if it is negative; also while
    a hall is running. Raises CannotStart."""
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        sql = "SELECT seq, time, kind, body FROM journal WHERE seq > ? ORDER BY seq"
        (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
        for seq, time, kind, body in db.execute(sql, (after if after >= 0 else last + after,)):
            yield seq, _event(time, kind, json.loads(body))
        db.close()
    except sqlite3.Error as error:
        raise CannotStart("journal_unusable", path=path, detail=error) from error


def verify(path: Path) -> tuple[int, int]:
    """How many rows hold, and the number of the first broken row (0: all hold). Reads only."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    seal, good = "", 0
    try:
        for *row, kept in db.execute("SELECT seq, time, kind, body, seal FROM journal ORDER BY seq"):
            seal = _sealed(seal, row)
            if row[0] != good + 1 or seal != kept:
                return good, good + 1
            good += 1
    except (sqlite3.DatabaseError, TypeError):
        return good, good + 1  # the file itself is damaged from here on
    finally:
        db.close()
    return good, 0


def _remove(path: Path) -> None:
    """Take back what a failed first start has made."""
    if path.is_dir():
        path.rmdir()
    else:
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()


def _sealed(previous: str, row: Sequence[Any]) -> str:
    # No field can hold a newline: time and kind by form, body because JSON escapes it.
    return hashlib.sha256("\n".join([previous, *map(str, row)]).encode()).hexdigest()


def _time(at: Now) -> str:
    return f"{at.wall.isoformat()} {at.mono:.6f} {at.boot} {'yes' if at.trusted else 'no'}"


def _now(text: str) -> Now:
    wall, mono, boot, trusted = text.split()
    return Now(datetime.fromisoformat(wall), float(mono), boot, trusted == "yes")


def _body(event: model.Event) -> str:
    plain = {f.name: getattr(event, f.name) for f in fields(event) if f.name != "at"}
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Now):
        return _time(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return {f.name: getattr(value, f.name) for f in fields(value)}


_hints = cache(get_type_hints)


def _event(time: str, kind: str, body: Mapping[str, Any]) -> model.Event:
    # A kind that this version does not know means a newer journal: refuse, never skip.
    found = getattr(model, kind, None)
    if found is None:
        raise CannotStart("journal_newer", version=kind)
    values = {name: _typed(_hints(found)[name], value) for name, value in body.items()}
    event: model.Event = found(at=_now(time), **values)
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
