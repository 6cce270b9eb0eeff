"""emupos, a printer simulator that is not ours: it prints our tickets, and its faults are noticed."""

import io
import json
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import zxingcpp
from conftest import ROOT
from PIL import Image
from wait import until

from display.paper import ticket
from drivers.base.paper import Line
from drivers.base.port import Port
from drivers.printer_escpos import Driver

EMUPOS = ROOT / ".venv-judge" / "bin" / "emupos"
LINES = (
    *(Line("泷水塘社区为民服务中心"), Line("A001", 4), Line("社保 Social insurance", 2)),
    *(Line("在 1、3 号窗口办理，请等候叫号"), Line("前面还有 2 人", 2)),
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Emupos:
    """One printer behind a TCP port, and its control API."""

    def __init__(self, folder: Path, profile: str) -> None:
        self.port, api = free_port(), free_port()
        self._url = f"http://127.0.0.1:{api}/api/v1"
        config = {
            "schema": 1,
            "api": {"host": "127.0.0.1", "port": api},
            "devices": [
                {
                    **{"id": "front", "type": "printer", "profile": profile},
                    "connections": [{"tcp": {"host": "127.0.0.1", "port": self.port}}],
                    "receipts_dir": str(folder / "receipts"),
                }
            ],
        }
        (folder / "emupos.yaml").write_text(json.dumps(config))  # JSON is YAML
        command = [EMUPOS, "run", "--config", folder / "emupos.yaml"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self._up, 30)

    def _up(self) -> bool:
        try:
            return bool(self.get("/health"))
        except OSError:
            return False

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self._url + path) as answer:
            return bytes(answer.read())

    def fault(self, name: str, there: bool) -> None:
        method = "PUT" if there else "DELETE"
        url = f"{self._url}/devices/front/faults/{name}"
        urllib.request.urlopen(urllib.request.Request(url, method=method)).close()

    def receipts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.get("/devices/front/receipts"))
        return found

    def receipt(self, part: str) -> bytes:
        return self.get(f"/devices/front/receipts/{self.receipts()[0]['id']}/{part}")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture(params=["epson-tm-t20iii", "xprinter-xp80t", "rongta-rp326"])
def emupos(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Emupos]:
    emupos = Emupos(tmp_path, request.param)
    yield emupos
    emupos.stop()


@pytest.fixture(params=["text", "raster"])
def printer(request: pytest.FixtureRequest, emupos: Emupos) -> Iterator[Driver]:
    mode: Literal["text", "raster"] = request.param
    printer = Driver("printer", mode=mode, every=0.1, patience=3.0)
    port = Port(f"socket://127.0.0.1:{emupos.port}", 9600, [printer], 0.1)
    port.start()
    until(lambda: printer.health.state == "up", 20)
    yield printer
    port.stop()


def send(printer: Driver, content: tuple[Line, ...] = LINES) -> list[str]:
    answers: list[str] = []
    printer.print(lambda: ticket.page(content, 576, printer.mode, printer.encoding), answers.append)
    return answers


def test_our_ticket_comes_out_as_it_was_meant(printer: Driver, emupos: Emupos) -> None:
    before = len(emupos.receipts())
    answers = send(printer)
    until(lambda: answers == ["confirmed"], 20)
    assert len(emupos.receipts()) == before + 1
    if printer.mode == "text":
        # It has no Chinese mode, but keeps every byte (devices.md §10.1).
        said = emupos.receipt("text").decode().encode("cp437").decode("gb18030")
        assert [line.strip() for line in said.split("\n") if line.strip()] == [line.text for line in LINES]
    else:
        paper = Image.open(io.BytesIO(emupos.receipt("image"))).convert("1")
        wanted = ticket.picture(LINES, 576)
        rows = range(paper.height - wanted.height + 1)
        cut = [paper.crop((0, y, 576, y + wanted.height)).tobytes() == wanted.tobytes() for y in rows]
        assert sum(cut) == 1, "dot for dot, once"


def test_the_code_of_a_ticket_can_be_read(printer: Driver, emupos: Emupos) -> None:
    link = "http://192.168.1.5:8080/t/" + "k" * 22
    answers = send(printer, (Line("A001", 4), Line(link, qr=True), Line("扫码看进度")))
    until(lambda: answers == ["confirmed"], 20)
    paper = Image.open(io.BytesIO(emupos.receipt("image"))).convert("L")
    assert [code.text for code in zxingcpp.read_barcodes(paper)] == [link]


@pytest.mark.parametrize(
    ("fault", "code"), [("paper-out", "paper_out"), ("cover-open", "cover_open"), ("offline", "offline")]
)
def test_its_faults_are_noticed_and_the_ticket_comes_once(
    printer: Driver, emupos: Emupos, fault: str, code: str
) -> None:
    before = len(emupos.receipts())
    emupos.fault(fault, True)
    until(lambda: (printer.health.state, printer.health.code) == ("down", code), 20)
    answers = send(printer)
    until(lambda: answers == ["pending"], 20)
    emupos.fault(fault, False)
    until(lambda: answers == ["pending", "confirmed"], 20)
    assert printer.health.state == "up"
    assert len(emupos.receipts()) == before + 1


def test_near_end_is_a_warning_and_prints(printer: Driver, emupos: Emupos) -> None:
    emupos.fault("paper-near-end", True)
    until(lambda: (printer.health.state, printer.health.code) == ("degraded", "near_end"), 20)
    answers = send(printer)
    until(lambda: answers == ["confirmed"], 20)
