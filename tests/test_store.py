"""The journal: sealed, append-only, one daemon at a time, honest about what is wrong."""

import contextlib
import hashlib
import os
import random
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import MONDAY, Hall, needs
from wait import until

from controller.hall import events as kinds
from controller.hall.commands import TakeTicket, Tick
from controller.hall.events import (
    Call,
    DayClosed,
    DayOpened,
    Event,
    PlanLoaded,
    Roll,
    Ticket,
    TicketEvent,
    TicketIssued,
    Window,
    WindowEvent,
    YearOpened,
)
from controller.journal.files import CannotStart, journals
from controller.journal.store import RESERVE, Store, planned, read
from controller.journal.verify import verify
from controller.runtime.clock import FakeClock
from controller.runtime.engine import Engine
from controller.settings.schema import Settings


def events(clock: FakeClock, count: int) -> list[Event]:
    stamp = {"at": clock.now(), "actor": "buttons", "press": ""}
    return [TicketIssued(f"A{n:03}", "A", "hall", **stamp) for n in range(1, count + 1)]  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path, clock: FakeClock) -> Path:
    """A journal of a day with eleven rows."""
    store = Store(tmp_path / "data" / "journal.db")
    now = clock.now()
    ticket = Ticket("A007", "A", "hall", now, 1.5, paper="confirmed", prints=2)
    window = Window("1001", ticket="A007", called=1.5, calls=2)
    opened = DayOpened(
        "2026-11-23",
        {"hall": "paper_out"},
        {"A": 7},
        (ticket,),
        {"1": window},
        (Call("A007", "1"),),
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
    assert isinstance(first, DayOpened)
    assert first.windows["1"].called == 1.5
    assert first.tickets[0].issued == clock.now()
    assert first.tickets[0].prints == 2
    assert rest == events(clock, 10)
    store.close()


def test_verify_is_content_with_an_untouched_journal(path: Path) -> None:
    assert verify(path) == (11, 0)


@pytest.mark.parametrize("column", ["time", "kind", "body", "seal"])
@pytest.mark.parametrize("row", [1, 6, 11])
def test_verify_names_the_row_of_which_one_byte_was_changed(path: Path, column: str, row: int) -> None:
    db = sqlite3.connect(path)
    (text,) = db.execute(f"SELECT {column} FROM journal WHERE seq = ?", (row,)).fetchone()
    at = random.Random(7).randrange(len(text))
    other = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]
    db.execute("DROP TRIGGER no_update")
    db.execute(f"UPDATE journal SET {column} = ? WHERE seq = ?", (other, row))
    db.commit()
    db.close()
    assert verify(path) == (row - 1, row)


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


@pytest.mark.parametrize(
    ("kind", "body", "named"),
    [("TicketEaten", "{}", "TicketEaten"), ("DayClosed", '{"weather":"rain"}', "DayClosed.weather")],
)
def test_an_event_or_a_field_that_this_version_does_not_know_is_refused_not_skipped(
    path: Path, kind: str, body: str, named: str
) -> None:
    db = sqlite3.connect(path)
    (seal, time) = db.execute("SELECT seal, time FROM journal WHERE seq = 11").fetchone()
    row = (12, time, kind, body)
    seal = hashlib.sha256("\n".join([seal, *map(str, row)]).encode()).hexdigest()
    db.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", (*row, seal))
    db.commit()
    db.close()
    with pytest.raises(CannotStart) as refused:
        list(Store(path).today())
    assert refused.value.code == "journal_newer"
    assert refused.value.arguments == {"version": named}


def test_the_newest_plan_and_the_newest_believed_moment_are_found_again(
    tmp_path: Path, clock: FakeClock
) -> None:
    store = Store(tmp_path / "journal.db")
    assert (store.believed(), store.plan(), planned(store.path)) == (None, "", "")
    store.append([PlanLoaded(t, at=clock.now(), actor="", press="") for t in ("the first", "the second")])
    believed = clock.now()
    clock.advance(minutes=5)
    clock.trusted = False
    store.append(events(clock, 2))
    assert (store.believed(), store.plan(), planned(store.path)) == (believed, "the second", "the second")
    store.close()


def test_events_are_read_after_a_number_or_from_the_end(tmp_path: Path) -> None:
    store, clock = new_year(tmp_path)
    store.append([day("2027-01-04", clock), *events(clock, 2)])
    store.close()
    path = tmp_path / "journal.db"
    assert [seq for seq, _ in read(path)] == list(range(1, 11)), "all years"
    assert [seq for seq, _ in read(path, 8)] == [9, 10]
    assert [seq for seq, _ in read(path, -2)] == [9, 10]
    assert [seq for seq, _ in read(path, -99)] == [6, 7, 8, 9, 10], "of this year"


