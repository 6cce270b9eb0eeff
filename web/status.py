"""What the technician's page says: four answers first, then faults, then all that is well."""

from collections.abc import Mapping
from typing import Any

from controller import calendar
from controller.engine import Engine
from controller.settings import Settings
from display.words import say, when
from drivers.base import Device

QUESTIONS = ("take", "call", "show", "speak")


def question(plan: Settings, name: str) -> str:
    """Which of the four questions a device answers; also one whose driver cannot be built."""
    stanza = plan.device[name]
    if stanza.kiosk or name in {kiosk.printer for kiosk in plan.kiosk.values()}:
        return "take"
    if not stanza.window:
        return "speak"
    return "call" if stanza.driver.startswith("callunit") else "show"


def view(
    engine: Engine,
    devices: Mapping[str, Device],
    notes: list[tuple[str, Mapping[str, Any]]],
    screens: int,
    lang: str,
) -> dict[str, Any]:
    """Everything the status page shows, in words."""
    plan, state, now = engine.plan, engine.state, engine.clock.now()
    rows = [_row(plan, device, lang) for device in devices.values()]
    rows.sort(key=lambda row: ("down", "degraded", "starting", "up").index(row["state"]))
    answers = {name: _answer([r for r in rows if r["question"] == name], lang) for name in QUESTIONS}
    if screens < plan.board.screens:
        text = say("status.boards", lang, there=screens, wanted=plan.board.screens)
        answers["show"]["cures"].append(text)
        answers["show"]["level"] = max(answers["show"]["level"], "partly", key=_LEVELS.index)
    if engine.trouble:
        notes = [("journal_broken", {"detail": engine.trouble}), *notes]
        for name in ("take", "call"):
            answers[name]["level"] = "no"
    if answers["take"]["level"] == "yes" and not state.open:
        opening = when(calendar.next_opening(plan, now.wall), now.wall, lang)
        answers["take"] = {
            "level": "closed",
            "cures": [say("status.closed", lang, opening=opening)],
        }
    clock = "clock_ok" if now.trusted else "clock_doubtful"
    return {
        "hall": plan.hall.name if lang == "zh" else plan.hall.name_en,
        "answers": answers,
        "notes": [say(f"status.{code}", lang, **arguments) for code, arguments in notes],
        "rows": rows,
        "clock": say(f"status.{clock}", lang, time=f"{now.wall:%Y-%m-%d %H:%M}"),
        "trusted": now.trusted,
        "day": state.day,
        "waiting": say(
            "status.waiting",
            lang,
            waiting=sum(1 for _ in state.waiting()),
            windows=sum(1 for window in state.windows.values() if window.clerk),
        ),
        "papers": [
            (t.number, t.prints, say(f"status.paper_{t.paper}", lang))
            for t in state.tickets.values()
            if t.paper in ("pending", "unconfirmed", "failed")
        ],
    }


_LEVELS = ("yes", "partly", "no")


def _row(plan: Settings, device: Device, lang: str) -> dict[str, str]:
    health = device.health
    return {
        "name": device.name,
        "question": question(plan, device.name),
        "state": health.state,
        "word": say(f"status.state_{health.state}", lang),
        "cure": say(f"fault.{health.code}", lang) if health.code else "",
    }


def _answer(rows: list[dict[str, str]], lang: str) -> dict[str, Any]:
    """yes, partly or no for one question, and what to do about it."""
    ill = [row for row in rows if row["state"] in ("down", "starting")]
    cures = [f"{row['name']}:{row['cure'] or row['word']}" for row in rows if row["state"] != "up"]
    if not rows:
        return {"level": "no", "cures": [say("status.none", lang)]}
    # A kiosk needs its printer and its buttons; other devices stand in for each other.
    all_needed = rows[0]["question"] == "take"
    level = "yes" if not ill else "no" if all_needed or len(ill) == len(rows) else "partly"
    return {"level": level, "cures": cures}
