"""The real daemon as a child process, with its devices outside it: paper and signs survive it."""

import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from conftest import EXAMPLE, MONDAY, TECHNICIAN, sign_in
from wait import until

from controller.app.running import SIMULATED
from controller.journal.people import People
from controller.runtime.clock import FakeClock
from controller.settings.reader import parse
from controller.settings.schema import Settings
from controller.simulated.simulation import Simulation
from drivers.base.load import load

ALWAYS = "\n".join(f'{day} = ["0:00-23:59"]' for day in ("saturday", "sunday"))


def outside(tmp_path: Path) -> tuple[Simulation, Path]:
    """The example's machines in this process, and a hall.toml whose urls lead to them.

    Open at any hour, and without the ticket buttons: GPIO pins cannot be outside.
    """
    text = re.sub(r'\["8:00-11:30", "14:30-17:30"\]', '["0:00-23:59"]', EXAMPLE.read_text())
    text = text.replace("\n# 法定", f"\n{ALWAYS}\n# 法定").replace("\n# 业务", "national = false\n\n# 业务")
    text = re.sub(r"\[device\.buttons\](.|\n)*?\n\n", "", text)
    plan: Settings = parse(text.encode(), load)
    (wires := tmp_path / "wires").mkdir()
    twin = Simulation(plan, wires, FakeClock(MONDAY))
    for name, device in twin.plan.device.items():
        stanza = re.search(rf"\[device\.{name}\](.|\n)*?url = \"(.*?)\"", text)
        assert stanza
        start, end = stanza.span(2)
        text = text[:start] + device.url + text[end:]
    (file := tmp_path / "hall.toml").write_text(text)
    return twin, file


def free() -> int:
    """A port that nobody has, nor is given to who asks for any: a hundred daemons start beside each other."""
    while True:
        with (
            suppress(OSError),
            socket.create_server(("127.0.0.1", 10_000 + secrets.randbelow(20_000))) as found,
        ):
            return int(found.getsockname()[1])


class Daemon:
    """`hallqueue run` on `file`, or another verb; killed or stopped by the test."""

    def __init__(
        self, file: Path, data: Path, *before: str, verb: str = "run", port: int = 0, bind: str = "127.0.0.1"
    ) -> None:
        self.port = port or free()
        program = [sys.executable, "-m", "controller.app.cli", verb, str(file)]
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self.cookie = ""
        if People(data).fresh:
            (data / "people.json").write_text(json.dumps({"technician": TECHNICIAN}))
        self.process = subprocess.Popen(
            [*before, *program, "--data", str(data), "--port", str(self.port), "--bind", bind],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "LANG": "en_US.UTF-8", "MALLOC_ARENA_MAX": "2"},  # as its unit says
        )
        until(self.answers)

    def answers(self) -> bool:
        if self.process.poll() is not None:
            assert self.process.stderr
            raise AssertionError(self.process.stderr.read())
        try:
            return bool(self.get("/health")["ok"])
        except urllib.error.HTTPError as safe:
            return safe.code == 503
        except OSError:  # nobody is there yet, or the machine is busy
            return False

    def get(self, path: str) -> Any:
        return json.loads(self._fetch(path))

    def page(self, path: str) -> str:
        """A page as the technician sees it."""
        return self._fetch(path, headers={"Cookie": self._key()}).decode()

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """POST as the technician. Raises OSError when the daemon dies in the middle."""
        headers = {"Content-Type": "application/json", "Cookie": self._key()}
        try:
            return dict(json.loads(self._fetch(f"/api/v1/{path}", json.dumps(body).encode(), headers)))
        except urllib.error.HTTPError as refused:
            told = dict(json.loads(_whole(refused)))
        assert told["error"] != "no_page", path
        return told

    def _key(self) -> str:
        self.cookie = self.cookie or sign_in(f"http://127.0.0.1:{self.port}", SIMULATED)
        return self.cookie

    def _fetch(
        self, path: str, data: bytes | None = None, headers: Mapping[str, str] = {}, timeout: float = 60
    ) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, dict(headers))
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return _whole(answer)

    def take(self) -> str:
        """Take a ticket as soon as the printer is well; its number. `press` is what gave it."""

        def asked() -> str:
            self.press = uuid.uuid4().hex
            events = self.ask("tickets", service="A", press=self.press).get("events", [])
            return next((e["ticket"] for e in events if e["event"] == "TicketIssued"), "")

        return until(asked)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stderr
        self.process.stderr.close()

    def stop(self) -> int:
        """Stop it as systemd does; what it had said is in `said`."""
        self.process.terminate()
        _, self.said = self.process.communicate(timeout=60)
        return self.process.returncode


def _whole(answer: Any) -> bytes:
    try:
        return bytes(answer.read())
    except http.client.IncompleteRead as torn:
        raise ConnectionError("it died in the middle of its answer") from torn
