"""A judge of a hall's days: reads only the journal's rows and knows nothing of the rules' code."""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

FINAL = ("served", "missed", "cancelled", "unserved")


@dataclass
class Visit:
    """One ticket as the judge follows it; `place`, `credit`: as published, in seconds of the day."""

    number: str
    service: str
    issued: float
    place: float
    credit: float
    test: bool
    state: str = "waiting"
    window: str = ""
    back: bool = False  # it was missed and came back: its place is a recorded one
    order: int = 0


@dataclass
class Ended:
    """A day that was closed: its last numbers, its account but for those who were left, and these."""

    day: str = ""
    last: Counter[str] = field(default_factory=Counter)
    count: Counter[str] = field(default_factory=Counter)
    left: dict[str, Visit] = field(default_factory=dict)


@dataclass
class Hall:
    """What the hall published: who serves and prefers what, and by how much (seconds)."""

    windows: dict[str, tuple[str, ...]]
    prefers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    care: float = 1200.0
    prefer: float = 600.0


def judge(path: Path, hall: Hall | dict[str, tuple[str, ...]]) -> int:
    """Assert that the journal's days were fair, whole and add up; the number of tickets seen."""
    rows = []
    for file in [*sorted(path.parent.glob(f"{path.stem}-????{path.suffix}")), path]:  # a year each
        db = sqlite3.connect(file)
        rows += db.execute("SELECT seq, time, kind, body FROM journal ORDER BY seq").fetchall()
        db.close()
    return judged(rows, hall if isinstance(hall, Hall) else Hall(hall))


def judged(rows: Sequence[tuple[int, str, str, str]], hall: Hall) -> int:
    """As `judge`, of rows: number, time, kind, body."""
    bench = _Judge(hall)
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1)), "a row is missing"
    for seq, time, kind, text in rows:
        bench.row, bench.body = f"row {seq}", json.loads(text)
        bench.tell(time)
        if heard := getattr(bench, f"on_{kind}", None):
            heard()
    return bench.tickets


