"""A rig for power cuts: the store's own system calls, and the disks that a cut could leave of them.

The unmodified store runs as a child under strace. What it wrote is durable once that was synced: a file's
bytes by the file, its name by the folder (strict POSIX, which is worse than ext4). All else may be there or
not, in any order, in sectors of 512 bytes. Every such disk is opened again and compared with what was told.
"""

import json
import os
import random
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from controller.hall.events import DayClosed, DayOpened, Event, PlanLoaded, TicketCalled, TicketIssued
from controller.hall.moment import Now
from controller.journal import store as room
from controller.journal.files import CannotStart, journals
from controller.journal.people import People, passcode
from controller.journal.store import read
from controller.journal.verify import verify

SECTOR = 512
SPARSE = 10  # bits less of the reserve in the model: it is long and holds nothing
CALLS = "openat,pwrite64,write,fsync,fdatasync,ftruncate,fallocate,rename,unlink,mkdir,close"
# Whoever comes to use one of these has outgrown the rig.
STRANGE = "pwritev,writev,renameat,renameat2,unlinkat,link,truncate,sendfile,copy_file_range,rmdir"
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
MANY = 60  # pieces in the air; of operations with more only a part is tried
FAILS = "fails"  # said before the append whose sync will fail


def live(folder: Path, seed: int, early: bool) -> None:
    """The child: some weeks of a hall around a new year; says on standard output what it tries and what it
    has acknowledged. `early`: a planted fault, it acknowledges what it has not written yet."""
    dice, names, numbers = random.Random(seed), map("e{}".format, count()), count(1)
    moment = datetime(2026, 12, 20, 8, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    path, planned = folder / "var" / "hall" / "journal.db", ""

    def say(what: str, *more: object) -> None:
        os.write(1, f"{what} {json.dumps(more)}\n".encode())

    def event(kind: Callable[..., Event], *values: Any) -> Event:
        nonlocal moment
        moment += timedelta(seconds=dice.randrange(1, 600))
        return kind(*values, at=Now(moment, 1.0, "boot", True), actor=next(names), press="")

    def tickets(many: int) -> list[Event]:
        return [event(TicketIssued, f"A{next(numbers):03}", "A", "hall") for _ in range(many)]

    def plan(size: int) -> list[Event]:
        return [event(PlanLoaded, dice.randbytes(size // 2).hex())]

    def day(date: str) -> list[Event]:
        return [event(DayOpened, date, {}, {"A": 0})]

    def append(events: Sequence[Event], year: int | None = None) -> None:
        """`year`: the place of the event with which a year begins, and so a file with two rows of its own."""
        nonlocal planned
        actors = [e.actor for e in events]
        ways = [actors]
        if year is not None:
            old, own = actors[:year], ["clock", planned]
            ways = [old, [*old, *own], [*old, *own, *actors[year:]]]
        say("try", *ways)
        if early:
            say("ack")
        store.append(events)
        say("ack")
        planned = next((e.actor for e in reversed(events) if isinstance(e, PlanLoaded)), planned)

    def some(many: int) -> None:
        for _ in range(many):
            size = dice.choice((1, 1, 1, 2, 3, 8))
            append(tickets(size) if dice.random() < 0.9 else plan(dice.randrange(200, 40_000)))

    def failing(events: Sequence[Event], room_left: int = -1) -> None:
        """Append as the engine does; `room_left`: bytes until the card is full."""
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        full = path.with_name("journal.db-wal").stat().st_size + room_left
        resource.setrlimit(resource.RLIMIT_FSIZE, (full if room_left >= 0 else limits[0], limits[1]))
        try:
            append(events)
        except sqlite3.Error:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            store.reopen()
            say("is", *(e.actor for _, e in read(path)))

    store = room.Store(path)
    append(plan(6000) + day("2026-12-20"))
    some(6)
    store.keep_reserve()
    people = People(path.parent)
    passcode(path.parent)
    people.choose("a long passphrase")
    say("chosen")
    for n in range(3):
        people.pair(f"token {n}", "window 1")
        say("paired", n + 1)
    append(day("2026-12-21"))
    some(6)
    store.spend_reserve()
    store.reopen()  # what it had written before goes into its file
    append(tickets(1))
    failing(plan(20_000), room_left=dice.randrange(5000))
    some(4)
    say(FAILS)
    failing(tickets(2))
    some(4)
    closed, opened = event(DayClosed, "2026-12-21", (), {"issued": 3}), day("2027-01-04")
    if dice.random() < 0.5:
        append([closed])
        append(opened + tickets(2), 0)
    else:
        append([closed, *opened], 1)
    some(6)
    store.close()
    store = room.Store(path)
    some(4)
    if seed % 2:  # more than the log holds: it goes into its file, and the log begins anew
        append(plan(1_000_000))
        some(4)


class Node:
    """A file or a folder: what is settled on the disk, and the pieces that came after it in their order."""

    def __init__(self, settled: bytearray | dict[str, "Node"]) -> None:
        self.settled, self.pieces = settled, list[Piece]()
        self.names: dict[str, Node] = {}  # of a folder, as the child sees it

    def after(self, kept: Collection["Piece"]) -> Any:
        """As the disk holds it if of all that was not synced it got `kept`."""
        found = self.settled.copy()
        for piece in self.pieces:
            if piece.synced or piece in kept:
                piece.change(found)
        return found

    def sync(self, failed: bool) -> None:
        """After a failed one nobody writes these pieces again (fsyncgate)."""
        for piece in self.pieces:
            piece.doomed |= failed and not piece.synced
            piece.synced |= not piece.doomed
        while self.pieces and self.pieces[0].synced:
            self.pieces.pop(0).change(self.settled)


@dataclass(eq=False, slots=True)
class Piece:
    """The least that a disk has or has not: bytes of a sector, a file's size, a change of names."""

    change: Callable[[Any], None]
    synced: bool = False
    doomed: bool = False


def put(start: int, data: bytes, found: bytearray) -> None:
    found.extend(bytes(max(0, start - len(found))))
    found[start : start + len(data)] = data


def resize(size: int, found: bytearray) -> None:
    del found[size:]
    found.extend(bytes(size - len(found)))


def name(changes: dict[str, Node | None], found: dict[str, Node]) -> None:
    for word, node in changes.items():
        found.pop(word, None)
        if node:
            found[word] = node


@dataclass
class Told:
    """What the child has said up to now."""

    acked: list[str] = field(default_factory=list)
    ways: list[list[str]] = field(default_factory=list)  # how what it tries may have gone on
    refused: list[list[str]] = field(default_factory=list)
    paired: int = 0
    chosen: bool = False

    def hear(self, line: str) -> None:
        what, more = line.split(" ", 1)
        match what, json.loads(more):
            case "try", ways:
                self.ways = self.refused + ways
            case "ack", _:
                self.acked, self.ways, self.refused = self.acked + self.ways[-1], [], []
            case "is", actors:
                # What failed was written, though never synced: a cut may leave it until it is written over.
                self.refused = [way for way in self.ways if actors[-len(way) :] != way]
                self.acked, self.ways = actors, self.refused
            case "paired", [many]:
                self.paired = many
            case "chosen", _:
                self.chosen = True


class Disk:
    """A model of the disk under a folder; `obey` takes the child's calls one by one."""

    def __init__(self, root: str) -> None:
        self._root, self.top, self.told = root, Node({}), Told()
        self._open: dict[str, tuple[Node, list[int]]] = {}  # by descriptor: what, and where it writes
        self._pending: list[Piece] = []
        self.syncs = 0

    def pending(self) -> list[Piece]:
        self._pending = [piece for piece in self._pending if not piece.synced]
        return list(self._pending)

    def _add(self, node: Node, change: Callable[[Any], None]) -> None:
        node.pieces.append(piece := Piece(change))
        self._pending.append(piece)

    def _find(self, path: str) -> tuple[Node, str]:
        """The folder of `path` and its name there."""
        *folders, last = path.removeprefix(self._root).strip("/").split("/")
        node = self.top
        for word in folders:
            node = node.names[word]
        return node, last

    def _name(self, folder: Node, changes: dict[str, Node | None]) -> None:
        name(changes, folder.names)
        self._add(folder, partial(name, changes))

    def _write(self, node: Node, start: int, data: bytes) -> None:
        end = start + len(data)
        for here in (start, *range(start // SECTOR * SECTOR + SECTOR, end, SECTOR)):
            there = min(end, here // SECTOR * SECTOR + SECTOR)
            self._add(node, partial(put, here, data[here - start : there - start]))

    def obey(self, call: str, arguments: list[str], result: int) -> bool:
        """Has it changed anything? Calls that have nothing to do with the folder are passed over."""
        first = text(arguments[0])
        if call == "openat":
            if not (path := text(arguments[1])).startswith(self._root) or path.endswith("-shm"):
                return False
            if path.rstrip("/") == self._root:
                self._open[str(result)] = self.top, [0]
                return False
            folder, word = self._find(path)
            if new := word not in folder.names:
                self._name(folder, {word: Node(bytearray())})
            node = folder.names[word]
            self._open[str(result)] = node, [0]
            if "O_TRUNC" in arguments[2] and not new:
                self._add(node, partial(resize, 0))
            return new or "O_TRUNC" in arguments[2]
        if call in ("rename", "unlink", "mkdir"):
            if not first.startswith(self._root) or first.endswith("-shm"):
                return False
            folder, word = self._find(first)
            if call == "rename":
                there, other = self._find(text(arguments[1]))
                assert there is folder
                self._name(folder, {word: None, other: folder.names[word]})
            else:
                self._name(folder, {word: Node({}) if call == "mkdir" else None})
            return True
        if call == "write" and arguments[0] == "1":
            self.told.hear(text(arguments[1]))
            return True
        if arguments[0] not in self._open:
            return False
        node, place = self._open[arguments[0]]
        match call:
            case "close":
                del self._open[arguments[0]]
                return False
            case "write" | "pwrite64":
                start = int(arguments[3]) if call == "pwrite64" else place[0]
                self._write(node, start, raw(arguments[1])[:result])
                place[0] = start + result
            case "ftruncate":
                self._add(node, partial(resize, int(arguments[1])))
            case "fallocate":
                self._add(node, partial(resize, int(arguments[3]) >> SPARSE))
            case "fsync" | "fdatasync":
                node.sync(failed=result < 0)
                self.syncs += 1
            case _:
                raise AssertionError(f"the rig does not know {call}")
        return True


def raw(argument: str) -> bytes:
    return bytes.fromhex(argument.strip('"').replace("\\x", "")) if argument[:1] == '"' else b""


def text(argument: str) -> str:
    return raw(argument).decode(errors="replace")


Call = tuple[str, list[str], int]


@dataclass(frozen=True)
class Recording:
    root: str
    calls: list[Call]


def record(strace: str, seed: int, fault: Sequence[tuple[str, str]] = (), early: bool = False) -> Recording:
    """The calls of a child, whose sync fails where it is prepared for that. `fault`: what of the store's
    source is something else there."""
    with tempfile.TemporaryDirectory(prefix="powercut-") as root, tempfile.NamedTemporaryFile() as log:

        def traced(*more: str) -> list[Call]:
            """In a folder of that name each time, so that the two recordings agree."""
            shutil.rmtree(root)
            os.mkdir(root)
            child = [sys.executable, __file__, root, str(seed), "early" if early else "", json.dumps(fault)]
            trace = [strace, "-o", log.name, "-xx", "-s", "9999999", "-e", f"trace={CALLS},{STRANGE}"]
            run = subprocess.run([*trace, *more, *child], capture_output=True, text=True, check=False)
            assert run.returncode == 0, run.stderr[-2000:]
            return [call for line in Path(log.name).read_text().splitlines() if (call := parsed(line))]

        calls = traced()
        until = next(n for n, call in enumerate(calls) if call[0] == "write" and FAILS in text(call[1][1]))
        syncs = sum(call == "fdatasync" for call, _, _ in calls[:until])
        return Recording(root, traced("-e", f"inject=fdatasync:error=EIO:when={syncs + 1}"))


def parsed(line: str) -> Call | None:
    """A line of strace, if the call did anything."""
    found = re.match(r"(\w+)\((.*)\)\s+= (-?\d+)", line)
    if not found or (found[3].startswith("-") and "INJECTED" not in line):
        return None
    return found[1], found[2].split(", "), int(found[3])


def cuts(disk: Disk, torn: int, dice: random.Random, more: int) -> Iterator[list[Piece]]:
    """What the disk may have got of what was not synced, `torn` pieces of which are the last call's."""
    pending = disk.pending()
    yield []
    yield pending
    if torn > 1:
        whole, last = pending[:-torn], pending[-torn:]
        part = dice.randrange(1, torn)
        yield whole + (last[:part] if dice.random() < 0.5 else last[part:])
    for _ in range(more):
        yield pending[: dice.randrange(len(pending) + 1)]
        share = dice.choice((0.1, 0.5, 0.9))
        yield [piece for piece in pending if dice.random() < share]


def lay(node: Node, kept: Collection[Piece], place: Path) -> None:
    """Make that disk a real folder."""
    place.mkdir()
    for word, inner in node.after(kept).items():
        if isinstance(inner.settled, dict):
            lay(inner, kept, place / word)
        else:
            (place / word).write_bytes(content := inner.after(kept))
            if word == "reserve":
                os.truncate(place / word, len(content) << SPARSE)


def actors(path: Path) -> list[str]:
    found = []
    for file in journals(path):
        with closing(sqlite3.connect(file)) as db:
            found += db.execute("SELECT body->>'actor' FROM journal ORDER BY seq").fetchall()
    return [actor for (actor,) in found]


def wrong(path: Path, told: Told) -> str:
    """What is wrong with the hall that finds this disk in the morning; empty if nothing is."""
    try:
        store = room.Store(path)
    except CannotStart as error:
        return f"it cannot start: {error.code} {error.arguments}"
    try:
        found = actors(path)
        if found not in (told.acked, *(told.acked + way for way in told.ways)):
            return f"{len(found)} events, and {len(told.acked)} were acknowledged"
        if verify(path) != (len(found), 0):
            return f"verify says {verify(path)} of {len(found)} events"
        now = Now(datetime(2027, 1, 5, 8, 0, tzinfo=ZoneInfo("Asia/Shanghai")), 1.0, "next", True)
        store.append([TicketCalled("A001", "1", at=now, actor="next", press="")])
        if actors(path) != [*found, "next"]:
            return "what comes next is not kept"
        reserve = path.with_name("reserve")
        if reserve.exists() and store.keep_reserve() and reserve.stat().st_size != room.RESERVE:
            return "the reserve is an empty promise"
    finally:
        store.close()
    people = People(path.parent)
    if len(people.devices) not in (told.paired, told.paired + 1) or path.with_name("people.broken").exists():
        return f"{len(people.devices)} paired devices, and {told.paired} were acknowledged"
    if told.chosen and (people.fresh or path.with_name("passcode").exists()):
        return "the one-time code is good again"
    return ""


@dataclass
class Verdict:
    states: int = 0
    losses: list[str] = field(default_factory=list)


def cut_everywhere(recording: Recording, dice: random.Random, more: int, enough: int = 10**9) -> Verdict:
    """Build the disks of a cut at every operation, up to `enough` losses."""
    disk, verdict, seen, syncs = Disk(recording.root), Verdict(), set[frozenset[int]](), 0
    with tempfile.TemporaryDirectory(prefix="powercut-", dir=MEMORY) as folder:
        place = Path(folder) / "disk"
        for number, (call, arguments, result) in enumerate(recording.calls):
            before = len(disk.pending())
            if not disk.obey(call, arguments, result):
                continue
            if disk.syncs != syncs or call == "write":
                seen, syncs = set(), disk.syncs
            torn = len(disk.pending()) - before
            if dice.random() > MANY / len(disk.pending() or "1"):
                continue
            for kept in cuts(disk, torn, dice, more):
                if (key := frozenset(map(id, kept))) in seen:
                    continue
                seen.add(key)
                lay(disk.top, set(kept), place)
                if problem := wrong(place / "var" / "hall" / "journal.db", disk.told):
                    what = f"call {number}, {call}: kept {len(kept)} of {len(disk.pending())} pieces"
                    verdict.losses.append(f"{what}: {problem}")
                shutil.rmtree(place)
                verdict.states += 1
                if len(verdict.losses) >= enough:
                    return verdict
    return verdict


if __name__ == "__main__":
    _folder, _seed, _early, _fault = sys.argv[1:]
    _source = Path(room.__file__).read_text()
    for _right, _wrong in json.loads(_fault):  # a deliberately wrong build
        assert _right in _source
        _source = _source.replace(_right, _wrong)
    exec(compile(_source, room.__file__, "exec"), vars(room))
    live(Path(_folder), int(_seed), bool(_early))
    os._exit(0)
