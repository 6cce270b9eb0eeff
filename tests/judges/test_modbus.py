"""pymodbus on the other end: its server before our master, its client before our unit machine."""

import json
import os
import pty
import select
import socket
import struct
import subprocess
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from drivers.base.device import DeviceFault
from drivers.base.link import Link
from drivers.parts.modbus import (
    READ_COILS,
    READ_COUNTERS,
    READ_HOLDING,
    READ_INPUTS,
    WRITE_COIL,
    WRITE_COILS,
    WRITE_REGISTERS,
    Master,
)
from drivers.sim.callunit import CallUnit
from drivers.sim.wire import Wire

PYTHON = ROOT / ".venv-judge" / "bin" / "python"
HERE = Path(__file__).parent


class Cable:
    """Two serial ports whose bytes go over to each other."""

    def __init__(self) -> None:
        pairs = [pty.openpty() for _ in range(2)]
        self.ends = [os.ttyname(slave) for _, slave in pairs]
        self._masters = [master for master, _ in pairs]
        for pair in pairs:
            for end in pair:
                tty.setraw(end)
        threading.Thread(target=self._carry, daemon=True).start()

    def _carry(self) -> None:
        while True:
            for end in select.select(self._masters, [], [])[0]:
                os.write(self._masters[end == self._masters[0]], os.read(end, 4096))


@pytest.fixture(params=["tcp", "rtu"])
def ours(request: pytest.FixtureRequest) -> Iterator[tuple[Link, Master]]:
    """Our master with pymodbus's server on the other end."""
    if request.param == "tcp":
        with socket.create_server(("127.0.0.1", 0)) as free:
            place = str(free.getsockname()[1])
        url = f"socket://127.0.0.1:{place}"
    else:
        place, url = Cable().ends
    command = [PYTHON, HERE / "pymodbus_server.py", request.param, place]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    assert server.stdout.readline() == "ready\n"
    link = Link(url, 115200)
    yield link, Master(3, 2.0, request.param)
    link.close()
    server.kill()
    server.wait()
    server.stdout.close()


def test_a_pymodbus_server_understands_our_master(ours: tuple[Link, Master]) -> None:
    link, unit = ours

    def ask(function: int, start: int, count: int, size: int, more: bytes = b"") -> bytes:
        return unit.exchange(link, function, struct.pack(">HH", start, count) + more, size)

    assert ask(READ_INPUTS, 0, 8, 2) == b"\x01\x66"
    assert ask(READ_COUNTERS, 4, 3, 7) == struct.pack(">B3H", 6, 104, 105, 106)
    assert ask(WRITE_COIL, 2, 0xFF00, 4) == b"\x00\x02\xff\x00"
    assert ask(WRITE_COILS, 4, 3, 4, b"\x01\x05") == b"\x00\x04\x00\x03"
    assert ask(READ_COILS, 0, 8, 2) == b"\x01\x54"
    assert ask(WRITE_REGISTERS, 3, 2, 4, b"\x04\x12\x34\xab\xcd") == b"\x00\x03\x00\x02"
    assert ask(READ_HOLDING, 3, 2, 5) == b"\x04\x12\x34\xab\xcd"
    with pytest.raises(DeviceFault) as refused:
        ask(READ_HOLDING, 90, 2, 5)
    assert refused.value.code == "refused"
    assert ask(READ_INPUTS, 0, 8, 2) == b"\x01\x66", "after a refusal it goes on"


@pytest.mark.parametrize("kind", ["tcp", "rtu"])
def test_a_pymodbus_client_understands_our_unit(tmp_path: Path, kind: str) -> None:
    unit = CallUnit(1, kind == "tcp")
    unit.press(2)
    wire = Wire(None if kind == "tcp" else tmp_path / "bus", unit, CallUnit(2, kind == "tcp"))
    command = [PYTHON, HERE / "pymodbus_client.py", kind, wire.url.rpartition(":")[2]]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
    wire.unplug()
    assert said["inputs"] == [False, False, True, False, False, False, False, False]
    assert said["counters"] == [0, 0, 1, 0, 0, 0, 0, 0]
    assert said["one coil"]
    assert said["coils"]
    assert said["lamps"] == unit.lamps == [False, True, True, False, True, False, False, False]
    assert (said["too far"], said["unknown function"]) == (2, 1)