class _Judge:
    def __init__(self, hall: Hall) -> None:
        self.hall, self.row, self.body = hall, "", dict[str, Any]()
        self.tickets, self.order, self.day, self.seconds, self.lost = 0, 0, "", 0.0, 0.0
        self.boot, self.mono, self.wall, self.trusted = "", 0.0, datetime.min, False
        self.visits: dict[str, Visit] = {}
        self.seen: set[tuple[str, str]] = set()
        self.presses: set[str] = set()
        self.closed, self.before = Ended(), Ended()
        self.last: Counter[str] = Counter()
        self.count: Counter[str] = Counter()
        self.at: dict[str, str] = {}
        self.staffed: dict[str, str] = {}
        self.serves: dict[str, tuple[str, ...]] = {}
        self.shut: set[str] = set()
        self.paused: set[str] = set()
        self.frozen = False

    def tell(self, time: str) -> None:
        wall, mono, boot, trusted = time.split()
        gone = float(mono) - self.mono
        if boot != self.boot:
            gone = float(mono) if self.boot else 0.0
            if self.boot and self.trusted and trusted == "yes":
                gone = max(gone, (datetime.fromisoformat(wall) - self.wall).total_seconds())
        assert gone >= 0, f"{self.row}: time went back"
        self.seconds += gone
        self.lost += gone if self.frozen else 0.0
        self.boot, self.mono, self.trusted = boot, float(mono), trusted == "yes"
        self.wall = datetime.fromisoformat(wall)

    def visit(self, *states: str) -> Visit:
        number = self.body["ticket"]
        assert number in self.visits, f"{self.row}: {number} is not in the hall"
        visit = self.visits[number]
        assert visit.state in states, f"{self.row}: {number} is {visit.state}"
        return visit

    def leave(self, visit: Visit) -> None:
        if self.at.get(visit.window) == visit.number:
            del self.at[visit.window]

    def end(self, visit: Visit, state: str) -> None:
        self.leave(visit)
        if not visit.test:
            self.count[state] += 1
        del self.visits[visit.number]

    def on_DayOpened(self) -> None:
        for told, own in ((self.body["seconds"], self.seconds), (self.body["lost"], self.lost)):
            assert abs(told - own) < 0.001, f"{self.row}: the hall's own clock says {told}, not {own}"
        kept, day = {ticket["number"] for ticket in self.body["tickets"]}, self.body["day"]
        if day < self.day:
            self.back(day, kept)
        elif day > self.day:
            told = (self.body.get("left") or {}).get("figures")  # none where the people stayed
            self.before = self.closed if told else Ended(self.day, self.last.copy())
            assert not told or {**told} == {**dict.fromkeys(told, 0), **self.closed.count}, self.row
        if not self.body["issued"]:
            self.last = Counter()
        known = self.body["windows"]
        self.serves = {name: tuple(w["services"]) for name, w in known.items() if w["services"]}
        self.shut = {name for name, w in known.items() if w["shut"]}
        self.paused = {name for name, w in known.items() if w["paused"]}
        self.staffed = {name: w["clerk"] for name, w in known.items() if w["clerk"]}
        self.at = {name: w["ticket"] for name, w in known.items() if w["ticket"]}
        if not self.body["figures"]:
            self.count = Counter()
        for number in self.visits.keys() - kept:
            visit = self.visits.pop(number)
            assert visit.test or visit.state == "missed", f"{self.row}: {number} was lost over night"
        assert kept == set(self.visits)
        self.day = day

    def back(self, day: str, kept: set[str]) -> None:
        """The clock is put right to `day`, and the later one never was: who was sent home by it is here."""
        self.seen = {(was, number) for was, number in self.seen if was != self.day}
        if day == self.before.day:
            self.last |= self.before.last
            if self.body["figures"]:
                left = {n: visit for n, visit in self.before.left.items() if n not in self.visits}
                assert left.keys() <= kept, f"{self.row}: {left.keys() - kept} was left behind"
                self.visits |= left
                self.count += self.before.count
                self.count["unserved"] += len(self.before.left) - len(left)
            self.before = Ended(day)

    def on_DayClosed(self) -> None:
        missed = sum(v.state == "missed" and not v.test for v in self.visits.values())
        self.closed = Ended(self.day, self.last.copy(), self.count + Counter(missed=missed))
        for number in self.body["unserved"]:
            assert self.visits[number].state != "missed"
            self.closed.left[number] = self.visits.pop(number)
            self.count["unserved"] += 1
        missed += self.count["missed"]
        left = {v.number for v in self.visits.values() if v.state != "missed" and not v.test}
        told = self.body["figures"]
        assert told["issued"] == self.count["issued"], f"{self.row}: {told} against {self.count}"
        assert told["missed"] == missed
        assert all(told[state] == self.count[state] for state in ("served", "cancelled", "unserved"))
        assert told["issued"] == sum(told[state] for state in FINAL) + told["open"], f"{self.row}: {told}"
        assert told["open"] == len(left)
        self.serves, self.shut, self.paused = {}, set(), set()  # what was for today only

    def on_TicketIssued(self) -> None:
        body, number, service = self.body, self.body["ticket"], self.body["service"]
        assert (self.day, number) not in self.seen, f"{self.row}: {number} issued twice on {self.day}"
        assert body["test"] or not self.frozen
        self.seen.add((self.day, number))
        assert body["press"] not in self.presses, f"{self.row}: a press gave two tickets"
        self.presses |= {body["press"]} - {""}
        credit = self.hall.care if body["care"] else 0.0
        visit = Visit(number, service, self.seconds, self.seconds, credit, body["test"])
        if not visit.test:
            self.tickets += 1
            self.count["issued"] += 1
            assert number == f"{service}{self.last[service] + 1:03}", f"{self.row}: {number} leaves a gap"
            self.last[service] += 1
        self.order += 1
        visit.order = self.order
        self.visits[number] = visit

    def on_SlipsRecorded(self) -> None:
        body = self.body
        assert body["first"] == self.last[body["service"]] + 1
        for figure in range(body["first"], body["last"] + 1):
            number = f"{body['service']}{figure:03}"
            self.seen.add((self.day, number))
            self.count["issued"] += 1
            if figure <= body["served"]:
                self.count["served"] += 1
            else:
                visit = Visit(number, body["service"], self.seconds, self.seconds, 0.0, False)
                self.order += 1
                visit.order = self.order
                self.visits[number] = visit
        self.last[body["service"]] = body["last"]

    def may_call(self, window: str, visit: Visit) -> bool:
        if visit.window in self.staffed:
            return visit.window == window
        return visit.service in (self.serves.get(window) or self.hall.windows[window])

    def key(self, window: str, visit: Visit) -> tuple[float, int]:
        prefer = self.hall.prefer if visit.service in self.hall.prefers.get(window, ()) else 0.0
        return visit.place - max(visit.credit, prefer), visit.order

    def on_TicketCalled(self) -> None:
        window, visit = self.body["window"], self.visit("waiting")
        assert self.staffed.keys() - self.paused >= {window}, f"{self.row}: nobody is at {window}"
        assert window not in self.at, f"{self.row}: window {window} has {self.at.get(window)}"
        assert not self.frozen
        assert visit.test or self.may_call(window, visit), f"{self.row}: {visit.number} is not for {window}"
        line = [v for v in self.visits.values() if v.state == "waiting" and not v.test]
        line = [v for v in line if v is not visit and self.may_call(window, v)]
        if self.body["reason"]:
            assert self.body["actor"], f"{self.row}: nobody answers for this call"
        else:
            assert not visit.test
            for other in line:
                first = self.key(window, visit) <= self.key(window, other)
                assert first, f"{self.row}: {other.number} came before {visit.number}"
                if other.service == visit.service and not (other.back or visit.back):
                    late = visit.issued - other.issued
                    assert late <= max(self.hall.care, self.hall.prefer), f"{self.row}: beyond the bound"
        visit.state, visit.window = "called", window
        self.at[window] = visit.number

    def on_TicketRecalled(self) -> None:
        assert self.at[self.body["window"]] == self.visit("called", "serving").number

    def on_TicketStarted(self) -> None:
        self.visit("called").state = "serving"

    def on_TicketCompleted(self) -> None:
        self.end(self.visit("called", "serving"), "served")

    def on_TicketCancelled(self) -> None:
        self.end(self.visit("waiting", "called", "held", "parked"), "cancelled")

    def on_TicketsUnserved(self) -> None:
        for number in self.body["tickets"]:
            self.body["ticket"] = number
            self.end(self.visit("waiting"), "unserved")

    def put(self, visit: Visit, state: str, window: str = "") -> None:
        self.leave(visit)
        visit.state, visit.window = state, window

    def on_TicketMissed(self) -> None:
        self.put(self.visit("called"), "missed")

    def on_TicketHeld(self) -> None:
        self.put(self.visit("called", "serving"), "held", self.body["window"])

    def on_TicketParked(self) -> None:
        self.put(self.visit("waiting", "called", "serving", "held"), "parked")

    def on_TicketReleased(self) -> None:
        self.put(self.visit("held", "parked"), "waiting")

    def on_TicketTransferred(self) -> None:
        visit = self.visit("waiting", "called", "serving", "held", "parked")
        self.put(visit, "waiting", self.body["to"])
        visit.service = self.body["service"]

    def on_TicketReinstated(self) -> None:
        visit = self.visit("missed")
        line = [v for v in self.visits.values() if v.state == "waiting" and v.service == visit.service]
        place, credit = self.body["place"], self.body["credit"]
        before = [v for v in line if not v.test and v.place - v.credit <= place - credit]
        assert len(before) >= min(3, len([v for v in line if not v.test])), f"{self.row}: too far ahead"
        visit.state, visit.place, visit.credit, visit.back = "waiting", place, credit, True
        self.seen.add((self.day, f"{visit.number} again {self.row}"))
        visit.order = len(self.seen)

    def on_HeldCalled(self) -> None:
        visit = self.visit("held")
        assert visit.window == self.body["window"]
        assert visit.window not in self.at
        visit.state, self.at[visit.window] = "called", visit.number

    def on_ClerkSignedIn(self) -> None:
        window, clerk = self.body["window"], self.body["clerk"]
        assert window not in self.staffed.keys() | self.shut
        assert clerk not in self.staffed.values(), f"{self.row}: {clerk} sits at two windows"
        self.staffed[window] = clerk

    def on_ClerkSignedOut(self) -> None:
        window = self.body["window"]
        assert window not in self.at, f"{self.row}: {self.at.get(window)} is left alone"
        held = [v for v in self.visits.values() if v.state == "held" and v.window == window]
        assert not held or self.body["actor"] == "clock"
        del self.staffed[window]
        self.paused.discard(window)

    def on_WindowPaused(self) -> None:
        self.paused.add(self.body["window"])

    def on_WindowResumed(self) -> None:
        self.paused.discard(self.body["window"])

    def on_WindowClosed(self) -> None:
        self.shut.add(self.body["window"])

    def on_WindowOpened(self) -> None:
        self.shut.discard(self.body["window"])

    def on_ServicesChanged(self) -> None:
        self.serves[self.body["window"]] = tuple(self.body["services"])

    def on_HallFrozen(self) -> None:
        self.frozen = True

    def on_HallUnfrozen(self) -> None:
        self.frozen = False