def test_a_journal_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("a shopping list")
    with pytest.raises(CannotStart) as refused:
        list(read(tmp_path / "journal.db"))
    assert refused.value.code == "journal_unusable"
    assert refused.value.arguments["path"] == tmp_path / "journal.db"
    assert "not a database" in str(refused.value.arguments["detail"])


def test_a_journal_with_the_index_of_before_is_read_and_gets_the_new_one(tmp_path: Path) -> None:
    store, clock = new_year(tmp_path)
    store.close()
    path = tmp_path / "journal.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP INDEX newest")
        db.execute("CREATE INDEX marks ON journal (kind, seq) WHERE kind IN ('DayOpened', 'PlanLoaded')")
    assert planned(path) == "the plan"
    again = Store(path)
    assert again.plan() == "the plan"
    assert [type(e).__name__ for e in again.today()] == ["DayOpened", *["TicketIssued"] * 3]
    again.append(events(clock, 1))
    again.close()
    assert verify(path) == (6, 0)


def test_the_reserve_is_spent_once(path: Path) -> None:
    store = Store(path)
    assert store.keep_reserve()
    assert store.spend_reserve()
    assert not store.spend_reserve()
    store.close()


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
    samples |= {"collections.abc.Mapping[str, str]": {"sign2": "silent"}}
    made: list[Event] = []
    for kind in vars(kinds).values():
        if not (isinstance(kind, type) and issubclass(kind, Event)) or kind in (
            *(Event, WindowEvent, TicketEvent),
        ):
            continue
        if kind is DayOpened:
            continue
        own = [f for f in fields(kind) if f.name not in ("at", "actor", "press")]
        values = {
            f.name: samples[str(f.type) if "[" in str(f.type) else getattr(f.type, "__name__", "")]
            for f in own
        }
        made.append(kind(at=clock.now(), actor="a", press="p", **values))
    assert len(made) > 15
    opened = DayOpened("2026-11-23", at=clock.now(), actor="clock", press="")
    store = Store(tmp_path / "journal.db")
    store.append([opened, *made])
    assert list(store.today()) == [opened, *made]
    store.close()


def new_year(folder: Path) -> tuple[Store, FakeClock]:
    """A journal that ended on the last day of 2026, open, and the first morning of 2027."""
    clock = FakeClock(datetime(2026, 12, 31, 9, 0, tzinfo=MONDAY.tzinfo))
    store = Store(folder / "journal.db")
    stamp = {"at": clock.now(), "actor": "clock", "press": ""}
    store.append([PlanLoaded("the plan", **stamp), day("2026-12-31", clock)])
    store.append(events(clock, 3))
    clock.move(datetime(2027, 1, 4, 8, 0, tzinfo=MONDAY.tzinfo))
    return store, clock


def day(date: str, clock: FakeClock) -> DayOpened:
    return DayOpened(date, rolls={"hall": Roll(7)}, at=clock.now(), actor="clock", press="")


def test_every_year_has_a_file_that_begins_with_the_last_seal(tmp_path: Path) -> None:
    store, clock = new_year(tmp_path)
    closed = DayClosed("2026-12-31", (), {"issued": 3}, at=clock.now(), actor="clock", press="")
    store.append([closed, day("2027-01-04", clock), *events(clock, 2)])
    old, new = journals(tmp_path / "journal.db")
    assert (old.name, new.name) == ("journal-2026.db", "journal.db")
    numbers = [seq for seq, _ in read(new)]
    assert numbers == list(range(1, 12)), "the numbers go on"
    kinds = [type(event).__name__ for _, event in read(new)]
    assert kinds[5:9] == ["DayClosed", "YearOpened", "PlanLoaded", "DayOpened"]
    with contextlib.closing(sqlite3.connect(old)) as db:
        (seal,) = db.execute("SELECT seal FROM journal WHERE seq = 6").fetchone()
    (_, last), (_, first) = list(read(new))[5:7]
    assert first == YearOpened("journal-2026.db", seal, at=last.at, actor="clock", press="")
    assert verify(new) == (11, 0)
    assert store.plan() == "the plan"
    assert [type(event).__name__ for event in store.today()] == ["DayOpened", "TicketIssued", "TicketIssued"]
    store.close()
    assert not old.with_name("journal-2026.db-wal").exists(), "all of the old year is in its one file"
    again = Store(new)
    again.append(events(clock, 1))
    again.close()
    assert verify(new) == (12, 0)
    old.unlink()
    assert verify(new) == (6, 0), "also where the years before are kept elsewhere"


