"""Commands by their addresses: `POST /api/v1/windows/3/call-next`, and what they answer."""

import re
from typing import Any

from flask import Flask, Response, g, jsonify

from controller.hall.commands import (
    AtWindow,
    ChangeRoll,
    Command,
    ConfirmTime,
    Freeze,
    LiftCutOff,
    OfTicket,
    RecordSlips,
    TakeTicket,
    Unfreeze,
)
from controller.hall.events import Event
from controller.hall.outcome import Refused
from display.words.catalogue import refusal
from web.api.bodies import command, posted
from web.house import House, on_screens


def verbs(*kinds: type[Command]) -> dict[str, type[Command]]:
    """Commands by the words of an address: CallNext is call-next."""
    return {re.sub(r"(?<=.)(?=[A-Z])", "-", kind.__name__).lower(): kind for kind in kinds}


OF_TICKET = verbs(*OfTicket.__subclasses__())
AT_WINDOW = verbs(*AtWindow.__subclasses__()) | OF_TICKET
OF_HALL = verbs(Freeze, Unfreeze, LiftCutOff, RecordSlips, ConfirmTime, ChangeRoll)


def add(app: Flask, house: House) -> None:
    """Give `app` the interface for machines."""
    engine = house.engine

    def ask(command: Command) -> tuple[Response, int]:
        """Submit; the outcome as JSON."""
        outcome = engine.ask(command)
        if isinstance(outcome, Refused):
            return problem(outcome), 409
        events = [{"event": type(e).__name__, **_public(e)} for e in outcome]
        return jsonify(events=events), 200

    @app.get("/health")
    def health() -> Response:
        down = [name for name, device in house.devices.items() if device.health.state == "down"]
        ill, late = engine.ill, house.late()
        ok = not (engine.trouble or engine.state.stopped or house.keeper.broken or ill or late)
        return jsonify(ok=ok, journal=engine.trouble or "ok", engine=ill or "ok", late=late, down=down)

    @app.get("/api/v1/hall")
    def hall() -> Response:
        return jsonify(on_screens(house))

    @app.post("/api/v1/tickets")
    @app.post("/api/v1/tickets/<ticket>/<verb>")
    @app.post("/api/v1/windows/<window>/<verb>")
    @app.post("/api/v1/hall/<verb>")
    def change(window: str = "", ticket: str = "", verb: str = "") -> tuple[Response, int]:
        body = posted()
        known = AT_WINDOW if window else OF_TICKET if ticket else OF_HALL if verb else {"": TakeTicket}
        if verb not in known:
            return problem(Refused("bad_request", detail=verb)), 400
        place = {"window": window} if window else {"ticket": ticket} if ticket else {}
        if not verb:
            body = {"kiosk": next(iter(engine.plan.kiosk)), **body}
        try:
            return ask(command(known[verb], {**body, **place}, g.session.who))
        except Refused as refused:
            return problem(refused), 400


def problem(refused: Refused) -> Response:
    """A refusal as JSON, in both languages."""
    texts = {lang: refusal(refused, lang) for lang in ("zh", "en")}
    return jsonify(error=refused.code, message=texts["zh"], message_en=texts["en"])


def _public(event: Event) -> dict[str, Any]:
    names = ("ticket", "window", "service", "clerk", "calls", "copy")
    return {name: getattr(event, name) for name in names if hasattr(event, name)}
