"""What the technician's page says: four answers first, then faults, then all that is well."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, make_response, redirect, render_template, request

from controller.hall import calendar
from controller.hall.commands import ChangeRoll, ConfirmTime, LoadPlan, Reprint, Unfreeze
from controller.hall.events import Event
from controller.hall.outcome import Refused
from controller.hall.state import account
from controller.journal.files import free
from controller.runtime import pi
from controller.settings.schema import Settings
from display.paper.roll import roll
from display.stage import Printer, Shows, Voice
from display.words.catalogue import happened, refusal, say, when
from drivers.base.device import Device, Health
from web.api.bodies import command
from web.house import House

QUESTIONS = ("take", "call", "show", "speak")
DRILL = timedelta(days=40)  # after which a drill is due: its timer is monthly
_LEVELS = ("yes", "partly", "no")
_STATES = ("down", "degraded", "starting", "up")


# The buttons of the page that submit a command.
BUTTONS = {
    "reprint": Reprint,
    "roll": ChangeRoll,
    "clock": ConfirmTime,
    "unfreeze": Unfreeze,
    "plan": LoadPlan,
}


def add(app: Flask, house: House) -> None:
    """Give `app` the technician's page, its buttons, and the same for a monitoring system."""
    engine = house.engine

    @app.get("/", endpoint="status")
    def show() -> str:
        lang = "en" if request.args.get("lang") == "en" else "zh"
        known = "technician" in house.access.roles()
        return render_template("status.html", lang=lang, say=say, known=known, **view(house, lang))

    @app.get("/metrics")
    def metrics() -> Response:
        text = render_template("metrics.txt", **view(house, "en"))
        return Response(text, mimetype="text/plain; version=0.0.4")

    @app.post("/device/<name>/<any(test,reopen,mute,unmute):act>")
    def device_act(name: str, act: str) -> Response:
        """A device's own button; what it sets it says, so that pressed twice is once."""
        if name not in house.devices:
            abort(404)
        if act == "reopen":
            house.devices[name].reopen()
        elif act in ("mute", "unmute"):
            house.stage.mute(name, act == "mute")
        else:
            house.stage.test(name, engine.clock.now())
        return make_response(redirect("/", 303))

    @app.post(f"/<any({','.join(BUTTONS)}):verb>")
    def button(verb: str) -> Response:
        """A button for a command; with a `press` in its form, pressed twice is once."""
        form = {**request.form, "text": house.coming} if verb == "plan" else request.form
        try:
            outcome: object = engine.ask(command(BUTTONS[verb], form, "technician"))
        except Refused as refused:
            outcome = refused
        if isinstance(outcome, Refused):
            return make_response(render_template("refused.html", say=say, text=refusal(outcome)), 409)
        if verb == "plan":
            house.restart()
        return make_response(redirect("/", 303))


def question(plan: Settings, name: str) -> str:
    """Which of the four questions a device answers; also one whose driver cannot be built."""
    stanza = plan.device[name]
    if stanza.kiosk or name in {kiosk.printer for kiosk in plan.kiosk.values()}:
        return "take"
    if stanza.driver.startswith("voice"):
        return "speak"
    return "call" if stanza.driver.startswith("callunit") else "show"


