"""The journal: sealed, append-only, one daemon at a time, honest about what is wrong."""

import os
import random
import shutil
import sqlite3
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
from conftest import EXAMPLE, MONDAY, needs

from controller import model as m
from controller.clock import FakeClock
from controller.store import CannotStart, Store, verify


def events(clock: FakeClock, count: int) -> list[m.Event]:
    stamp = {"at": clock.now(), "actor": "buttons", "press": ""}
    return [m.TicketIssued(f"A{n:03}", "A", "hall", **stamp) for n in range(1, count + 1)]  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path, clock: FakeClock) -> Path:
    """A journal of a day with eleven rows."""
    store = Store(tmp_path / "data" / "journal.db")
    now = clock.now()
    ticket = m.Ticket("A007", "A", "hall", now, 1.5, paper="confirmed", prints=2)
    window = m.Window("1001", ticket="A007", called=1.5, calls=2)
    opened = m.DayOpened(
        "2026-11-23",
        {"hall": "paper_out"},
        {"A": 7},
        (ticket,),
        {"1": window},
        (m.Call("A007", "1"),),
        at=now,
        actor="clock",
        press="",
    )
    store.append([opened])
    store.append(events(clock, 10))
    store.close()
    return tmp_path / "data" / "journal.db"


def test_what_was_appended_comes_back_equal(path: Path, clock: FakeClock) -> None:
    store = Store(path)
    first, *rest = store.today()
    assert isinstance(first, m.DayOpened)
    assert first.windows["1"].called == 1.5
    assert first.tickets[0].issued == clock.now()
    assert first.tickets[0].prints == 2
    assert rest == events(clock, 10)
    store.close()


def test_verify_is_content_with_an_untouched_journal(path: Path) -> None:
    assert verify(path) == (11, 0)


def test_verify_names_the_row_of_which_one_byte_was_changed(path: Path, tmp_path: Path) -> None:
    dice = random.Random(7)
    for column in ("time", "kind", "body", "seal"):
        copy = tmp_path / f"{column}.db"
        shutil.copy(path, copy)
        db = sqlite3.connect(copy)
        row = dice.randrange(1, 12)
        (text,) = db.execute(f"SELECT {column} FROM journal WHERE seq = ?", (row,)).fetchone()
        at = dice.randrange(len(text))
        other = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]
        db.execute("DROP TRIGGER no_update")
        db.execute(f"UPDATE journal SET {column} = ? WHERE seq = ?", (other, row))
        db.commit()
        db.close()
        assert verify(copy) == (row - 1, row)


def test_verify_notices_a_row_taken_out(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("DROP TRIGGER no_delete")
    db.execute("DELETE FROM journal WHERE seq = 5")
    db.commit()
    db.close()
    assert verify(path) == (4, 5)


def test_rows_can_neither_be_changed_nor_deleted(path: Path) -> None:
    db = sqlite3.connect(path)
    for statement in ("UPDATE journal SET body = ''", "DELETE FROM journal"):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            db.execute(statement)
    db.close()


def test_a_second_daemon_on_one_journal_is_refused(path: Path) -> None:
    store = Store(path)
    with pytest.raises(CannotStart) as refused:
        Store(path)
    assert refused.value.code == "journal_locked"
    store.close()
    Store(path).close()


def test_a_journal_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    with pytest.raises(CannotStart) as refused:
        Store(path)
    assert refused.value.code == "journal_newer"
    assert path.read_bytes() == before


def test_an_event_that_this_version_does_not_know_is_refused_not_skipped(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("INSERT INTO journal VALUES (12, '', 'TicketEaten', '{}', '')")
    db.commit()
    db.close()
    with pytest.raises(CannotStart) as refused:
        list(Store(path).today())
    assert refused.value.code == "journal_newer"


def test_a_full_disk_at_the_first_start_leaves_nothing(tmp_path: Path) -> None:
    mount = needs("mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    rights = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*rights, mount, "-t", "tmpfs", "-o", "size=4k", "tmpfs", disk], check=True)
    try:
        (disk / "big").write_bytes(bytes(4096))
        with pytest.raises(CannotStart) as refused:
            Store(disk / "data" / "simulated" / "journal.db")
        assert refused.value.code == "journal_unusable"
        assert sorted(file.name for file in disk.iterdir()) == ["big"]
    finally:
        subprocess.run([*rights, "umount", disk], check=True)


def test_every_event_survives_the_journal(tmp_path: Path, clock: FakeClock) -> None:
    """One event of every kind that the model knows, so that a new one cannot be forgotten."""
    samples: dict[str, object] = {"str": "x", "int": 3, "bool": True, "float": 1.5, "datetime": MONDAY}
    samples |= {"tuple[str, ...]": ("A001",), "collections.abc.Mapping[str, int]": {"issued": 1}}
    made: list[m.Event] = []
    for kind in vars(m).values():
        if not (isinstance(kind, type) and issubclass(kind, m.Event)) or kind in (
            *(m.Event, m.WindowEvent, m.TicketEvent),
        ):
            continue
        if kind is m.DayOpened:
            continue
        own = [f for f in fields(kind) if f.name not in ("at", "actor", "press")]
        values = {
            f.name: samples[str(f.type) if "[" in str(f.type) else getattr(f.type, "__name__", "")]
            for f in own
        }
        made.append(kind(at=clock.now(), actor="a", press="p", **values))
    assert len(made) > 15
    opened = m.DayOpened("2026-11-23", at=clock.now(), actor="clock", press="")
    store = Store(tmp_path / "journal.db")
    store.append([opened, *made])
    assert list(store.today()) == [opened, *made]
    store.close()
    assert EXAMPLE.exists()
