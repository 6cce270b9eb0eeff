"""The support bundle: all that a helper needs, whatever is broken, and nothing that is nobody's business."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from conftest import EXAMPLE, MONDAY, ROOT, Hall

from controller.hall.commands import CutOff
from controller.journal.store import read


def packed(file: Path, data: Path, port: int = 1, lacking: bool = False) -> dict[str, str]:
    """What `hallqueue bundle` writes, by name. `lacking`: does it say that the journal is not in it?"""
    program = [sys.executable, "-m", "controller.app.cli", "bundle", str(file)]
    done = subprocess.run(
        [*program, "--data", str(data), "--port", str(port)],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "LANG": "zh_CN.UTF-8"},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert "没有口令、PIN、群众的链接" in done.stderr.decode()
    assert ("缺 journal.jsonl" in done.stderr.decode()) is lacking
    with zipfile.ZipFile(io.BytesIO(done.stdout)) as found:
        return {name: found.read(name).decode() for name in found.namelist()}


def test_a_running_hall_tells_all_but_what_is_private(hall: Hall) -> None:
    text = EXAMPLE.read_text() + '\n[web]\nlink = "http://admin:hunter2@192.168.1.5:8080"\n'
    text += "# url = \"exec:curl -H 'Authorization: Bearer abc123' http://192.168.1.9/say\"\n"
    (hall.folder / "hall.toml").write_text(text)
    number = hall.take("A")
    hall.call("1")
    hall.ask("tickets", service="B", reason="王小明 13800138000 走错了")
    hall.house.engine.submit(CutOff("A", MONDAY, actor="forecast")).result()
    hall.ask("hall/lift-cut-off", service="A", reason="李四")
    found = packed(hall.folder / "hall.toml", hall.folder, int(hall.url.rpartition(":")[2]))
    rows = [json.loads(line) for line in found["journal.jsonl"].splitlines()]
    assert [row["kind"] for row in rows] == [
        type(event).__name__ for _, event in read(hall.folder / "journal.db")
    ]
    assert any(row["kind"] == "TicketCalled" and row["ticket"] == number for row in rows)
    assert {row["clerk"] for row in rows if row["kind"] == "ClerkSignedIn"} == {"clerk-1"}
    assert 'clerk = "clerk-1"' in found["hall.toml"], "the same name everywhere"
    assert 'hallqueue_device_up{device="printer"' in found["devices.txt"]
    assert "unit1" in found["status.html"]
    assert "hallqueue" in found["about.txt"]
    links = list(hall.state.links)
    assert links
    for secret in ("王小明", "13800138000", "李四", "hunter2", "abc123", "1001", "$argon2", *links):
        for name, said in found.items():
            assert secret not in said, (name, secret)


def test_of_a_hall_that_does_not_run_the_doctor_tells(tmp_path: Path) -> None:
    found = packed(EXAMPLE, tmp_path / "data", lacking=True)
    assert "✘ sign1: 连不上" in found["devices.txt"]
    assert "[device.printer]" in found["hall.toml"]


def test_it_comes_even_if_settings_and_journal_are_broken(tmp_path: Path) -> None:
    (tmp_path / "hall.toml").write_bytes(b"[hall\xff\n")
    (tmp_path / "journal.db").write_bytes(b"no journal at all, " * 99)
    found = packed(tmp_path / "hall.toml", tmp_path, lacking=True)
    assert "[hall" in found["hall.toml"]
    assert "not a database" in found["journal.jsonl"]
    assert "UTF-8" in found["devices.txt"]