def test_a_clock_that_is_set_back_over_new_year_writes_over_no_year(tmp_path: Path) -> None:
    store, clock = new_year(tmp_path)
    written = 5
    for date in ("2099-03-02", "2100-01-04", "2026-12-31", "2027-01-04", "2028-01-04", "2101-01-04"):
        store.append([day(date, clock), *events(clock, 2)])
        written += 3
        assert [type(event).__name__ for event in store.today()] == [
            "DayOpened",
            "TicketIssued",
            "TicketIssued",
        ]
    store.close()
    old, new = journals(tmp_path / "journal.db")[:-1], tmp_path / "journal.db"
    assert [file.name for file in old] == ["journal-2026.db", "journal-2099.db"]
    issued_or_day = [seq for seq, event in read(new) if not isinstance(event, YearOpened | PlanLoaded)]
    assert len(issued_or_day) == written - 1, "nothing was lost; one row was the plan"
    assert [seq for seq, _ in read(new)] == list(range(1, max(issued_or_day) + 1)), "in their order"
    assert verify(new)[1] == 0


def test_the_newest_believed_moment_may_be_of_last_year(tmp_path: Path) -> None:
    store, clock = new_year(tmp_path)
    clock.move(clock.now().wall - timedelta(days=4))
    believed = clock.now()
    store.append(events(clock, 1))
    clock.trusted = False
    store.append(events(clock, 1))
    store.append([day("2027-01-04", clock)])
    assert store.believed() == believed
    store.close()


def test_a_changed_row_of_an_old_year_is_found_and_so_is_another_years_file(tmp_path: Path) -> None:
    store, clock = new_year(tmp_path)
    store.append([day("2027-01-04", clock)])
    store.close()
    old, new = journals(tmp_path / "journal.db")
    other = tmp_path / "other"
    (stranger, _) = new_year(other)
    stranger.append(events(clock, 1))
    stranger.close()
    kept = old.read_bytes()
    shutil.copy(other / "journal.db", old)
    assert verify(new) == (6, 6), "the seal with which the new year begins is another one"
    old.write_bytes(kept)
    db = sqlite3.connect(old)
    db.execute("DROP TRIGGER no_update")
    db.execute("UPDATE journal SET body = replace(body, 'A002', 'A009') WHERE seq = 4")
    db.commit()
    db.close()
    assert verify(new) == (3, 4)


@pytest.mark.parametrize(
    "cut",
    ["before the old one is put away", "before the new one has its name", "after it", "after its first rows"],
)
def test_a_power_cut_between_two_years_loses_nothing(tmp_path: Path, cut: str) -> None:
    store, clock = new_year(tmp_path)
    store.close()
    path, old, new = (tmp_path / name for name in ("journal.db", "journal-2026.db", "journal.new"))
    Store(tmp_path / "new" / "journal.db").close()
    shutil.move(tmp_path / "new" / "journal.db", new)
    if cut == "before the old one is put away":
        again = Store(path)
        assert not new.exists()
        again.append([day("2027-01-04", clock)])
        again.append(events(clock, 1))
        again.close()
        assert (verify(path), journals(path)) == ((9, 0), [old, path])
        return
    path.rename(old)
    if cut != "before the new one has its name":
        new.rename(path)
    if cut == "after its first rows":
        Store(path).close()
    again = Store(path)
    kinds = [type(event).__name__ for event in again.today()]
    assert kinds == ["DayOpened", *["TicketIssued"] * 3, "YearOpened", "PlanLoaded"]
    assert again.plan() == "the plan"
    again.append([day("2027-01-04", clock)])
    again.append(events(clock, 1))
    assert [type(event).__name__ for event in again.today()] == ["DayOpened", "TicketIssued"]
    again.close()
    assert verify(path) == (9, 0)
    assert journals(path) == [old, path]


