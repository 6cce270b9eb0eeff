"""docs/drivers.md holds: its driver, built and installed as a package of its own, drives a sign."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import EXAMPLE, ROOT
from wait import until

from controller.runtime.ports import build, ports
from controller.settings.reader import Mistakes, parse
from drivers.base.load import load
from drivers.parts.frame import Frame, profile
from drivers.sim.wire import Machine, Wire


class Beacon(Machine):
    """What the page says of this fictitious sign: S address text CR -> K."""

    text = ""
    heard = b""

    def feed(self, data: bytes) -> bytes:
        self.heard += data
        *frames, self.heard = self.heard.split(b"\r")
        for frame in frames:
            self.text = frame[2:].decode("gbk")
        return b"K" * len(frames)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    blocks = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / "drivers.md").read_text(), re.DOTALL)
    (code,) = [text for kind, text in blocks if kind == "python"]
    (project,) = [text for kind, text in blocks if "[project]" in text]
    package, site = tmp_path / "hallqueue-beacon", tmp_path / "site"
    package.mkdir()
    (package / "beacon.py").write_text(code)
    (package / "pyproject.toml").write_text(project)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--no-index", "--target", site, package], check=True
    )
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    return package


@pytest.mark.usefixtures("installed")
def test_a_driver_of_somebody_else_is_checked_loaded_and_driven(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(\[device.*?)```", (ROOT / "docs" / "drivers.md").read_text(), re.DOTALL)
    text = re.sub(r"\[device\.sign3\].*?(?=\n\[|$)", blocks[0], EXAMPLE.read_text(), flags=re.DOTALL)
    machine = Beacon()
    wire = Wire(tmp_path / "line", machine)
    plan = parse(text.replace("/dev/serial/by-id/usb-signs", wire.url).encode(), load)
    driver = build(plan)["sign3"]
    (port,) = ports(plan, {"sign3": driver})
    driver.show("请A001到3号窗口")  # type: ignore[attr-defined]
    port.start()
    until(lambda: machine.text == "请A001到3号窗口")
    port.stop()
    wire.unplug()
    wrong_type = blocks[0].replace("address = 3", 'address = "three"')
    with pytest.raises(Mistakes) as wrong:
        parse(text.replace(blocks[0], wrong_type).encode(), load)
    assert [(mistake.key, mistake.code) for mistake in wrong.value.found] == [
        ("device.sign3.address", "type")
    ]


@pytest.mark.parametrize("kind", ["press", "show"])
def test_the_pages_profiles_are_profiles(tmp_path: Path, kind: str) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "drivers.md").read_text(), re.DOTALL)
    (text,) = [block for block in blocks if block.startswith(kind)]
    (tmp_path / "own.toml").write_text(text)
    look = profile(str(tmp_path / "own.toml"))
    assert Frame(look[kind]).build(address=b"\1", key=b"\1", text=b"A")


def test_every_driver_and_profile_has_its_row() -> None:
    page = (ROOT / "docs" / "drivers.md").read_text()
    for file in [*(ROOT / "drivers").glob("*_*.py"), *(ROOT / "drivers" / "profiles").glob("*.toml")]:
        assert file.stem.startswith("_") or f"`{file.stem}`" in page, file
