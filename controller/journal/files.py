"""Files that survive a power cut: written whole or not at all, synced, locked; and the room for them."""

import fcntl
import os
import re
import shutil
import sqlite3
from pathlib import Path

from controller.hall.outcome import Refused


class CannotStart(Refused):
    """The hall cannot start; `code` has a sentence in display/words."""


class NotYet(CannotStart):
    """It cannot start now, and perhaps a moment later: trouble that may pass by itself."""


def write(path: Path, text: str) -> None:
    """All of `text` or what was there before, whenever the mains are cut; for this user only."""
    new = path.with_suffix(".new")
    with open(new, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make what was made, renamed or removed in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def free(folder: Path) -> int:
    """Bytes that can still be written where `folder` is, or will be."""
    there = next(place for place in (folder, *folder.resolve().parents) if place.exists())
    return shutil.disk_usage(there).free


def in_memory(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Is what stands in `folder`, or will, gone with the power? So it is on tmpfs, on a disk in memory, and
    under an overlay (a Pi's read-only system) whose upper folder is there, or out of sight since the boot."""
    there = folder.resolve()
    places = {str(place) for place in (there, *there.parents)}
    nearest, kind, source, options = "", "", "", ""
    for line in mounts.read_text().splitlines():  # as proc_pid_mountinfo(5) says
        before, _, after = line.partition(" - ")
        point = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), before.split(" ")[4])
        if point in places and len(point) >= len(nearest):
            nearest, (kind, source, options) = point, after.split(" ", 2)
    if upper := re.search(r"\bupperdir=([^,]+)", options):
        above = Path(upper[1])
        return not above.exists() or (above != there and in_memory(above, mounts))
    return kind in ("tmpfs", "ramfs") or source.startswith(("/dev/ram", "/dev/zram"))


def lock(path: Path) -> int:
    """Keep everybody else off the journal at `path`, until this handle of its folder is closed. Raises
    NotYet."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(folder)
        raise NotYet("journal_locked", path=str(path)) from error
    return folder


def journals(path: Path) -> list[Path]:
    """The files of a journal, one for each year before and the one that is written, oldest first."""
    return [*sorted(path.parent.glob(f"{path.stem}-[0-9][0-9][0-9][0-9]{path.suffix}")), path]


def traces(path: Path) -> list[Path]:
    """What a journal that was once at `path` has left beside it: years before, its log, the room that is
    reserved only for one that is there, and what a restore has put aside."""
    names = (f"{path.stem}-[0-9]*{path.suffix}", f"{path.name}-wal", "reserve", "other-*")
    return [left for name in names for left in path.parent.glob(name)]


def reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def remove(path: Path) -> None:
    """Take back what a failed first start has made."""
    if path.is_dir():
        path.rmdir()
    else:
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
