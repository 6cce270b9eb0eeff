"""The copy on a second medium: whole within seconds, brought back at any moment, and what goes wrong."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from conftest import EXAMPLE, MONDAY, ROOT, Hall
from daemon import Daemon, outside
from test_store import day, events, new_year
from wait import until

from controller.hall.commands import TakeTicket
from controller.hall.events import TicketIssued
from controller.journal import backup
from controller.journal.backup import CannotCopy, copy, drill, restore
from controller.journal.files import CannotStart, journals
from controller.journal.store import Store, read
from controller.journal.verify import verify
from controller.runtime.clock import FakeClock


@pytest.fixture
def medium() -> Iterator[Path]:
    """A folder on another device than the journal's."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="hallqueue-medium-") as folder:
        yield Path(folder)


def hallqueue(*words: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "controller.app.cli", *map(str, words)],
        capture_output=True,
        text=True,
        env={"LANG": "zh_CN.UTF-8", "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
    )
    return done.returncode, done.stdout + done.stderr


def rows(folder: Path) -> list[tuple[object, ...]]:
    return [
        row
        for file in journals(folder / "journal.db")
        for row in sqlite3.connect(file).execute("SELECT * FROM journal ORDER BY seq")
    ]


def issued(folder: Path) -> list[str]:
    """The tickets in a copy, as far as there is one."""
    with contextlib.suppress(CannotStart):
        return [e.ticket for _, e in read(folder / "journal.db") if isinstance(e, TicketIssued)]
    return []


def test_a_copy_of_all_years_is_one_file_and_comes_back_as_one(tmp_path: Path) -> None:
    (old := tmp_path / "data").mkdir()
    (kept := tmp_path / "kept").mkdir()
    store, clock = new_year(old)
    assert copy(old, kept) == 5
    store.append([day("2027-01-04", clock)])
    store.append(events(clock, 2))
    assert copy(old, kept) == 10
    assert rows(kept) == rows(old)
    assert verify(kept / "journal.db") == (10, 0)
    store.close()
    new = tmp_path / "new"
    assert restore(kept, new) == (10, None)
    assert rows(new) == rows(old)
    assert (new / "hall.toml").read_text() == "the plan"
    again = Store(new / "journal.db")
    assert [type(e).__name__ for e in again.today()] == ["DayOpened", "TicketIssued", "TicketIssued"]
    clock.move(datetime(2028, 1, 3, 8, 0, tzinfo=MONDAY.tzinfo))
    again.append([day("2028-01-03", clock)])
    again.close()
    assert copy(new, kept) == 13, "the copy goes on from the hall that was brought back"


def test_a_hall_that_was_brought_back_goes_on_where_it_stopped(
    start_hall: Callable[..., Hall], tmp_path: Path
) -> None:
    hall = start_hall()
    for service in "AAB":
        hall.take(service)
    hall.call("1")
    hall.stop()
    (kept := tmp_path / "kept").mkdir()
    copy(hall.folder, kept)
    restore(kept, tmp_path / "spare")
    spare = start_hall(folder="spare")
    assert spare.state.window("1").ticket == "A001"
    assert spare.take("A") == "A003"
    assert spare.house.access.people.clerks == ["1001", "1002", "1003", "1004"], "PINs came along"


def test_a_copy_at_any_moment_holds_all_that_was_acknowledged_before_it(
    start_hall: Callable[..., Hall], tmp_path: Path
) -> None:
    hall = start_hall(EXAMPLE.read_text() + '\n[policy]\ncut_off = "none"\n')
    for number in range(30):
        there = list(hall.state.tickets)
        (kept := tmp_path / f"kept{number}").mkdir()
        asked = hall.house.engine.submit(TakeTicket("A", "hall", actor="test"))
        last = copy(hall.folder, kept)
        asked.result(10)
        assert verify(kept / "journal.db") == (last, 0)
        numbers = issued(kept)
        assert numbers[: len(there)] == there
        assert len(numbers) - len(there) in (0, 1)


def test_every_event_is_on_the_second_medium_within_seconds(
    start_hall: Callable[..., Hall], medium: Path
) -> None:
    hall = start_hall(EXAMPLE.read_text() + f'\n[backup]\nfolder = "{medium}"\n')

    until(lambda: (medium / "journal.db").exists() and (medium / "people.json").exists())
    number = hall.take("A")
    until(lambda: number in issued(medium))
    until(lambda: hall.house.keeper.age == 0.0)
    assert "已备份到最后一条" in hall.page("/")
    # The disk is pulled out; its mount point is an empty folder of the card now.
    shutil.move(medium, away := Path(f"{medium}-away"))
    medium.symlink_to(hall.folder)
    hall.take("B")
    until(lambda: "备份盘没有挂上" in hall.page("/"))
    assert not (hall.folder / "journal.db-journal").exists(), "nothing was written to the card"
    medium.unlink()
    hall.take("B")
    until(lambda: "备份写不进去" in hall.page("/"))
    shutil.move(away, medium)
    number = hall.take("C")
    until(lambda: number in issued(medium))
    until(lambda: "已备份到最后一条" in hall.page("/"))
    until(lambda: "\nhallqueue_backup_age_seconds 0.0\n" in hall.page("/metrics"))


