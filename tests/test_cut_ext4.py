"""The mains are cut under the running daemon: a real ext4 stops, and what was not written is gone."""

import fcntl
import os
import random
import sqlite3
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import needs
from ordeal import Ordeal
from wait import until

pytestmark = pytest.mark.slow

SHUTDOWN, NOLOGFLUSH = 0x8004587D, 2  # ioctl FS_IOC_SHUTDOWN of linux/ext4.h: without a last flush of its log


class Disk:
    """An ext4 in a file; `cut` does to it what the mains do, `mount` what the next start does."""

    def __init__(self, folder: Path) -> None:
        self._image, self.root = folder / "ext4", folder / "disk"
        self.root.mkdir()
        self._image.touch()
        os.truncate(self._image, 64 << 20)
        subprocess.run([needs("mkfs.ext4"), "-q", self._image], check=True)

    def mount(self) -> None:
        done = subprocess.run([needs("mount"), "-o", "loop", self._image, self.root], stderr=subprocess.PIPE)
        if done.returncode:
            pytest.skip(f"no loop mount here: {done.stderr.decode()}")

    def cut(self) -> None:
        handle = os.open(self.root, os.O_RDONLY)
        fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        os.close(handle)

    def unmount(self) -> None:
        """As soon as nobody has a file there any more."""
        command = ["umount", self.root]
        until(
            lambda: not os.path.ismount(self.root) or not subprocess.call(command, stderr=subprocess.DEVNULL)
        )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("only root may cut a disk off")
    made = Disk(tmp_path)
    made.mount()
    yield made
    made.unmount()


@pytest.fixture
def ordeal(tmp_path: Path, disk: Disk) -> Iterator[Ordeal]:
    made = Ordeal(tmp_path, disk.root / "data")
    yield made
    made.close()


def restore(ordeal: Ordeal, disk: Disk) -> None:
    """The mains are there again."""
    ordeal.daemon.kill()
    disk.unmount()
    disk.mount()


def test_after_a_power_cut_at_any_time_nothing_is_lost_and_no_paper_comes_twice_unmarked(
    ordeal: Ordeal, disk: Disk, cuts: int, counted: Callable[[str], None]
) -> None:
    dice, number, dark = random.Random(20261128), max(3, cuts // 5), threading.Event()

    def mains() -> None:
        dark.set()
        disk.cut()
        ordeal.daemon.process.kill()

    for _ in range(number):
        ordeal.live()
        dark.clear()
        switch = threading.Timer(dice.uniform(0, 0.5), mains)
        switch.start()
        try:
            while True:
                ordeal.presses()
        except (OSError, sqlite3.DatabaseError):  # nobody answers, and the journal cannot be read
            assert dark.is_set()
        switch.join()
        restore(ordeal, disk)
    ordeal.end()
    counted(f"the mains cut {number:,} times: {ordeal.sum()}, 0 lost")


def test_a_card_that_only_says_that_it_has_written_is_found_out(ordeal: Ordeal, disk: Disk) -> None:
    """What the test above must be able to see."""
    ordeal.live()
    lie = ordeal.fault("fdatasync", "retval=0")
    ordeal.presses()
    disk.cut()
    lie.end()
    restore(ordeal, disk)
    with pytest.raises(AssertionError, match="lost"):
        ordeal.live()
