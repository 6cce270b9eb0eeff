"""The copy of the journal on a second medium: row by row, every seal checked on the way.

As a program it is the child of runtime/keeper.py, which lives in the daemon: a medium that hangs hangs
nobody else.
"""

import json
import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from controller.hall.outcome import Refused
from controller.journal.files import CannotStart, journals, lock, reading, sync, write
from controller.journal.rows import sealed
from controller.journal.store import opened, planned
from controller.journal.verify import verify

ROWS = 1000  # copied in one transaction
_LAST = "SELECT seq, seal FROM journal ORDER BY seq DESC LIMIT 1"


class CannotCopy(Refused):
    """`code` has a sentence in display/words."""


def journal_in(folder: Path) -> Path:
    """The journal in a folder. Raises OSError, as SQLite has no words for a file that is not there, and
    CannotStart if it is none."""
    path = folder / "journal.db"
    path.stat()
    try:
        with closing(reading(path)) as db:
            db.execute("SELECT max(seq) FROM journal")
    except sqlite3.Error as error:
        raise CannotStart("no_journal", detail=f"{path}: {error}") from error
    return path


def copy(source: Path, target: Path) -> int:
    """Bring the journal in folder `target`, one file of all years, up to that in `source`; the number of
    its last row. Raises CannotCopy, CannotStart, sqlite3.Error, OSError."""
    with closing(opened(target / "journal.db", "DELETE")) as there:
        last = newest = 0
        for file in journals(source / "journal.db"):
            with closing(reading(file)) as here:
                here.execute("BEGIN")  # one moment of a journal that goes on
                newest, seal = here.execute(_LAST).fetchone() or (0, "")
                last = _catch_up(here, there)
                same = there.execute("SELECT seal = ? FROM journal WHERE seq = ?", (seal, newest)).fetchone()
                if newest and same == (0,):
                    raise CannotCopy("backup_other", row=newest)
        if newest < last:
            raise CannotCopy("backup_ahead", row=newest, last=last)
    people, kept = source / "people.json", target / "people.json"
    if people.exists() and not (kept.exists() and kept.read_bytes() == people.read_bytes()):
        write(kept, people.read_text())
    return last


def _catch_up(here: sqlite3.Connection, there: sqlite3.Connection) -> int:
    """Copy the rows that are new `here`; the number of the last row `there`."""
    last, seal = there.execute(_LAST).fetchone() or (0, "")
    start = last
    rows = here.execute("SELECT * FROM journal WHERE seq > ? ORDER BY seq", (last,))
    while batch := rows.fetchmany(ROWS):
        if not last and batch[0][2] == "YearOpened":  # the years before are kept elsewhere
            last, seal = batch[0][0] - 1, json.loads(batch[0][3])["seal"]
        for *row, kept in batch:
            due, seal = last + 1, sealed(seal, row)
            if (row[0], kept) != (due, seal):
                # The first row that does not go on from what is there may well belong to another hall.
                raise CannotCopy("backup_other" if last == start > 0 else "backup_damaged", row=row[0])
            last = due
        there.execute("BEGIN")
        there.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", batch)
        there.execute("COMMIT")
    return int(last)


def checked_copy(source: Path, target: Path) -> int:
    """`copy`, and every seal of what it made. Raises CannotCopy also for rows that were copied before."""
    last = copy(source, target)
    if broken := verify(target / "journal.db")[1]:
        raise CannotCopy("backup_damaged", row=broken)
    return last


def restore(source: Path, target: Path) -> tuple[int, Path | None]:
    """The journal of a backup into the data folder of a hall that stands still, and its hall.toml beside
    it, once all of it holds; the number of the last row, and the folder into which what was there was put:
    a damaged journal, or that of a spare card which ran once. Raises as `copy` does."""
    journal_in(source)
    target.mkdir(parents=True, exist_ok=True)
    handle = lock(target / "journal.db")
    try:
        with tempfile.TemporaryDirectory(prefix="restore-", dir=target) as folder:
            new = Path(folder)
            if not (last := checked_copy(source, new)):
                raise CannotCopy("backup_damaged", row=1)
            if goes_on(target / "journal.db", new / "journal.db"):
                raise CannotCopy("restore_older", row=last)
            write(new / "hall.toml", planned(new / "journal.db"))
            aside = _exchange(target, new)
        for left in target.glob("restore-*"):  # of one that was cut short
            shutil.rmtree(left, ignore_errors=True)
    finally:
        os.close(handle)
    return last, aside


def _exchange(target: Path, new: Path) -> Path | None:
    """What was in `target` goes aside, what is in `new` comes in its place. The journal goes first and comes
    last: a start that finds the work half done finds none, and says so (store.py)."""
    aside, path = None, target / "journal.db"
    if old := [*target.glob("journal*.db*"), *target.glob("journal.new*")]:
        aside = Path(tempfile.mkdtemp(prefix="other-", dir=target))
        for file in sorted(old, key=lambda file: file != path):
            file.rename(aside / file.name)
            sync(target)
    for name in sorted((file.name for file in new.iterdir()), key=lambda name: name == path.name):
        sync(target)
        (new / name).rename(target / name)
    sync(target)
    return aside


def goes_on(path: Path, behind: Path) -> bool:
    """Is the journal at `path` whole, and does it go on from the end of the one that is `behind`?"""
    with closing(reading(behind)) as db:
        last, seal = db.execute(_LAST).fetchone()
    try:
        if verify(path)[1]:
            return False
        for file in journals(path):
            with closing(reading(file)) as db:
                same = db.execute("SELECT seal = ? FROM journal WHERE seq = ?", (seal, last)).fetchone()
                newest = db.execute(_LAST).fetchone()
                if same == (1,) and (newest[0] > last or file != path):
                    return True
    except sqlite3.Error:
        pass  # there is none, or it is beyond reading
    return False


def drill(source: Path, data: Path, day: str) -> int:
    """Bring a backup back into an empty folder; the number of its last row. What came of it is kept in the
    data folder for the status page. Raises as `copy` does."""
    rows = 0
    try:
        with tempfile.TemporaryDirectory(prefix="hallqueue-drill-") as folder:
            rows, _ = restore(source, Path(folder))
    finally:
        write(data / "drill.json", json.dumps({"day": day, "rows": rows}))
    return rows


def main() -> None:
    data, folder = Path(sys.argv[1]), sys.argv[2]
    _, broken = verify(data / "journal.db")
    last = 0
    for _ in sys.stdin:
        code, arguments = "", {}
        try:
            if folder and os.stat(folder).st_dev == os.stat(data).st_dev:
                raise CannotCopy("backup_same", path=folder)
            if folder:
                last = (copy if last else checked_copy)(data, Path(folder))
        except Refused as why:
            code, arguments = why.code, {name: str(value) for name, value in why.arguments.items()}
        except (OSError, sqlite3.Error) as error:
            code, arguments = "backup_failed", {"detail": str(error)}
        print(json.dumps({"last": last, "broken": broken, "code": code, "arguments": arguments}), flush=True)


if __name__ == "__main__":
    main()
