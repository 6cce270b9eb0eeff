"""Does every row still carry the seal that follows from the row before it? Reads only."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from controller.journal.files import journals, reading
from controller.journal.rows import sealed


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
