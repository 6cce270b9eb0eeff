"""What a helper from afar needs to see: settings, journal, devices, logs. No secret, nobody's name."""

import json
import platform
import re
import shutil
import sqlite3
import subprocess
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, BinaryIO

from controller.journal.files import reading
from controller.journal.people import People

ROWS = 3000  # of the journal: a day of a big hall
LINES = 5000  # of the log
# What is said behind such a word to a command, as in exec:curl -H "Authorization: Bearer ..."
_SECRET = re.compile(r"((?:bearer|basic|token|passw\w*|secret|api.?key)[ =:]+)[^\s\"']+", re.I)
PRIVATE = "link", "links", "text"  # of an event: what opens a visitor's page; all of hall.toml


def write(file: BinaryIO, text: str, data: Path, url: str, findings: Callable[[], str]) -> dict[str, str]:
    """Zip it all into `file`; the names of what is in there, with the reason where it could not be had, which
    is then in its place. `text`: of hall.toml, be it broken; `url`: of this hall's pages, if it is running;
    `findings`: what the doctor says, asked when it is not."""
    hide, journal = hider(text, data), data / "journal.db"
    makers: dict[str, Callable[[], str]] = {
        "about.txt": about,
        "hall.toml": lambda: text,
        "journal.jsonl": lambda: "".join(f"{line}\n" for line in tail(journal)),
        "devices.txt": lambda: asked(f"{url}/metrics") or findings(),
        "status.html": lambda: asked(f"{url}/"),  # what happened to every device, in words
        "log.txt": logs,
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        lacking = dict.fromkeys(makers, "")
        for name, make in makers.items():
            try:
                packed.writestr(name, hide(make()))
            except (OSError, sqlite3.Error, ValueError) as error:
                lacking[name] = str(error)
                packed.writestr(name, str(error))
    return lacking


def about() -> str:
    """This machine and every package with its version."""
    versions = sorted(f"{one.name} {one.version}" for one in distributions())
    return "\n".join([platform.platform(), f"Python {platform.python_version()}", *versions, ""])


def asked(url: str) -> str:
    """A page of the running hall; empty if none is running."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def logs() -> str:
    program = shutil.which("journalctl") or "journalctl"
    command = [program, "--unit=hallqueue*", f"--lines={LINES}", "--no-pager", "--output=short-iso"]
    log = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return log.stdout + log.stderr


def hider(text: str, data: Path) -> Callable[[str], str]:
    """Takes clerks' numbers (工号) out of a text, each in the same way, and passwords out of addresses."""
    known = {*re.findall(r'^\s*clerk *= *"([^"]+)"', text, re.M), *People(data).clerks}
    try:
        with closing(reading(data / "journal.db")) as db:
            known |= {
                clerk for (clerk,) in db.execute("SELECT DISTINCT body->>'clerk' FROM journal") if clerk
            }
    except sqlite3.Error:
        pass  # there is no journal from which a number could come
    names = {clerk: f"clerk-{n}" for n, clerk in enumerate(sorted(known), 1)}
    found = re.compile(rf"(?<![\w.:-])({'|'.join(map(re.escape, names)) or '(?!)'})(?![\w.:-])")

    def hide(said: str) -> str:
        said = re.sub(r"//[^/@\s\"]+@", "//...@", found.sub(lambda match: names[match[1]], said))
        return _SECRET.sub(r"\1...", said)

    return hide


def tail(path: Path) -> Iterator[str]:
    """The journal's newest rows as JSON; without what is private, nor what somebody wrote himself."""
    with closing(reading(path)) as db:
        newest = f"SELECT seq, time, kind, body FROM journal ORDER BY seq DESC LIMIT {ROWS}"
        for seq, time, kind, text in reversed(db.execute(newest).fetchall()):
            body: dict[str, Any] = json.loads(text)
            kept = {name: value for name, value in body.items() if name not in PRIVATE}
            if not re.fullmatch(r"[a-z_]*", kept.get("reason", "")):
                kept["reason"] = "..."
            yield json.dumps({"seq": seq, "time": time, "kind": kind, **kept}, ensure_ascii=False)