def view(house: House, lang: str) -> dict[str, Any]:
    """What the status page and /metrics show."""
    engine, notes = house.engine, house.notes
    plan, state, now = engine.plan, engine.state, engine.clock.now()
    ordered = sorted(house.devices.values(), key=lambda device: _STATES.index(device.health.state))
    asked = {name: [d for d in ordered if question(plan, d.name) == name] for name in QUESTIONS}
    # A kiosk needs its printer and its buttons; other devices stand in for each other.
    answers = {name: _answer(members, name == "take", lang) for name, members in asked.items()}
    if house.screens() < plan.board.screens:
        text = say("status.boards", lang, there=house.screens(), wanted=plan.board.screens)
        _lower(answers["show"], text)
    for name in sorted(house.stage.muted):
        _lower(answers["speak"], f"{name}：{say('status.muted', lang)}")
    if house.watch and house.watch.health.state in ("degraded", "down"):
        notes = [("watch", {"detail": cure(house.watch.health, lang)}), *notes]
    if house.access.people.fresh:
        notes = [("no_technician", {"data": house.folder}), *notes]
    if not calendar.announced(plan, year := (now.wall + timedelta(days=46)).year):
        notes = [*notes, ("unannounced", {"year": year})]  # from 15 November
    if engine.clock.source == "held":
        notes = [*notes, ("no_time_server", {})]
    if state.frozen:
        answers["take"] = answers["call"] = {"level": "closed", "cures": []}
        notes = [("frozen", {"reason": say(f"freeze.{state.frozen}", lang)}), *notes]
    if state.stopped:
        notes, answers["take"]["level"] = [(state.stopped, {}), *notes], "no"
    keeper = house.keeper
    if keeper.trouble:
        notes = [*notes, keeper.trouble]
    if keeper.broken:
        notes = [("journal_damaged", {"row": keeper.broken}), *notes]
    if late := house.late():
        notes = [("late", {"threads": ", ".join(late)}), *notes]
    if engine.trouble:
        notes = [("journal_broken", {"detail": engine.trouble}), *notes]
    if engine.ill:
        notes = [(f"engine_{engine.ill}", {}), *notes]
    if engine.trouble or engine.ill:
        for name in ("take", "call"):
            answers[name]["level"] = "no"
    if answers["take"]["level"] == "yes" and not state.open:
        opening = when(calendar.next_opening(plan, now.wall), now.wall, lang)
        answers["take"] = {"level": "closed", "cures": [say("status.closed", lang, opening=opening)]}
    room = free(house.folder)
    plugs = house.watch.news if house.watch else ()
    return {
        "house": house,
        "plan": plan,
        "figures": account(state),
        "state": state,
        "now": now,
        "source": engine.clock.source,
        "power": pi.power(),
        "behind": keeper.age if plan.backup.folder else None,
        "drill": drilled(house.folder),
        "long_ago": f"{now.wall - DRILL:%Y-%m-%d}",
        "free": room >> 20,
        "room": "ok" if room > pi.ROOM else "soon" if room > pi.LITTLE else "bad",
        "answers": answers,
        "notes": notes,
        "devices": [_row(house, device, lang) for device in ordered],
        "news": [(int(time.monotonic() - then) // 60, *rest) for then, *rest in plugs],
        "lately": [(wall, sentence(lang)) for wall, sentence in house.lately.copy()],
        "waiting": sum(1 for _ in state.waiting()),
        "windows": sum(1 for window in state.windows.values() if window.clerk),
        "papers": [
            t for t in state.tickets.values() if t.paper in ("pending", "unconfirmed", "failed", "screen")
        ],
    }


def drilled(data: Path) -> Mapping[str, Any]:
    """How the last drill of the backup went: `day`, and how many `rows` came back, 0 if it failed."""
    try:
        found: Mapping[str, Any] = json.loads((data / "drill.json").read_text())
        return found
    except (OSError, ValueError):
        return {}


def cure(health: Health, lang: str) -> str:
    """What to do about a device, in words; empty when it is well."""
    return say(f"fault.{health.code}", lang, detail=health.detail) if health.code else ""


def fate(name: str, health: Health, lang: str) -> str:
    """What became of a device, for the list of what happened."""
    return say(f"status.device_{'ill' if health.code else 'up'}", lang, device=name, cure=cure(health, lang))


def event_told(event: Event, lang: str) -> str:
    """An event, for the same list; anybody may read it, so without what somebody wrote himself."""
    ticket = getattr(event, "ticket", "")
    if not re.fullmatch("[a-z_]*", getattr(event, "reason", "")):
        event = replace(event, reason="…")  # type: ignore[call-arg]
    text = happened(event, lambda code, /, **more: say(code, lang, **more))
    return text if ticket in text else f"{ticket} {text}"


def _row(house: House, device: Device, lang: str) -> dict[str, Any]:
    """A device's line: where it is, since when it is as it is, what to do, and its one button."""
    plan, engine, health = house.engine.plan, house.engine, device.health
    stanza = plan.device[device.name]
    place = say("status.at_window", lang, window=stanza.window) if stanza.window else ""
    place = say("status.at_kiosk", lang, kiosk=stanza.kiosk) if stanza.kiosk else place
    lasted = int(time.monotonic() - device.since) // 60
    since = say("status.since" if device.proved else "status.never", lang, minutes=lasted)
    ack, muted = getattr(device, "ack", ""), device.name in house.stage.muted
    facts = [cure(health, lang), "" if health.state == "up" else since, muted and say("status.muted", lang)]
    facts += [roll(plan, engine.state, device.name, engine.clock.now(), lang)]
    facts += [ack and say(f"status.ack_{ack}", lang)]
    act = "test" if isinstance(device, Printer | Shows) else ""
    if health.state == "down":
        act = "reopen"
    elif isinstance(device, Voice):
        act = "unmute" if muted else "mute"
    printer = device.name in {kiosk.printer for kiosk in plan.kiosk.values()}
    found = {"name": device.name, "state": health.state, "place": place, "act": act, "printer": printer}
    return found | {"facts": [fact for fact in facts if fact]}


def _lower(answer: dict[str, Any], cure: str) -> None:
    """Something is missing, though the question is not answered with no."""
    answer["cures"].append(cure)
    answer["level"] = max(answer["level"], "partly", key=_LEVELS.index)


def _answer(devices: list[Device], all_needed: bool, lang: str) -> dict[str, Any]:
    """yes, partly or no for one question, and what to do about it."""
    if not devices:
        return {"level": "no", "cures": [say("status.none", lang)]}
    ill = [device for device in devices if device.health.state in ("down", "starting")]
    cures = [f"{d.name}：{cure(d.health, lang)}" for d in devices if d.health.state != "up"]
    level = "yes" if not ill else "no" if all_needed or len(ill) == len(devices) else "partly"
    return {"level": level, "cures": cures}
