"""A daemon that dies again and again, and what people were told by it: an answer, a paper, a sign."""

import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import cast

from conftest import needs
from daemon import Daemon, outside
from judge import judge
from wait import until

from controller.journal.verify import verify
from drivers.sim.callunit import CallUnit
from drivers.sim.printer import Printer
from drivers.sim.sign import Sign
from drivers.sim.voice import Speaker

NUMBER = re.compile(r"[A-D]\d{3}")
AGAIN = "补打"


class Ordeal:
    """A hall whose printer, call units and signs live on in this process when its daemon dies."""

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.twin, self.file = outside(folder)
        # Printed as characters, so that the papers can be read here.
        self.file.write_text(self.file.read_text().replace("width = 576", 'mode = "text"'))
        self.data = data or folder / "data"
        self.told: dict[str, str] = {}  # the numbers that were a visitor's answer, by his press
        self.called: set[str] = set()  # numbers that stood on the sign
        self.papers: list[str] = []  # each page that was begun
        self.visits, self.press = 0, "visitor 0"
        self.printer = cast(Printer, self.twin.machines["printer"])
        self.sign = cast(Sign, self.twin.machines["sign1"])
        self.voice = cast(Speaker, self.twin.machines["voice"])
        self.unit = cast(CallUnit, self.twin.machines["unit1"])

    def fault(self, calls: str, what: str, thread: str = "") -> "Tracer":
        """Until its `end` these system calls of a thread, of the engine's if none is said, end so."""
        thread = thread or self.threads()[2]
        return Tracer("-e", f"trace={calls}", "-e", f"inject={calls}:{what}", "-p", thread)

    def threads(self) -> list[str]:
        """The daemon's threads, in the order of their start, which is the same in every life."""
        return sorted(
            (task.name for task in Path(f"/proc/{self.daemon.process.pid}/task").iterdir()), key=int
        )

    def live(self) -> Daemon:
        """Start the daemon. Who had no answer presses again, what may be on paper or not is printed again;
        two wait, a clerk is at window 1."""
        self.unit.lamps[:3] = dazzling = [True, True, True]
        self.daemon = Daemon(self.file, self.data)
        until(self.answered)
        # Before it has a lamp again, nobody listens to a key; and none is down from the life before.
        until(lambda: self.unit.lamps[:3] != dazzling and not self.unit.taps)
        while not self.daemon.get("/api/v1/hall")["windows"]:
            self.twin.press("unit1", "next")  # a machine that is very busy may miss a press
            with suppress(AssertionError):
                until(lambda: self.daemon.get("/api/v1/hall")["windows"], 10)
        while self.daemon.get("/api/v1/hall")["waiting"][0]["count"] < 2:
            self.visit()
        self.wait(self.settled)
        self.check()
        for number, press in self.offered():
            self.daemon.ask(f"tickets/{number}/reprint", press=press)
        self.wait(self.settled)
        return self.daemon

    def answered(self) -> bool:
        answer = self.daemon.ask("tickets", service="A", press=self.press)
        if answer.get("error") == "kiosk_closed":  # the printer is not there yet: that press is over
            self.visits += 1
            self.press = f"visitor {self.visits}"
        events = answer.get("events")
        for event in events or ():
            if event["event"] == "TicketIssued":
                assert self.press not in self.told, f"lost: {self.told[self.press]}"
                self.told[self.press] = event["ticket"]
        return events is not None  # none of them: the press was heard in the life before

    def visit(self) -> None:
        self.visits += 1
        self.press = f"visitor {self.visits}"
        until(self.answered)

    def presses(self) -> None:
        """A ticket, its paper, a second paper, a call that is heard. Raises OSError when the daemon dies."""
        self.visit()
        self.wait(self.settled)
        number = self.column("body->>'ticket'", "TicketIssued")[-1]
        self.daemon.ask(f"tickets/{number}/reprint", press=f"{self.press} again")
        self.wait(self.settled)
        before = self.shown()
        self.voice.spoken.clear()

        def called() -> bool:
            # Once more: soon after a call of the life before it passes for a slip.
            if not self.unit.taps and not self.shown() - before:
                self.twin.press("unit1", "next")
            return bool(self.shown() - before)

        self.wait(called)
        self.wait(lambda: self.voice.spoken)

    def dies(self) -> bool:
        """Press until somebody else kills the daemon, for one visit at most; was it killed?"""
        try:
            self.presses()
        except OSError:
            return True
        finally:
            self.daemon.kill()
        return False

    def wait(self, fact: Callable[[], object]) -> None:
        until(lambda: self.daemon.process.poll() is not None or fact())
        if self.daemon.process.poll() is not None:
            raise ConnectionError("it died")

    def shown(self) -> set[str]:
        return set(NUMBER.findall(self.sign.text))

    def settled(self) -> bool:
        """The printer has had its last word on every paper."""
        kinds = ("TicketIssued", "TicketReprinted", "TicketPrinted")
        rows = self.column("(body->>'ticket') || ' ' || coalesce(body->>'answer', 'printing')", *kinds)
        last = dict(row.split() for row in rows)
        return not {"printing", "pending"} & set(last.values())

    def offered(self) -> list[tuple[str, str]]:
        """The tickets that the status page offers to print again, and the press id of each button."""
        form = r'name="ticket" value="(\w+)">\s*<input type="hidden" name="press" value="(.*?)"'
        return re.findall(form, self.daemon.page("/"))

    def column(self, what: str, *kinds: str) -> list[str]:
        """`what` of the journal's rows of these kinds, in order."""
        with closing(sqlite3.connect(f"file:{self.data / 'journal.db'}?mode=ro", uri=True)) as db:
            marks = ", ".join("?" * len(kinds))
            rows = db.execute(f"SELECT {what} FROM journal WHERE kind IN ({marks}) ORDER BY seq", kinds)
            return [value for (value,) in rows]

    def check(self) -> None:
        """After a start: nothing that anybody was told is lost, nothing was given or printed twice."""
        issued = self.column("body->>'ticket'", "TicketIssued")
        assert len(issued) == len(set(issued)), "a number was given twice"
        lost = self.told.items() - set(
            zip(self.column("body->>'press'", "TicketIssued"), issued, strict=True)
        )
        assert not lost, f"lost: {lost}"
        self.called |= self.shown()
        assert self.called <= set(self.column("body->>'ticket'", "TicketCalled")), "a call was lost"
        pieces, self.printer.texts = self.printer.texts, []
        self.papers += [page for piece in pieces for page in re.split(r"(?=泷水塘)", piece) if page]
        there: set[str] = set()
        for page in self.papers:
            for number in NUMBER.findall(page):
                assert number in issued, f"{number} is on paper only"
                assert number not in there or AGAIN in page, f"{number} was printed twice, unmarked"
                there.add(number)
        offered = {number for number, _ in self.offered()}
        assert set(issued) - there <= offered, "no paper, and nobody is told"
        assert verify(self.data / "journal.db")[1] == 0
        judge(self.data / "journal.db", {"1": ("A", "D")})

    def sum(self) -> str:
        again = sum(AGAIN in page for page in self.papers)
        return f"{len(self.told)} tickets told, {len(self.papers)} pages begun, {again} marked {AGAIN}"

    def close(self) -> None:
        daemon = getattr(self, "daemon", None)
        if daemon and daemon.process.poll() is None:
            daemon.kill()
        self.twin.close()

    def end(self) -> None:
        """A last life in which all is printed that may be missing."""
        self.live()
        self.presses()
        self.check()
        assert not self.offered(), "all is on paper"
        assert self.daemon.stop() == 0


class Tracer:
    """strace on a running daemon, until `end` or the daemon's."""

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [needs("strace"), *options], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert self._process.stderr
        assert "attached" in self._process.stderr.readline()

    def end(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=60)
