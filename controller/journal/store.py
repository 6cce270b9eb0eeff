"""The journal: sealed, append-only, in SQLite. What `append` returned from survives a power cut."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from controller.hall.events import DayOpened, Event, YearOpened
from controller.hall.moment import Now
from controller.hall.state import State, evolve
from controller.journal.files import CannotStart, free, journals, lock, reading, remove, sync, traces
from controller.journal.kinds import NAMES
from controller.journal.rows import decode, encode, moment, sealed
from controller.journal.verify import checked

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


class Store:
    """One journal file, held by one process; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open `path`, or make it. Raises CannotStart; a first journal that fails leaves nothing."""
        self.path, self._reserve = path, path.with_name("reserve")
        self._next = path.with_name("journal.new")  # the next year's file, until it has its name
        new = [folder for folder in path.parents if not folder.exists()]
        with ExitStack() as undo:
            for made in reversed(new):
                undo.callback(remove, made)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._folder = lock(path)
                undo.callback(os.close, self._folder)
                self._look()
                if not path.exists():
                    undo.callback(remove, path)
                self._open()
                for made in new:  # what is in a folder was synced under EXTRA
                    sync(made.parent)
            except (OSError, sqlite3.Error) as error:
                raise CannotStart("journal_unusable", path=str(path), detail=str(error)) from error
            undo.pop_all()

    def _look(self) -> None:
        """Is the journal there, or is this hall new? Raises CannotStart: where one was, none begins anew."""
        if self.path.exists() and self.path.stat().st_size:
            self._next.unlink(missing_ok=True)  # of a year that did not begin
        elif any(self.path.parent.glob("restore-*")):
            raise CannotStart("restore_half", path=str(self.path.parent))
        elif self._next.exists() and journals(self.path)[:-1]:
            self._next.replace(self.path)  # the mains were cut between two years
        elif traces(self.path):
            raise CannotStart("journal_gone", path=str(self.path))

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
        first = YearOpened(old.name, self._seal, at=moment(time), actor="clock", press="")
        self._write([first, *([decode(time, "PlanLoaded", plan)] if plan else [])])

    def _start(self) -> int:
        """The number of the row with which today begins; in a new year's file its first one."""
        (start,) = self._db.execute("SELECT max(seq) FROM journal WHERE kind = 'DayOpened'").fetchone()
        (first,) = self._db.execute("SELECT coalesce(min(seq), 0) FROM journal").fetchone()
        return int(start or first)

    def append(self, events: Sequence[Event]) -> None:
        """All of `events` in one durable transaction, or none. A new year begins a new file, and what
        came before it stays true by itself. Raises sqlite3.Error."""
        for place, event in enumerate(events):
            if isinstance(event, DayOpened) and (old := self._ended(event.day[:4])):
                if place:
                    self._write(events[:place])
                self._db.close()
                opened(self.path, "DELETE").close()  # all of it in one file, which nobody writes any more
                opened(self._next, "DELETE").close()
                self.path.rename(old)
                os.fsync(self._folder)  # or the new file could stand in its place
                self._next.rename(self.path)
                self._open()
                events = events[place:]
                break
        self._write(events)

    def _ended(self, coming: str) -> Path | None:
        """What the file of the year that ends with the `coming` one is called from now on. None if the year
        goes on, or if one like it is there already: after a wrong date a year may end twice."""
        year = self._year()
        ends = year and coming > year > self._put_away()
        return self.path.with_name(f"journal-{year}.db") if ends else None

    @property
    def last(self) -> int:
        """The number of the newest row; any thread may ask."""
        return self._seq

    def _year(self) -> str:
        """Of the newest business day in this file."""
        newest = self.newest("DayOpened")
        return newest.day[:4] if isinstance(newest, DayOpened) else ""

    def _put_away(self) -> str:
        """The newest year that has a file of its own. Files are read in the order of their years, and none
        may be written over: where a clock was set back, the days since stay with those that follow."""
        return max((old.stem[-4:] for old in journals(self.path)[:-1] if old.is_file()), default="")

    def _write(self, events: Sequence[Event]) -> None:
        seq, seal, values = self._seq, self._seal, []
        for event in events:
            seq += 1
            row = encode(seq, event)
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
            if not self._kept() and free(self.path.parent) > 2 * RESERVE:
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
        return (event for _, event in _today(self.path, self._db))

    def state(self) -> State:
        """What they make true. Raises CannotStart."""
        return folded(_today(self.path, self._db))

    def newest(self, kind: str) -> Event | None:
        """The newest of the events that have an index."""
        return next(_events(self._db, _NEWEST.format(kind)), None)

    def plan(self) -> str:
        """The text of the newest plan, or empty."""
        return getattr(self.newest("PlanLoaded"), "text", "")

    def presses(self, count: int) -> list[str]:
        """The press ids among the last `count` events of all years, oldest first."""
        first, found = self._seq - count, list[str]()
        for file in reversed(journals(self.path)):
            with closing(reading(file)) as db:
                found[:0] = [event.press for event in _events(db, "seq > ?", first) if event.press]
                (begins,) = db.execute("SELECT min(seq) FROM journal").fetchone()
            if begins and begins <= first:
                break
        return found

    def believed(self) -> Now | None:
        """The newest moment whose wall time was believed: one that was not proves nothing."""
        for file in reversed(journals(self.path)):  # a year's first row may be of a clock that nobody trusts
            with closing(reading(file)) as db:
                newest = next(_events(db, "time LIKE '% yes' ORDER BY seq DESC LIMIT 1"), None)
            if newest:
                return newest.at
        return None

    def _read(self, where: str, value: int) -> Iterator[Event]:
        yield from _events(self._db, where, value)

    def close(self) -> None:
        self._db.close()
        os.close(self._folder)


