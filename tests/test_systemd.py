"""The units, rules and users of the package, as systemd's own tools read them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from conftest import ROOT, needs
from test_cli import hallqueue

UNITS = [
    "hallqueue.service",
    "hallqueue-safe.service",
    "hallqueue-drill.service",
    "hallqueue-drill.timer",
    "hallqueue-kiosk@board.service",
    "media-hallqueue.mount",
]


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a machine: Debian's own units and what the package lays beside them."""
    root = tmp_path_factory.mktemp("pi")
    needs("systemd-analyze")
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    subprocess.run([ROOT / "packaging/lay", root], check=True)
    return root


def analyze(root: Path, *words: str) -> str:
    """All that systemd-analyze says; it may well exit with 0 when it complains."""
    done = subprocess.run(
        ["systemd-analyze", f"--root={root}", *words], capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


def unit(root: Path, name: str) -> Path:
    return root / "usr/lib/systemd/system" / name


def test_verify_prints_nothing(pi: Path) -> None:
    assert analyze(pi, "verify", *UNITS) == ""


def test_verify_would_print_a_key_that_systemd_does_not_know(pi: Path) -> None:
    text = unit(pi, "hallqueue.service").read_text()
    unit(pi, "wrong.service").write_text(text.replace("WatchdogSec", "WachdogSec"))
    assert "WachdogSec" in analyze(pi, "verify", "wrong.service")


def test_what_may_pass_is_tried_again_and_what_a_person_must_mend_is_not() -> None:
    hall, safe = ((ROOT / f"systemd/hallqueue{name}.service").read_text() for name in ("", "-safe"))
    assert "\nRestart=always\n" in hall
    assert "\nRestartPreventExitStatus=2\n" in hall
    assert "\nOnFailure=hallqueue-safe.service\n" in hall
    assert f"\nRestartPreventExitStatus={os.EX_TEMPFAIL}\n" in safe, "it gives way"
    assert "\nOnFailure=hallqueue.service\n" in safe
    after = re.search(r"^ExecStopPost=\+-/bin/sh -c '(.*)'$", safe, re.M)
    assert after, "and the hall has all its tries again"
    for status, said in (("75", "reset-failed hallqueue.service\n"), ("0", "")):
        command = f"systemctl() {{ echo $*; }}; {after[1].replace('$$', '$')}"
        done = subprocess.run(
            ["sh", "-c", command], env={"EXIT_STATUS": status}, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (0, said)


@pytest.mark.parametrize("name", ["hallqueue", "hallqueue-safe", "hallqueue-drill"])
def test_what_a_broken_in_program_could_reach_is_little(pi: Path, name: str) -> None:
    assert exposure(pi, f"{name}.service") <= 1.5


def exposure(root: Path, name: str) -> float:
    told = analyze(root, "security", "--offline=true", "--no-pager", name)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert found, told
    return float(found[1])


def test_without_the_sandbox_the_same_measure_says_so(pi: Path) -> None:
    shutil.copy(unit(pi, "hallqueue.service"), unit(pi, "bare.service"))
    assert exposure(pi, "bare.service") > 9


def test_every_unit_starts_a_verb_that_exists() -> None:
    verbs = set(re.findall(r"^    (\w+)", hallqueue("--help").stdout, re.M))
    started = {
        verb
        for file in (ROOT / "systemd").glob("*.service")
        for verb in re.findall(r"^ExecStart=/usr/bin/hallqueue (\w+)", file.read_text(), re.M)
    }
    assert started == {"run", "safe", "restore"}
    assert started <= verbs


def test_a_crash_loop_ends_with_the_safe_hall_and_a_good_start_ends_that() -> None:
    hall, safe = ((ROOT / f"systemd/{name}.service").read_text() for name in ("hallqueue", "hallqueue-safe"))
    assert "OnFailure=hallqueue-safe.service" in hall
    assert "StartLimitBurst=" in hall
    assert "RestartPreventExitStatus=2" in hall
    assert "Conflicts=hallqueue.service" in safe


def test_a_technicians_own_drop_in_counts_more_than_the_sandbox(pi: Path) -> None:
    sandbox = next(unit(pi, "hallqueue.service.d").iterdir()).name
    assert sandbox < "override.conf"  # the name that `systemctl edit` gives; drop-ins are sorted by name


def run(root: Path, program: str, *words: str) -> str:
    (root / "etc").mkdir(exist_ok=True)
    done = subprocess.run(
        [needs(program), f"--root={root}", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_users_are_made_with_their_groups(pi: Path) -> None:
    run(pi, "systemd-sysusers", str(pi / "usr/lib/sysusers.d/hallqueue.conf"))
    users = (pi / "etc/passwd").read_text()
    assert "hallqueue:x:793:" in users
    assert "hallqueue-kiosk:x:794:" in users
    groups = {line.split(":")[0]: line.split(":")[3] for line in (pi / "etc/group").read_text().splitlines()}
    for group in ("dialout", "lp", "input", "gpio", "spi", "audio"):
        assert "hallqueue" in groups[group].split(",")
    assert groups["render"] == "hallqueue-kiosk"


def test_the_folders_are_made(pi: Path) -> None:
    run(pi, "systemd-sysusers", str(pi / "usr/lib/sysusers.d/hallqueue.conf"))
    run(pi, "systemd-tmpfiles", "--create", str(pi / "usr/lib/tmpfiles.d/hallqueue.conf"))
    assert (pi / "var/lib/hallqueue").stat().st_mode & 0o777 == 0o750
    assert (pi / "var/lib/hallqueue").stat().st_uid == 793
    assert (pi / "media/hallqueue").stat().st_uid == 0  # without its disk nothing is written there


# udev's rules. Debian 12 has no `udevadm verify`; `make deb-test` asks the one of Debian 13.
PART = re.compile(r'([A-Z]+(?:\{[^}]+\})?)(==|!=|\+=|=)"([^"]*)"(?:,\s+|$)')
ASKED = {"ACTION", "SUBSYSTEM", "KERNEL", "DRIVER", "ATTR", "ATTRS", "ENV", "IMPORT"}
SET = {"GROUP": "=", "MODE": "=", "SYMLINK": "+=", "TAG": "+=", "ENV": "+= =", "ATTR": "="}
Device = dict[str, str]


def rules(text: str) -> Iterator[list[tuple[str, str, str]]]:
    """Every rule as (key, operator, value); all of its line must be such parts."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            parts = PART.findall(line)
            assert PART.sub("", line) == "", line
            for key, operator, value in parts:
                name = key.partition("{")[0]
                asked = operator in ("==", "!=") or key == "IMPORT{builtin}"
                assert (name in ASKED) if asked else (operator in SET[name].split()), (key, operator)
                assert key not in ("ENV", "ATTR", "ATTRS")
                assert name != "MODE" or re.fullmatch(r"0[0-7]{3}", value)
            yield parts


def plugged(device: Device, *files: str) -> Device:
    """What udev makes of a device: its properties, and GROUP, SYMLINK and so on."""
    found = dict(device)
    for name in files:
        for rule in rules((ROOT / "systemd" / name).read_text().replace("#ATTRS", "ATTRS")):
            for key, operator, value in rule:
                if key == "IMPORT{builtin}":
                    continue
                if operator in ("==", "!="):
                    there = any(fnmatchcase(found.get(key, ""), one) for one in value.split("|"))
                    if there != (operator == "=="):
                        break
                else:
                    told = re.sub(r"\$env\{(\w+)\}", lambda m: found.get(f"ENV{{{m[1]}}}", ""), value)
                    found[key] = f"{found.get(key, '')} {told}".strip() if operator == "+=" else told
    return found


def test_two_equal_printers_have_the_names_of_their_ports() -> None:
    names = [
        plugged(
            {"ACTION": "add", "SUBSYSTEM": "usbmisc", "KERNEL": f"lp{lp}", "ENV{ID_PATH}": path},
            "72-hallqueue.rules",
        )
        for lp, path in ((0, "platform-xhci-usb-0:1.3:1.0"), (1, "platform-xhci-usb-0:1.4:1.0"))
    ]
    assert [found["SYMLINK"] for found in names] == [
        "usb/by-path/platform-xhci-usb-0:1.3:1.0",
        "usb/by-path/platform-xhci-usb-0:1.4:1.0",
    ]
    assert {found["GROUP"] for found in names} == {"lp"}


@pytest.mark.parametrize("about", [{"ENV{ID_USB_INTERFACES}": ":070102:"}, {"ATTR{idVendor}": "0416"}])
def test_a_printer_behind_libusb_is_open_to_the_hall(about: Device) -> None:
    usb = {"ACTION": "add", "SUBSYSTEM": "usb", "ENV{DEVTYPE}": "usb_device"}
    assert plugged(usb | about, "72-hallqueue.rules")["GROUP"] == "lp"
    assert "GROUP" not in plugged(usb | {"ATTR{idVendor}": "1d6b"}, "72-hallqueue.rules")


def disk(serial: str, kind: str = "ext4") -> Device:
    about = {"ACTION": "add", "SUBSYSTEM": "block", "ATTRS{serial}": serial, "ENV{ID_FS_TYPE}": kind}
    return plugged(about, "71-hallqueue-backup.rules", "72-hallqueue.rules")


def test_only_a_listed_disk_is_mounted() -> None:
    assert disk("0123456789AB")["ENV{SYSTEMD_WANTS}"] == "media-hallqueue.mount"
    assert disk("0123456789AB")["SYMLINK"] == "hallqueue/backup"
    assert "ENV{SYSTEMD_WANTS}" not in disk("0123456789AC")
    assert "ENV{SYSTEMD_WANTS}" not in disk("0123456789AB", "vfat")
    assert re.search("^#ATTRS", (ROOT / "systemd/71-hallqueue-backup.rules").read_text(), re.M)
    mount = (ROOT / "systemd/media-hallqueue.mount").read_text()
    assert "What=/dev/hallqueue/backup" in mount
    assert "BindsTo=dev-hallqueue-backup.device" in mount


def test_the_rules_know_a_mistake() -> None:
    for wrong in ('SUBSYSTEM="usb"', 'KERNEL=="lp*" GROUP="lp"', 'GROUPS="lp"', 'MODE="660"'):
        with pytest.raises((AssertionError, KeyError), match=re.match("[A-Z]+", wrong)[0]):  # type: ignore[index]
            list(rules(wrong))


def test_shell_scripts_are_clean() -> None:
    scripts = [p for p in (ROOT / "packaging").iterdir() if p.is_file() and p.read_text().startswith("#!")]
    scripts += [ROOT / "systemd/kiosk"]
    done = subprocess.run([needs("shellcheck"), *scripts], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