def test_without_a_backup_an_amber_line_says_so(hall: Hall) -> None:
    assert re.search(r'class="note soon"[^>]*>没有备份', hall.page("/"))


def test_a_copy_never_mixes_two_halls_and_tells_a_card_that_lost_its_newest_rows(tmp_path: Path) -> None:
    for name in ("one", "two", "kept"):
        (tmp_path / name).mkdir()
    one, clock = new_year(tmp_path / "one")
    two = Store(tmp_path / "two" / "journal.db")
    two.append(events(clock, 3))
    copy(tmp_path / "one", tmp_path / "kept")
    with pytest.raises(CannotCopy) as other:
        copy(tmp_path / "two", tmp_path / "kept")
    assert (other.value.code, other.value.arguments["row"]) == ("backup_other", 3)
    two.append(events(clock, 9))
    with pytest.raises(CannotCopy) as other:
        copy(tmp_path / "two", tmp_path / "kept")
    assert other.value.code == "backup_other"
    (lost := tmp_path / "lost").mkdir()
    copy(tmp_path / "one", lost)  # an older copy of the same hall
    one.append(events(clock, 4))
    copy(tmp_path / "one", tmp_path / "kept")
    with pytest.raises(CannotCopy) as ahead:
        copy(lost, tmp_path / "kept")
    assert ahead.value.code == "backup_ahead"
    assert restore(tmp_path / "kept", lost)[0] == 9, "which the restore mends"
    one.close()
    two.close()


def test_a_damaged_row_is_never_copied(tmp_path: Path) -> None:
    (kept := tmp_path / "kept").mkdir()
    store, _ = new_year(tmp_path)
    store.close()
    db = sqlite3.connect(tmp_path / "journal.db")
    db.execute("DROP TRIGGER no_update")
    db.execute("UPDATE journal SET body = replace(body, 'A002', 'A009') WHERE seq = 4")
    db.commit()
    db.close()
    with pytest.raises(CannotCopy) as refused:
        copy(tmp_path, kept)
    assert (refused.value.code, refused.value.arguments["row"]) == ("backup_damaged", 4)
    assert rows(kept) == []


def test_nothing_is_restored_into_a_running_hall(hall: Hall, tmp_path: Path) -> None:
    (kept := tmp_path / "kept").mkdir()
    copy(hall.folder, kept)
    with pytest.raises(CannotStart) as refused:
        restore(kept, hall.folder)
    assert refused.value.code == "journal_locked"
    status, said = hallqueue("restore", kept, "--data", hall.folder)
    assert (status, "正被另一个 hallqueue 使用" in said) == (75, True)


def test_a_drill_that_fails_turns_red(hall: Hall, tmp_path: Path) -> None:
    hall.take("A")
    (kept := tmp_path / "kept").mkdir()
    last = copy(hall.folder, kept)
    assert drill(kept, hall.folder, "2026-11-01") == last
    assert f"恢复演练 2026-11-01：{last} 行都能恢复" in hall.page("/")
    db = sqlite3.connect(kept / "journal.db")
    db.execute("DROP TRIGGER no_update")
    db.execute("UPDATE journal SET body = '{}' WHERE seq = 2")
    db.commit()
    db.close()
    status, said = hallqueue("restore", "--drill", kept, "--data", hall.folder)
    assert status == 2
    assert "第 2 行" in said
    assert re.search(r'class="bad">恢复演练 \d{4}-\d\d-\d\d 失败', hall.page("/"))
    assert json.loads((hall.folder / "drill.json").read_text())["rows"] == 0


@pytest.mark.parametrize("what", ["nothing", "no database", "an empty file"])
def test_a_drill_without_a_backup_turns_red_too(hall: Hall, tmp_path: Path, what: str) -> None:
    (hall.folder / "drill.json").write_text('{"day": "2026-11-01", "rows": 14}')
    (kept := tmp_path / "kept").mkdir()
    if what != "nothing":
        (kept / "journal.db").write_text("a shopping list" * (what == "no database"))
    assert hallqueue("restore", "--drill", kept, "--data", hall.folder)[0] == 2
    assert re.search(r'class="bad">恢复演练 \d{4}-\d\d-\d\d 失败', hall.page("/"))


