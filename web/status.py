"""What the technician's page says: four answers first, then faults, then all that is well."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from controller import calendar, hall
from controller.engine import Engine
from controller.settings import Settings
from display import screens
from display.words import say, when
from drivers.base import Device
from drivers.inventory import Inventory

QUESTIONS = ("take", "call", "show", "speak")


def question(plan: Settings, name: str) -> str:
    """Which of the four questions a device answers; also one whose driver cannot be built."""
    stanza = plan.device[name]
    if stanza.kiosk or name in {kiosk.printer for kiosk in plan.kiosk.values()}:
        return "take"
    if stanza.driver.startswith("voice"):
        return "speak"
    return "call" if stanza.driver.startswith("callunit") else "show"


def view(
    engine: Engine,
    devices: Mapping[str, Device],
    notes: list[tuple[str, Mapping[str, Any]]],
    watch: Inventory | None,
    screens: int,
    lang: str,
) -> dict[str, Any]:
    """What the status page shows; its sentences are made by the template."""
    plan, state, now = engine.plan, engine.state, engine.clock.now()
    ordered = sorted(devices.values(), key=lambda device: _STATES.index(device.health.state))
    asked = {name: [d for d in ordered if question(plan, d.name) == name] for name in QUESTIONS}
    # A kiosk needs its printer and its buttons; other devices stand in for each other.
    answers = {name: _answer(members, name == "take", lang) for name, members in asked.items()}
    if screens < plan.board.screens:
        text = say("status.boards", lang, there=screens, wanted=plan.board.screens)
        answers["show"]["cures"].append(text)
        answers["show"]["level"] = max(answers["show"]["level"], "partly", key=_LEVELS.index)
    if watch and watch.health.state in ("degraded", "down"):
        notes = [("watch", {"detail": cure(watch, lang)}), *notes]
    if not calendar.announced(plan, year := (now.wall + timedelta(days=46)).year):
        notes = [*notes, ("unannounced", {"year": year})]  # from 15 November
    if state.frozen:
        answers["take"] = answers["call"] = {"level": "closed", "cures": []}
        notes = [("frozen", {"reason": say(f"freeze.{state.frozen}", lang)}), *notes]
    if engine.trouble:
        notes = [("journal_broken", {"detail": engine.trouble}), *notes]
        for name in ("take", "call"):
            answers[name]["level"] = "no"
    if answers["take"]["level"] == "yes" and not state.open:
        opening = when(calendar.next_opening(plan, now.wall), now.wall, lang)
        answers["take"] = {"level": "closed", "cures": [say("status.closed", lang, opening=opening)]}
    return {
        "plan": plan,
        "figures": hall.figures(state),
        "state": state,
        "now": now,
        "answers": answers,
        "notes": notes,
        "devices": ordered,
        "news": [(int(time.monotonic() - then) // 60, *rest) for then, *rest in watch.news] if watch else [],
        "printers": {kiosk.printer for kiosk in plan.kiosk.values()},
        "waiting": sum(1 for _ in state.waiting()),
        "windows": sum(1 for window in state.windows.values() if window.clerk),
        "papers": [
            t for t in state.tickets.values() if t.paper in ("pending", "unconfirmed", "failed", "screen")
        ],
    }


_LEVELS = ("yes", "partly", "no")
_STATES = ("down", "degraded", "starting", "up")


def cure(device: Device, lang: str) -> str:
    """What to do about a device, in words; empty when it is well."""
    health = device.health
    return say(f"fault.{health.code}", lang, detail=health.detail) if health.code else ""


def facts(engine: Engine, device: Device, lang: str) -> list[str]:
    """All that the page says of a device: what to do about it, its paper, how it tells what it did."""
    roll = screens.roll(engine.plan, engine.state, device.name, engine.clock.now(), lang)
    ack = getattr(device, "ack", "")
    return [text for text in (cure(device, lang), roll, ack and say(f"status.ack_{ack}", lang)) if text]


def _answer(devices: list[Device], all_needed: bool, lang: str) -> dict[str, Any]:
    """yes, partly or no for one question, and what to do about it."""
    if not devices:
        return {"level": "no", "cures": [say("status.none", lang)]}
    ill = [device for device in devices if device.health.state in ("down", "starting")]
    cures = [f"{d.name}：{cure(d, lang)}" for d in devices if d.health.state != "up"]
    level = "yes" if not ill else "no" if all_needed or len(ill) == len(devices) else "partly"
    return {"level": level, "cures": cures}