def opened(path: Path, mode: str = "WAL") -> sqlite3.Connection:
    """The file of a journal, made if there is none, to be written in this mode. Raises CannotStart."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise CannotStart("journal_newer", path=str(path), version=version)
        if version == 0:
            # Made under EXTRA before WAL: made under the default, a power cut can undo it all
            # (trust.md §2.1, 1,390 of 3,092 states). A small page halves the wear (limits.md §1).
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


def _events(db: sqlite3.Connection, where: str, *values: int) -> Iterator[Event]:
    return (event for _, event in _numbered(db, where, *values))


def _numbered(db: sqlite3.Connection, where: str, *values: int) -> Iterator[tuple[int, Event]]:
    order = "" if "ORDER" in where else " ORDER BY seq"
    for row in db.execute(f"SELECT seq, time, kind, body FROM journal WHERE {where}{order}", values):
        yield row[0], _decoded(*row)


def _decoded(seq: int, time: str, kind: str, body: str) -> Event:
    """The event of a row. Raises CannotStart with its number, whatever is wrong with it."""
    try:
        return decode(time, kind, json.loads(body))
    except CannotStart:
        raise
    except Exception as error:
        raise CannotStart("journal_unread", row=seq, kind=kind) from error


def _today(path: Path, db: sqlite3.Connection) -> Iterator[tuple[int, Event]]:
    """The rows of the newest business day; of a year's file without one also those of the year before."""
    (start,) = db.execute("SELECT max(seq) FROM journal WHERE kind = 'DayOpened'").fetchone()
    if not start and (old := journals(path)[:-1]):  # the mains were cut between two years
        with closing(reading(old[-1])) as before:
            yield from _numbered(before, "seq >= (SELECT max(seq) FROM journal WHERE kind = 'DayOpened')")
    yield from _numbered(db, "seq >= ?", start or 0)


def folded(rows: Iterable[tuple[int, Event]]) -> State:
    """The state after these rows. Raises CannotStart with the number of the first that it cannot take."""
    state = State()
    for number, event in rows:
        try:
            state = evolve(state, event)
        except Exception as error:
            raise CannotStart("journal_unread", row=number, kind=NAMES[type(event)]) from error
    return state


def state_in(path: Path) -> State:
    """What a start on this journal would find true; it is only read. Raises CannotStart."""
    with closing(reading(path)) as db:
        return folded(_today(path, db))


def read(path: Path, after: int = 0) -> Iterator[tuple[int, Event]]:
    """The events after number `after` with their numbers, in all years if it is 0, or the last ones of this
    year if it is negative; also while a hall is running. Raises CannotStart."""
    try:
        for file in journals(path) if not after else [path]:
            with closing(reading(file)) as db:
                sql = "SELECT seq, time, kind, body FROM journal WHERE seq > ? ORDER BY seq"
                (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
                for row in db.execute(sql, (after if after >= 0 else last + after,)):
                    yield row[0], _decoded(*row)
    except sqlite3.Error as error:
        raise CannotStart("journal_unusable", path=path, detail=error) from error