def test_a_drill_of_long_ago_is_amber(hall: Hall) -> None:
    (hall.folder / "drill.json").write_text('{"day": "2026-10-10", "rows": 14}')
    assert 'class="doubt">恢复演练 2026-10-10' in hall.page("/")
    (hall.folder / "drill.json").write_text('{"day": "2026-11-01", "rows": 14}')
    assert 'class="">恢复演练 2026-11-01' in hall.page("/")


def spoil(path: Path, how: str) -> None:
    """A card that fails: in one row, or in the first page of the file."""
    if how == "header":
        with path.open("r+b") as file:
            file.write(os.urandom(4096))
        return
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER no_update")
        db.execute("UPDATE journal SET body = replace(body, 'A002', 'A009') WHERE seq = 4")


@pytest.mark.parametrize("how", ["row", "header"])
def test_a_damaged_journal_is_put_aside_and_the_hall_goes_on_from_the_backup(
    tmp_path: Path, how: str
) -> None:
    store, clock = new_year(tmp_path / "data")
    store.close()
    (kept := tmp_path / "kept").mkdir()
    copy(tmp_path / "data", kept)
    spoil(tmp_path / "data" / "journal.db", how)
    with pytest.raises(CannotStart):
        Store(tmp_path / "data" / "journal.db")
    status, said = hallqueue("restore", kept, "--data", tmp_path / "data")
    assert (status, "已从" in said, f"原来的流水放在 {tmp_path}/data/other-" in said) == (0, True, True)
    assert verify(tmp_path / "data" / "journal.db") == (5, 0)
    again = Store(tmp_path / "data" / "journal.db")
    again.append(events(clock, 1))
    again.close()


def test_a_backup_that_is_damaged_or_older_replaces_nothing(tmp_path: Path) -> None:
    store, clock = new_year(tmp_path / "data")
    (kept := tmp_path / "kept").mkdir()
    copy(tmp_path / "data", kept)
    store.append(events(clock, 2))
    store.close()
    status, said = hallqueue("restore", kept, "--data", tmp_path / "data")
    assert (status, "比备份新" in said) == (2, True)
    spoil(kept / "journal.db", "row")
    status, said = hallqueue("restore", kept, "--data", tmp_path / "data")
    assert (status, "从第 4 行起" in said) == (2, True)
    assert not list((tmp_path / "data").glob("*-*/"))
    assert verify(tmp_path / "data" / "journal.db") == (7, 0)


def test_a_copy_that_went_bad_before_is_told(
    start_hall: Callable[..., Hall], medium: Path, tmp_path: Path
) -> None:
    store, _ = new_year(tmp_path / "other")
    store.close()
    copy(tmp_path / "other", medium)
    spoil(medium / "journal.db", "row")
    status, said = hallqueue("backup", medium, "--data", tmp_path / "other")
    assert (status, "从第 4 行起" in said) == (2, True)
    (medium / "journal.db").unlink()
    text = EXAMPLE.read_text() + f'\n[backup]\nfolder = "{medium}"\n'
    hall = start_hall(text)
    for _ in range(3):
        hall.take("A")
    until(lambda: hall.house.keeper.age == 0.0 and len(issued(medium)) == 3)
    hall.stop()
    with contextlib.closing(sqlite3.connect(medium / "journal.db", isolation_level=None)) as db:
        db.execute("DROP TRIGGER no_update")
        db.execute("UPDATE journal SET body = replace(body, 'A002', 'A009') WHERE kind = 'TicketIssued'")
    hall = start_hall(text)
    until(lambda: "有改动或损坏" in hall.page("/"))


def test_a_backup_of_nothing_says_so(tmp_path: Path) -> None:
    status, said = hallqueue("backup", tmp_path / "kept", "--data", tmp_path / "nothing")
    assert (status, "打不开" in said) == (2, True)
    assert not (tmp_path / "kept").exists()


def test_a_restore_of_nothing_says_so(tmp_path: Path) -> None:
    status, said = hallqueue("restore", tmp_path / "nothing", "--data", tmp_path / "data")
    assert (status, "打不开" in said) == (2, True)
    assert not (tmp_path / "data").exists()


def test_a_seal_that_does_not_hold_in_the_past_is_told_on_the_page(
    start_hall: Callable[..., Hall], medium: Path, clock: FakeClock
) -> None:
    text = EXAMPLE.read_text() + f'\n[backup]\nfolder = "{medium}"\n'
    hall = start_hall(text)
    hall.take("A")
    hall.stop()
    clock.move(MONDAY.replace(day=24))
    hall = start_hall(text)  # the next day: its rows are those that are checked at the start
    hall.take("A")
    hall.stop()
    db = sqlite3.connect(hall.folder / "journal.db")
    db.execute("DROP TRIGGER no_update")
    before = "seq < (SELECT max(seq) FROM journal WHERE kind = 'DayOpened')"
    db.execute(f"UPDATE journal SET body = replace(body, 'A001', 'A009') WHERE {before}")
    db.commit()
    db.close()
    hall = start_hall(text)
    until(lambda: "行起有改动或损坏" in hall.page("/"))
    assert hall.take("B") == "B001", "today's rows are whole"


