"""Every address from eight threads at once while the hall lives: nothing breaks, and no write is lost."""

import json
import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Hall
from hammer import asks, crowd
from visitor import technician
from wait import until

from controller.hall.events import TicketIssued
from controller.journal.store import read
from controller.journal.verify import verify

WORKERS = 8  # as the web has


def test_while_the_engine_stands_still_no_address_breaks_and_a_press_is_done_afterwards(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    people, engine, over = crowd(hall), hall.house.engine, threading.Event()
    everything = [ask for ask in asks(hall) if not ask.address.startswith("/twin")]
    caplog.set_level(logging.ERROR)
    engine.patience = 0.01
    engine.listeners.append(lambda command, outcome, state: over.wait() or None)
    try:
        until(lambda: engine.busy() > 0.5)
        for ask in everything:
            answer = people[ask.who].ask(ask.method, ask.address, **ask.sent())
            assert answer.status < 500, (ask, answer.text)
        told = people["technician"].ask("POST", "/api/v1/tickets", body={"service": "A"})
        assert (told.status, json.loads(told.text)["error"]) == (409, "late")
        assert not hall.state.tickets
    finally:
        over.set()
    until(lambda: hall.state.tickets)
    assert not caplog.records


def test_every_address_from_eight_threads_breaks_nothing_and_loses_nothing(
    hall: Hall, seconds: float, caplog: pytest.LogCaptureFixture, counted: Callable[[str], None]
) -> None:
    given, pins, over = list[str](), list[str](), threading.Event()
    everything, crowds = list(asks(hall)), [crowd(hall) for _ in range(WORKERS)]
    deadline = time.monotonic() + seconds
    caplog.set_level(logging.ERROR)

    def hammer(number: int) -> int:
        dice, asked = random.Random(number), 0
        people = crowds[number]
        while not asked or time.monotonic() < deadline:
            for ask in dice.sample(everything, len(everything)):
                sent = ask.sent()
                if ask.address == "/access" and ask.method == "POST":
                    sent["clerk"] = f"{number}-{asked}"
                answer = people[ask.who].ask(ask.method, ask.address, **sent)
                assert answer.status < 500, (ask, answer.text)
                if answer.status == 200 and "clerk" in sent:
                    pins.append(sent["clerk"])
                if answer.status == 200 and ask.address in ("/api/v1/tickets", "/kiosk/hall/take"):
                    given.extend(numbers(json.loads(answer.text)))
                asked += 1
            people["technician"].post("/leave")
            people["technician"] = technician(hall)
        return asked

    def life() -> None:
        while not over.wait(0.2):
            hall.press("buttons", "B")
            hall.press("unit1", "next")

    with ThreadPoolExecutor(WORKERS + 1) as threads:
        living = threads.submit(life)
        try:
            asked = sum(threads.map(hammer, range(WORKERS)))
        finally:
            over.set()
        living.result()
    assert not caplog.records, caplog.text
    assert {*pins} <= {*hall.house.access.people.clerks}
    issued = [e.ticket for _, e in read(hall.folder / "journal.db") if isinstance(e, TicketIssued)]
    assert len({*issued}) == len(issued)
    assert len({*given}) == len(given)
    assert {*given} <= {*issued}
    hall.turn("unit2", "unplugged", 0)
    hall.ask("hall/unfreeze")
    until(lambda: hall.take("C"))
    assert verify(hall.folder / "journal.db")[1] == 0
    counted(f"{asked:,} questions from {WORKERS} threads, no 5xx, no traceback, no lost write")


def numbers(answer: dict[str, object]) -> list[str]:
    """The tickets that an answer of the API or of a kiosk gives."""
    events = answer.get("events", [])
    assert isinstance(events, list)
    found = [event["ticket"] for event in events if event["event"] == "TicketIssued"]
    ticket = answer.get("ticket")
    return [*found, *([str(ticket["number"])] if isinstance(ticket, dict) else [])]
