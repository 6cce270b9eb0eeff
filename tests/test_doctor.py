"""What the technician types first: devices and doctor, in words, with the cure."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import EXAMPLE, Hall
from daemon import outside
from test_cli import hallqueue

from controller.app import doctor
from controller.journal.files import in_memory
from controller.runtime.clock import SystemClock
from controller.settings.reader import parse
from display.words.catalogue import catalogue
from drivers.base.find import devices
from drivers.base.load import load


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    """The /dev of a Pi with two sticks (one without a serial number), a printer and two pads."""
    dev = tmp_path / "dev"
    for folder in ("serial/by-id", "serial/by-path", "usb/by-path", "input/by-path", "cec/by-path"):
        (dev / folder).mkdir(parents=True)
    for node in (
        "ttyUSB0",
        "ttyUSB1",
        "usb/lp0",
        "input/event3",
        "input/event4",
        "spidev0.0",
        "cec0",
        "cec1",
    ):
        (dev / node).touch()
    (dev / "serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0").symlink_to("../../ttyUSB0")
    (dev / "serial/by-path/platform-xhci-usb-0:1.1:1.0-port0").symlink_to("../../ttyUSB0")
    (dev / "serial/by-path/platform-xhci-usb-0:1.2:1.0-port0").symlink_to("../../ttyUSB1")
    (dev / "usb/by-path/platform-xhci-usb-0:1.3:1.0").symlink_to("../lp0")
    (dev / "cec/by-path/platform-fef00700.hdmi").symlink_to("../../cec0")
    for n in (3, 4):
        (dev / f"input/by-path/platform-xhci-usb-0:{n}:1.0-event-kbd").symlink_to(f"../event{n}")
    return tmp_path


def test_every_device_is_listed_once_under_a_name_that_stays(pi: Path) -> None:
    assert [url for url, _ in devices(pi)] == [
        "/dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0",
        "/dev/serial/by-path/platform-xhci-usb-0:1.2:1.0-port0",
        "lp:/dev/usb/by-path/platform-xhci-usb-0:1.3:1.0",
        "/dev/input/by-path/platform-xhci-usb-0:3:1.0-event-kbd",
        "/dev/input/by-path/platform-xhci-usb-0:4:1.0-event-kbd",
        "exec:cec-ctl -d/dev/cec/by-path/platform-fef00700.hdmi",
        "exec:cec-ctl -d/dev/cec1",
        "spi:/dev/spidev0.0",
    ]


def test_a_proposed_stanza_is_right_as_it_stands(pi: Path) -> None:
    stanzas = dict(devices(pi))
    pad = stanzas["/dev/input/by-path/platform-xhci-usb-0:3:1.0-event-kbd"]
    text = EXAMPLE.read_text() + "\n" + pad.replace("NAME", "pad1") + 'window = "1"\n'
    assert parse(text.encode(), load).device["pad1"].driver == "callunit_keypad"


def test_the_command_says_what_it_found() -> None:
    done = hallqueue("devices")
    assert done.returncode == 0
    assert "plugged in" in done.stdout or "No device found" in done.stdout


def test_the_doctor_finds_every_device_well_and_names_the_one_that_is_not(tmp_path: Path) -> None:
    twin, file = outside(tmp_path)
    try:
        done = hallqueue("doctor", file, "--data", tmp_path / "data")
        for name in twin.plan.device:
            assert name == "buttons" or f"✔ {name}: well" in done.stdout
        twin.turn("unit2", "deaf", 1)
        twin.turn("printer", "paper_out", 1)
        done = hallqueue("doctor", file, "--data", tmp_path / "data", lang="zh_CN.UTF-8")
        assert done.returncode == 1
        assert "✘ unit2: 没有回答：检查电源、数据线和地址" in done.stdout
        assert "✘ printer: 缺纸" in done.stdout
        assert "✔ unit1: 正常" in done.stdout
        assert not (tmp_path / "data").exists(), "the doctor writes nothing"
    finally:
        twin.close()


def test_a_broken_file_is_told_before_any_device_is_touched(tmp_path: Path) -> None:
    (tmp_path / "hall.toml").write_text("[hall")
    done = hallqueue("doctor", tmp_path / "hall.toml")
    assert (done.returncode, "not TOML" in done.stdout) == (2, True)


@pytest.mark.parametrize(("register", "well"), [("0x0", True), ("0x50005", False), ("0x10000", False)])
def test_undervoltage_now_or_since_the_start_is_a_finding(tmp_path: Path, register: str, well: bool) -> None:
    folder = tmp_path / "sys/devices/platform/soc/soc:firmware"
    folder.mkdir(parents=True)
    (folder / "get_throttled").write_text(register + "\n")
    clock = SystemClock("Asia/Shanghai", None)
    found = {code: ok for ok, code, _ in doctor.machine(tmp_path, clock, tmp_path)}
    assert found["power"] is well


def test_a_full_disk_and_a_wrong_clock_are_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Usage)
    now = SystemClock("Asia/Shanghai", None).now()
    clock = SystemClock("Asia/Shanghai", replace(now, wall=now.wall.replace(year=2999), boot="before"))
    found = {code: ok for ok, code, _ in doctor.machine(tmp_path, clock, tmp_path)}
    assert (found["disk"], found["clock"]) == (False, False)


@pytest.mark.parametrize("runs", [True, False])
def test_without_udev_no_device_keeps_its_name(tmp_path: Path, runs: bool) -> None:
    if runs:
        (tmp_path / "run/udev").mkdir(parents=True)
        (tmp_path / "run/udev/control").touch()
    clock = SystemClock("Asia/Shanghai", None)
    found = {code: ok for ok, code, _ in doctor.machine(tmp_path, clock, tmp_path)}
    assert found["udev"] is runs


# What is mounted, in the words of proc_pid_mountinfo(5), and whether a folder is gone with the power.
MOUNTS = [
    ("ext4 /dev/mmcblk0p2 rw", False),
    ("tmpfs tmpfs rw,size=512000k", True),
    ("ramfs none rw", True),
    ("ext4 /dev/zram1 rw", True),
    ("f2fs /dev/sda1 rw", False),
    ("overlay overlay rw,lowerdir=/lower,upperdir={}/card/up,workdir=/w", False),
    ("overlay overlay rw,lowerdir=/lower,upperdir={}/memory/up,workdir=/w", True),
    ("overlay overlay rw,lowerdir=/lower,upperdir=/out/of/sight,workdir=/w", True),
]


@pytest.mark.parametrize(("mount", "gone"), MOUNTS, ids=[mount.partition(",")[0] for mount, _ in MOUNTS])
def test_a_folder_that_is_gone_with_the_power_is_known(tmp_path: Path, mount: str, gone: bool) -> None:
    for name in ("a card", "card/up", "memory/up"):
        (tmp_path / name).mkdir(parents=True)
    lines = ["21 1 8:2 / / rw - ext4 /dev/sda2 rw", f"22 21 0:1 / {tmp_path}/memory rw - tmpfs tmpfs rw"]
    lines.append(f"23 21 0:2 / {tmp_path}/a\\040card rw,noatime shared:1 - {mount.format(tmp_path)}")
    (mounts := tmp_path / "mountinfo").write_text("\n".join(lines))
    assert in_memory(tmp_path / "a card" / "data", mounts) is gone
    assert not in_memory(tmp_path / "card", mounts), "nothing is mounted nearer than the root"


def test_a_journal_in_memory_is_told_by_the_doctor_and_on_the_page(
    start_hall: Callable[..., Hall], tmp_path: Path
) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="hallqueue-data-") as folder:
        clock = SystemClock("Asia/Shanghai", None)
        found = {code: ok for ok, code, _ in doctor.machine(Path(folder), clock, tmp_path)}
        assert found["memory"] is False
        hall = start_hall(folder=folder, known=False)
        assert f"流水所在的 {folder} 在内存里" in hall.page("/")
        hall.stop()


class _Usage:
    free = 3 << 20


def test_every_finding_has_both_its_sentences() -> None:
    for code in ("group", "udev", "font", "disk", "memory", "clock", "power"):
        assert {f"doctor.{code}", f"doctor.{code}_ill"} <= catalogue().keys()
