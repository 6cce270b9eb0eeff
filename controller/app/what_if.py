"""The verb day: a whole day by dice, and what would change if a window opened later."""

import argparse
import sys
from collections.abc import Iterator
from datetime import time

from controller.app import running as roof
from controller.app.console import answer, languages
from controller.figures.account import figures
from controller.hall import calendar
from controller.hall.events import Event
from controller.journal.files import CannotStart
from controller.simulated import day
from display.words.catalogue import say


def simulate_day(options: argparse.Namespace) -> int:
    plan, opens = roof.read_plan(options.file.read_bytes()), {}
    for word in options.open:
        window, _, moment = word.partition("=")
        try:
            opens[window] = time.fromisoformat(moment.zfill(5))
        except ValueError:
            window = ""
        if window not in plan.window:
            raise CannotStart("no_such_open", word=word, windows=" ".join(plan.window))
    if not calendar.sessions(plan, options.date):
        raise CannotStart("no_session", day=options.date)
    days = [
        day.Day(plan, options.date, options.seed, options.load, o) for o in ({}, opens)[: 1 + bool(opens)]
    ]
    found = [figures(progress(one)) for one in days]
    for lang in languages():
        print(say("day.title", lang, opens=" ".join(options.open), **vars(options)))
        texts = [answer("day", lang, plan=plan, found=figures) for figures in found]
        print("\n".join(" → ".join(dict.fromkeys(both)) for both in zip(*texts, strict=True)))
    return 0


def positive(word: str) -> float:
    if (value := float(word)) <= 0:
        raise ValueError
    return value


def progress(one: day.Day) -> Iterator[Event]:
    """The events of a simulated day, with a bar of how much of it is over."""
    start, end = one.sessions[0][0], one.sessions[-1][1]
    for event in one.run():
        part = min(1.0, max(0.0, (event.at.wall - start) / (end - start)))
        if sys.stderr.isatty():
            print(f"\r{event.at.wall:%H:%M} {'█' * round(30 * part):░<30}", end="", file=sys.stderr)
        yield event
    if sys.stderr.isatty():
        print(file=sys.stderr)
