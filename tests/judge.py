"""A judge of a hall's day: reads only the journal's rows and knows nothing of the rules' code."""

import json
import sqlite3
from collections import defaultdict
from pathlib import Path


def judge(path: Path, windows: dict[str, tuple[str, ...]]) -> int:
    """Assert that the journal's days were fair and whole; the number of tickets seen.

    `windows`: the services of each window, as the hall published them.
    """
    db = sqlite3.connect(path)
    rows = db.execute("SELECT seq, kind, body FROM journal ORDER BY seq").fetchall()
    db.close()
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1)), "a row is missing"
    tickets, day = 0, ""
    waiting: list[tuple[str, str]] = []
    issued: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    presses: dict[str, int] = {}
    last: dict[str, int] = defaultdict(int)
    at_window: dict[str, str] = {}
    to: dict[str, str] = {}
    staffed: set[str] = set()

    def may_call(window: str, ticket: str) -> bool:
        if to.get(ticket) in staffed:
            return to[ticket] == window
        return ticket[0] in windows[window]

    for seq, kind, text in rows:
        body = json.loads(text)
        ticket, window = body.get("ticket", ""), body.get("window", "")
        match kind:
            case "DayOpened":
                if not body["issued"]:
                    waiting, last = [], defaultdict(int)
                    at_window, to = {}, {}
                    staffed = set()
                day = body["day"]
            case "TicketIssued":
                tickets += 1
                service, number = ticket[0], int(ticket[1:])
                assert (day, ticket) not in seen, f"row {seq}: {ticket} issued twice on {day}"
                assert number == last[service] + 1, f"row {seq}: {ticket} leaves a gap"
                assert service == body["service"]
                seen.add((day, ticket))
                last[service] = number
                waiting.append((ticket, service))
                issued[ticket] = seq
                press = body["press"]
                assert not press or press not in presses, f"row {seq}: press {press} gave two tickets"
                presses[press] = seq
            case "TicketCalled":
                assert (ticket, body["ticket"][0]) in waiting, f"row {seq}: {ticket} does not wait"
                assert may_call(window, ticket), f"row {seq}: {ticket} is not for window {window}"
                first = next(number for number, _ in waiting if may_call(window, number))
                reason = body["reason"] and body["actor"]
                assert first == ticket or reason, f"row {seq}: {first} came before {ticket}"
                assert window not in at_window, f"row {seq}: window {window} serves {at_window[window]}"
                waiting.remove((ticket, ticket[0]))
                at_window[window] = ticket
            case "TicketCompleted" | "TicketMissed":
                assert at_window.pop(window) == ticket, f"row {seq}: {ticket} is not at {window}"
            case "TicketTransferred":
                assert at_window.pop(window) == ticket, f"row {seq}: {ticket} is not at {window}"
                to[ticket] = body["to"]
                waiting = sorted([*waiting, (ticket, ticket[0])], key=lambda waits: issued[waits[0]])
            case "ClerkSignedIn":
                staffed.add(window)
            case "ClerkSignedOut":
                staffed.remove(window)
            case "TicketRecalled" | "TicketStarted":
                assert at_window[window] == ticket, f"row {seq}: {ticket} is not at {window}"
    return tickets
