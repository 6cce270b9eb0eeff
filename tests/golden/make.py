"""Writes the golden journal of a release: `python tests/golden/make.py 0.1.0`. Once; never again.

Every later release must replay it to the same state (tests/test_tables.py).
"""

import json
import sqlite3
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tables import BY, MONDAY, RECALLS, TAKE, m
from test_histories import PLAN, Life, rush, summary

from controller.journal.store import Store


def told(life: Life) -> None:
    """What a rush does not do: everything else that an event can say."""
    for command in (
        m.LoadPlan(PLAN.text, actor="hall.toml"),
        m.CloseKiosk("hall", "starting", actor="stage"),
        m.OpenKiosk("hall", actor="printer"),
        TAKE,
        m.ReportPaper("2026-11-24", "A001", "confirmed", 118, actor="stage"),
        m.Reprint("A001", actor="technician"),
        m.ChangeRoll("printer", actor="technician"),
        m.RecordSlips("B", 6, 2, **BY),
        m.SignIn("1", "1001", **BY),
        m.CallNext("1", **BY),
        *RECALLS,
        m.Answer("A001", **BY),
        m.AskHelp("hall", actor="kiosk"),
        m.GiveHelp("hall", **BY),
        m.NoShow("1", **BY),
        m.Reinstate("A001", **BY),
        m.TakeTicket("D", "hall", care=True, reason="by the desk", **BY),
        m.Freeze("power", **BY),
        m.Unfreeze(**BY),
        m.CutOff("D", MONDAY.replace(hour=12), actor="forecast"),
        m.LiftCutOff("D", "few are waiting", **BY),
        m.ChangeServices("2", ("A", "B"), **BY),
        m.CloseWindow("4", **BY),
        m.OpenWindow("4", **BY),
        m.Cancel("B004", **BY),
        m.Park("B003", **BY),
        m.Unpark("B003", **BY),
        m.Pause("1", "copy", 10, **BY),
        m.Resume("1", **BY),
        m.ReportTest({"sign2": "silent"}, actor="stage"),
        m.StopTickets("disk_full", actor="clock"),
        m.AllowTickets(actor="clock"),
    ):
        life.clock.advance(seconds=20)
        assert life.ask(command), command
    life.events += [
        m.TicketRefused("C", "hall", "used_up", at=life.clock.now(), actor="buttons", press="b1"),
        m.TicketsUnserved(("B006",), at=life.clock.now(), actor="clock", press=""),
        m.ServicesShut(("C",), at=life.clock.now(), actor="clock", press=""),
        m.YearOpened("journal-2026.db", "", at=life.clock.now(), actor="clock", press=""),
    ]
    for event in life.events[-4:]:
        life.state = life.step(event)
    life.wait("doubt")
    assert life.ask(m.ConfirmTime(life.clock.now().wall, sure=True, **BY))
    life.wait("reboot")
    life.ask(m.CallNext("1", **BY))


def main() -> None:
    life = rush(7, steps=150)
    told(life)
    here, version = Path(__file__).parent, sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "journal.db")
        store.append(life.events)
        store.close()
        rows = sqlite3.connect(Path(folder) / "journal.db").execute("SELECT * FROM journal ORDER BY seq")
        (here / f"{version}.jsonl").write_text(
            "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
        )
    (here / f"{version}.state.txt").write_text(summary(life.state) + "\n")


if __name__ == "__main__":
    main()
