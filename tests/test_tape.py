"""A field recording, made and played through the real command line and the real drivers."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import EXAMPLE, ROOT
from daemon import outside
from test_cli import hallqueue
from wait import until


def recorded(file: Path) -> list[dict[str, object]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Unit 2 of the hall: pressed once, deaf for a while, garbled for a while, and well again."""
    twin, hall = outside(tmp_path)
    file = tmp_path / "trouble.jsonl"
    with file.open("w") as output:
        command = [sys.executable, "-m", "controller.app.cli", "record", str(hall), "unit2"]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)

    def told(*health: str) -> bool:
        return [*health] in [entry.get("health") for entry in recorded(file)[-40:]]

    try:
        until(lambda: told("up", "", ""))
        twin.press("unit2", "next")
        until(lambda: any("press" in entry for entry in recorded(file)))
        for knob, code in (("deaf", "silent"), ("garbled", "garbled")):
            twin.turn("unit2", knob, 1)
            until(lambda c=code: told("down", c, ""))  # type: ignore[misc]
            twin.turn("unit2", knob, 0)
            until(lambda: recorded(file)[-1].get("health") or told("up", "", ""))
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        twin.close()
    return file


def test_a_recording_plays_and_a_changed_driver_is_found(recording: Path, tmp_path: Path) -> None:
    done = hallqueue("replay", recording)
    assert done.returncode == 0, done.stdout
    assert "✔ ['press', ['next', '']]" in done.stdout
    assert "✔ ['health', ['down', 'silent', '']]" in done.stdout
    about, *rest = recording.read_text().splitlines()
    other = json.loads(about)
    other["options"]["keys"] = ["recall", "next"]  # as if the driver gave another meaning to the key
    (tmp_path / "other.jsonl").write_text("\n".join([json.dumps(other), *rest]) + "\n")
    done = hallqueue("replay", tmp_path / "other.jsonl")
    assert done.returncode == 1
    assert "does not behave" in done.stdout


def test_what_is_no_recording_is_told_in_one_line(tmp_path: Path) -> None:
    for text in (
        "",
        "not json",
        "[]",
        '{"driver": "sign_onbon"}',
        '{"driver": 1, "baudrate": 2, "device": 3}',
    ):
        (tmp_path / "x.jsonl").write_text(text)
        done = hallqueue("replay", tmp_path / "x.jsonl")
        assert done.returncode == 2, text
        assert "is no file of hallqueue record" in done.stderr
        assert "Traceback" not in done.stderr


def test_an_unknown_device_is_told_with_the_names_there_are(tmp_path: Path) -> None:
    done = hallqueue("record", EXAMPLE, "unit9")
    assert (done.returncode, "unit1" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "file", sorted((ROOT / "tests" / "recordings").glob("*.jsonl")), ids=lambda f: f.stem
)
def test_every_recording_of_a_sites_trouble_still_plays(file: Path) -> None:
    done = hallqueue("replay", file)
    assert done.returncode == 0, done.stdout