def test_what_is_damaged_today_is_refused_at_the_start_with_its_row(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("DROP TRIGGER no_update")
    db.execute("UPDATE journal SET body = replace(body, 'A005', 'A009') WHERE body LIKE '%A005%'")
    db.commit()
    db.close()
    with pytest.raises(CannotStart) as refused:
        Store(path)
    assert (refused.value.code, refused.value.arguments["row"]) == ("journal_damaged", 6)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MiB."""
    (disk := tmp_path / "disk").mkdir()
    rights = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = [*rights, needs("mount"), "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    subprocess.run(mount, check=True)
    yield disk
    subprocess.run([*rights, "umount", "-l", disk], check=True)


def test_on_a_full_card_calls_go_on_and_tickets_stop_until_there_is_room(
    small_disk: Path, start_hall: Callable[..., Hall]
) -> None:
    hall = start_hall(folder=str(small_disk / "data"))
    assert (small_disk / "data" / "reserve").stat().st_size == RESERVE
    for _ in range(3):
        hall.take("A")
    big = small_disk / "big"
    with contextlib.suppress(OSError):
        big.write_bytes(bytes(24 << 20))

    def dark() -> bool:
        hall.press("buttons", "A")  # people go on pressing
        return hall.state.stopped == "disk_full"

    until(dark, 60)
    until(lambda: not any(hall.twin.lit("buttons", key) for key in "ABCD"))
    assert hall.refused("tickets", service="A")["error"] == "disk_full"
    assert "请到咨询台" in hall.get("/api/v1/hall")["notice"]
    assert "存储卡已满" in hall.page("/")
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "finger A"])
    issued = hall.state.issued["A"]
    assert hall.call("1") == "A001", "who holds a ticket is called"
    assert "events" in hall.ask("windows/1/complete")
    big.unlink()
    until(lambda: not hall.state.stopped)
    until(lambda: all(hall.twin.lit("buttons", key) for key in "ABCD"))
    assert hall.take("A") == f"A{issued + 1:03}", "no number is lost, none comes twice"
    hall.stop()
    assert verify(small_disk / "data" / "journal.db")[1] == 0


def test_a_journal_that_is_taken_away_is_noticed_and_no_number_comes_twice(hall: Hall) -> None:
    hall.take("A")
    away = hall.folder / "away"
    (hall.folder / "journal.db").rename(away)
    assert hall.refused("tickets", service="A")["error"] == "journal"
    assert not hall.get("/health")["ok"]
    away.rename(hall.folder / "journal.db")
    assert hall.take("A") == "A002"
    hall.stop()
    for file in hall.folder.glob("journal.db*"):
        file.unlink()
    for _ in range(2):
        with pytest.raises(CannotStart) as refused:
            Store(hall.folder / "journal.db")
        assert refused.value.code == "journal_gone"
        (hall.folder / "journal.db").touch()


@pytest.mark.parametrize("left", ["reserve", "journal-2026.db", "journal.db-wal", "other-x1", "restore-x1"])
def test_where_a_journal_has_been_none_begins_anew(tmp_path: Path, left: str) -> None:
    (tmp_path / left).touch()
    for _ in range(2):
        with pytest.raises(CannotStart) as refused:
            Store(tmp_path / "journal.db")
        assert refused.value.code == ("restore_half" if left == "restore-x1" else "journal_gone")
    (tmp_path / left).unlink()
    Store(tmp_path / "journal.db").close()


def test_nothing_that_a_hall_leaves_lets_its_journal_begin_anew(hall: Hall) -> None:
    hall.stop()
    (hall.folder / "journal.db").unlink()
    with pytest.raises(CannotStart):
        Store(hall.folder / "journal.db")


def test_presses_of_the_year_before_are_remembered_on_new_years_day(plan: Settings, tmp_path: Path) -> None:
    clock = FakeClock(datetime(2026, 12, 31, 9, 0, tzinfo=MONDAY.tzinfo))
    for _ in range(3):  # on that day, across midnight, and after a restart in the new year
        engine = Engine(plan, store := Store(tmp_path / "journal.db"), clock)
        engine.start()
        for _ in range(2):
            engine.submit(TakeTicket("A", "hall", actor="buttons", press="buttons:1")).result()
            clock.move(datetime(2027, 1, 4, 9, 0, tzinfo=MONDAY.tzinfo))
            engine.submit(Tick(actor="clock")).result()
        engine.stop()
        assert store.presses(99) == ["buttons:1"]
        store.close()
    assert len(journals(tmp_path / "journal.db")) == 2
    assert [type(e).__name__ for _, e in read(tmp_path / "journal.db")].count("TicketIssued") == 1


def test_a_year_that_ends_twice_is_not_put_over_the_one_before(tmp_path: Path) -> None:
    store, clock = new_year(tmp_path)
    (old := tmp_path / "journal-2026.db").write_text("another year 2026, after a wrong date")
    store.append([day("2027-01-04", clock)])
    store.append(events(clock, 1))
    assert [type(event).__name__ for event in store.today()] == ["DayOpened", "TicketIssued"]
    store.close()
    assert old.read_text() == "another year 2026, after a wrong date"


def test_a_year_that_cannot_be_put_away_is_told_and_begins_once_it_can(
    start_hall: Callable[..., Hall], clock: FakeClock
) -> None:
    clock.move(datetime(2026, 12, 31, 9, 0, tzinfo=MONDAY.tzinfo))
    hall = start_hall()
    assert hall.take("A") == "A001"
    (hall.folder / "journal.new").mkdir()  # in its way
    clock.move(datetime(2027, 1, 4, 9, 0, tzinfo=MONDAY.tzinfo))
    until(lambda: not hall.get("/health")["ok"])
    assert hall.state.day == "2026-12-31"
    # The file was closed, and is opened again: nothing was lost, and whoever asks meanwhile is told.
    assert hall.refused("tickets", service="A")["error"] == "journal"
    (hall.folder / "journal.new").rmdir()
    until(lambda: hall.state.day == "2027-01-04")
    assert hall.get("/health")["ok"]
    assert hall.take("A") == "A001"
    assert verify(hall.folder / "journal.db")[1] == 0