def test_the_page_on_a_dead_card_is_followed_to_the_letter(tmp_path: Path, medium: Path) -> None:
    """docs/recovery.md, with the folders of this test: the spare card serves with the next number."""
    twin, file = outside(tmp_path)
    file.write_text(file.read_text() + f'\n[backup]\nfolder = "{medium}"\n')
    daemon = Daemon(file, tmp_path / "card")
    daemon.take()
    second = daemon.take()
    until(lambda: second in issued(medium))
    daemon.kill()
    shutil.rmtree(tmp_path / "card")
    spare = Daemon(file, tmp_path / "spare")  # it was tried once, before it came into the drawer
    spare.take()
    assert spare.stop() == 0
    places = {"/media/hallqueue": str(medium), "/var/lib/hallqueue": str(tmp_path / "spare")}
    said = []
    for line in re.findall(r"^ +sudo hallqueue (.*)$", (ROOT / "docs" / "recovery.md").read_text(), re.M):
        for there, here in places.items():
            line = line.replace(there, here)
        status, text = hallqueue(*line.split())
        assert status == 0, text
        said.append(text)
    assert len(said) == 4
    (other,) = (tmp_path / "spare").glob("other-*")
    assert verify(other / "journal.db")[1] == 0, "what was on the spare card is kept"
    daemon = Daemon(tmp_path / "spare" / "hall.toml", tmp_path / "spare")
    assert daemon.take() == "A003"
    daemon.stop()
    twin.close()


def test_a_backup_by_hand(hall: Hall, tmp_path: Path) -> None:
    hall.take("A")
    status, said = hallqueue("backup", tmp_path / "stick", "--data", hall.folder)
    assert status == 0
    count, broken = verify(tmp_path / "stick" / "journal.db")
    assert (f"已备份 {count} 行" in said, broken) == (True, 0)
    assert backup.copy(hall.folder, tmp_path / "stick") >= count


def test_a_file_that_is_no_journal_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("a shopping list")
    status, said = hallqueue("restore", tmp_path, "--data", tmp_path / "data")
    assert (status, f"流水读写不了：{tmp_path}/journal.db" in said) == (2, True)
    assert not (tmp_path / "data").exists()


# Restores into a folder for each place at which something is moved, made or removed; dies before it.
DYING = """
import os, shutil, sys
from pathlib import Path
from controller.journal.backup import restore
kept, data, states = map(Path, sys.argv[1:])
for cut in range(1, 99):
    shutil.copytree(data, place := states / f"{cut:02}")
    if not os.fork():
        def hook(event, arguments, left=[cut]):
            if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir"):
                left[0] -= 1
                if not left[0]:
                    os._exit(9)
        sys.addaudithook(hook)
        restore(kept, place)
        os._exit(0)
    if not os.wait()[1]:
        break
"""


@pytest.mark.parametrize("there", ["a year and more", "nothing"])
def test_a_restore_that_is_cut_anywhere_is_whole_or_told_and_is_done_again(
    tmp_path: Path, there: str
) -> None:
    store, clock = new_year(tmp_path / "hall")
    store.append([day("2027-01-04", clock), *events(clock, 2)])
    store.keep_reserve()
    (kept := tmp_path / "kept").mkdir()
    (tmp_path / "hall" / "people.json").write_text("{}")
    copy(tmp_path / "hall", kept)
    (data := tmp_path / "data").mkdir()
    if there != "nothing":
        spare, clock = new_year(tmp_path / "spare")
        spare.append([day("2027-01-04", clock), *events(clock, 1)])
        (data / "reserve").touch()
        for file in (tmp_path / "spare").glob("journal*"):  # with the log of a hall that was killed
            shutil.copy(file, data)
        spare.close()
        assert (data / "journal.db-wal").exists()
    store.close()
    (states := tmp_path / "states").mkdir()
    subprocess.run([sys.executable, "-c", DYING, kept, data, states], check=True, cwd=ROOT)
    before, after = rows(data) if there != "nothing" else [], rows(kept)
    said = set[str]()
    for state in sorted(states.iterdir()):
        try:
            Store(state / "journal.db").close()
            assert rows(state) in (before, after), state
        except CannotStart as refused:
            said.add(refused.code)
            restore(kept, state)
        if rows(state) == after:
            assert (state / "people.json").exists(), "PINs came before the journal"
            again = Store(state / "journal.db")
            again.append(events(clock, 1))
            again.close()
            assert verify(state / "journal.db") == (len(after) + 1, 0)
    assert len(list(states.iterdir())) > 5
    assert rows(state) != before, "the last one was not cut"
    assert said == {"restore_half"}
