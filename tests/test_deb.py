"""The Debian package: what is in it, and whom it refuses. `make deb-test` installs it."""

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Hall, needs

from controller.hall.events import TicketIssued

pytestmark = pytest.mark.xdist_group("deb")  # built once


@pytest.fixture(scope="module")
def package() -> Path:
    needs("dpkg-deb")
    built = subprocess.run([ROOT / "packaging/deb"], capture_output=True, text=True, check=True, timeout=120)
    return ROOT / built.stdout.strip()


def deb(*words: object) -> str:
    return subprocess.run(
        ["dpkg-deb", *map(str, words)], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def scripts(package: Path, to: Path) -> Path:
    deb("--control", package, to)
    return to


def test_one_package_for_every_pi(package: Path) -> None:
    fields = deb("--field", package)
    assert "Architecture: all\n" in fields
    assert "python3 (>= 3.11), python3 (<< 3.14), python3-venv" in fields
    version = re.findall("^Version: (.*)", fields, re.M)[0]
    assert version.startswith(re.findall('^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)[0])
    assert "@" not in fields.replace("@localhost", "")


def test_the_package_holds_program_lock_units_documents_and_the_example(package: Path) -> None:
    files = {line.split()[-1][1:] for line in deb("--contents", package).splitlines() if line[0] == "-"}
    units = {f"/usr/lib/systemd/system/{p.name}" for p in (ROOT / "systemd").glob("*.[stm]*[er]") if p.suffix}
    assert {unit for unit in units if unit.endswith((".service", ".timer", ".mount"))} <= files
    documents = {f"/usr/share/doc/hallqueue/docs/{p.name}" for p in (ROOT / "docs").glob("*.md")}
    assert documents <= files
    assert files >= {
        "/usr/bin/hallqueue",
        "/usr/lib/hallqueue/requirements.lock",
        "/usr/lib/udev/rules.d/72-hallqueue.rules",
        "/usr/lib/sysusers.d/hallqueue.conf",
        "/usr/lib/tmpfiles.d/hallqueue.conf",
        "/usr/share/hallqueue/longshuitang.toml",
    }
    assert [f for f in files if f.endswith(".whl")]
    assert not [f for f in files if f.startswith(("/etc/", "/var/")) or ".venv" in f or "/tests/" in f]
    assert {line.split()[1] for line in deb("--contents", package).splitlines()} == {"root/root"}


def test_the_same_commit_makes_the_same_bytes(package: Path, tmp_path: Path) -> None:
    shutil.copy(package, tmp_path / "before.deb")
    subprocess.run([ROOT / "packaging/deb"], check=True, capture_output=True, timeout=120)
    assert package.read_bytes() == (tmp_path / "before.deb").read_bytes()


def test_its_scripts_are_complete_and_clean(package: Path, tmp_path: Path) -> None:
    found = sorted(scripts(package, tmp_path / "c").glob("p*"))
    assert [script.name for script in found] == ["postinst", "postrm", "preinst", "prerm"]
    for script in found:
        assert "@" not in re.sub(r'kiosk@|"\$@"', "", script.read_text()), script
        subprocess.run(["sh", "-n", script], check=True)
        subprocess.run([needs("shellcheck"), script], check=True, timeout=60)


def preinst(package: Path, tmp_path: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """What the package says to a machine whose journal is in `data`, before it replaces anything."""
    script = scripts(package, tmp_path / "c") / "preinst"
    script.write_text(script.read_text().replace("/var/lib/hallqueue", str(data)))
    return subprocess.run([script, "upgrade", "99.0"], capture_output=True, text=True, timeout=60)


@pytest.fixture
def data(start_hall: Callable[..., Hall]) -> Path:
    """The journal of a hall of this version."""
    hall = start_hall()
    assert hall.take() == "A001"
    hall.stop()
    return hall.folder


def test_it_installs_over_its_own_journal(package: Path, tmp_path: Path, data: Path) -> None:
    done = preinst(package, tmp_path, data)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        (
            "INSERT INTO journal SELECT max(seq) + 1, time, 'TicketEaten', '{\"at\":1}', '' FROM journal",
            "TicketEaten",
        ),
        (
            "INSERT INTO journal SELECT max(seq) + 1, time, 'DayClosed', '{\"rain\":1}', '' FROM journal",
            "DayClosed.rain",
        ),
        ("PRAGMA user_version = 99", "user_version 99"),
    ],
)
def test_a_version_that_could_not_read_the_journal_refuses_before_anything_is_replaced(
    package: Path, tmp_path: Path, data: Path, sql: str, named: str
) -> None:
    with sqlite3.connect(data / "journal.db") as db:
        db.execute(sql)
    db.close()
    done = preinst(package, tmp_path, data)
    assert done.returncode == 1
    chinese, english = done.stderr.splitlines()
    assert "不能降级" in chinese
    assert "cannot go back" in english
    assert named in chinese
    assert named in english


def test_it_knows_every_event_that_can_be_in_a_journal(package: Path, tmp_path: Path) -> None:
    told = re.findall(r"json.loads\('(.*)'\)", (scripts(package, tmp_path / "c") / "preinst").read_text())[0]
    known = json.loads(told)
    assert known["TicketIssued"] == sorted(TicketIssued.__dataclass_fields__)
    assert set(known) >= {"PlanLoaded", "DayOpened", "TicketCalled", "YearOpened"}
