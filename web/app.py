"""Pages and API: they read what is true and submit commands; they decide nothing."""

import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, jsonify, make_response, redirect, render_template, request
from werkzeug.exceptions import HTTPException

from controller.hall.commands import (
    AtWindow,
    ChangeRoll,
    Command,
    ConfirmTime,
    Freeze,
    LiftCutOff,
    LoadPlan,
    OfTicket,
    RecordSlips,
    Reprint,
    TakeTicket,
    Unfreeze,
)
from controller.hall.events import Event
from controller.hall.outcome import Refused
from controller.settings.reader import Reader
from controller.settings.schema import Settings
from display.paper import card
from display.words import catalogue as words
from display.words.catalogue import say
from web import access as doors
from web import desk, kiosk, pager, phone
from web.access import posted
from web.house import House, on_screens
from web.status import view


def verbs(*kinds: type[Command]) -> dict[str, type[Command]]:
    """Commands by the words of an address: CallNext is call-next."""
    return {re.sub(r"(?<=.)(?=[A-Z])", "-", kind.__name__).lower(): kind for kind in kinds}


OF_TICKET = verbs(*OfTicket.__subclasses__())
AT_WINDOW = verbs(*AtWindow.__subclasses__()) | OF_TICKET
OF_HALL = verbs(Freeze, Unfreeze, LiftCutOff, RecordSlips, ConfirmTime, ChangeRoll)
BUTTONS = {
    "reprint": Reprint,
    "roll": ChangeRoll,
    "clock": ConfirmTime,
    "unfreeze": Unfreeze,
    "plan": LoadPlan,
}
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
# Against DNS rebinding: an address, or this machine's own name.
HOST = re.compile(rf"\d[\d.]+|[\da-f:]*:[\da-f:]*|localhost|{re.escape(socket.gethostname())}", re.I)


class Pages(Flask):
    """Flask whose log never has an address: a visitor's link is a secret."""

    def log_exception(self, exc_info: Any) -> None:
        self.logger.error("a page failed: %s", request.endpoint, exc_info=exc_info)


def closed(plan: Settings) -> Flask:
    """The pages of a hall that cannot run: one sentence at every address, with status 503."""
    app = Pages("web")
    app.after_request(harden)

    @app.before_request
    def everywhere() -> Response | None:
        if request.endpoint == "static":
            return None
        if request.path == "/health" or request.path.startswith("/api/"):
            return make_response(jsonify(ok=False, error="safe", message=say("safe.desk")), 503)
        return make_response(render_template("safe.html", say=say, hall=plan.hall), 503)

    return app


def harden(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    # "no-referrer" would make a browser send "Origin: null" with our own forms.
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def create(house: House) -> Flask:
    app = Pages("web")
    app.after_request(harden)
    engine = house.engine

    @app.before_request
    def guard() -> Response | None:
        name = urlsplit(f"//{request.host}").hostname or ""
        if not HOST.fullmatch(name) and name != urlsplit(engine.plan.web.link).hostname:
            abort(421)
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
            abort(403)
        return house.access.guard()

    def ask(command: Command) -> tuple[Response, int]:
        """Submit; the outcome as JSON."""
        outcome = engine.submit(command).result(timeout=10)
        if isinstance(outcome, Refused):
            return refusal(outcome), 409
        events = [{"event": type(e).__name__, **_public(e)} for e in outcome]
        return jsonify(events=events), 200

    def refusal(refused: Refused) -> Response:
        texts = {lang: words.refusal(refused, lang) for lang in ("zh", "en")}
        return jsonify(error=refused.code, message=texts["zh"], message_en=texts["en"])

    @app.get("/")
    def status() -> str:
        lang = "en" if request.args.get("lang") == "en" else "zh"
        known = "technician" in house.access.roles()
        return render_template("status.html", lang=lang, say=say, known=known, **view(house, lang))

    @app.get("/metrics")
    def metrics() -> Response:
        text = render_template("metrics.txt", **view(house, "en"))
        return Response(text, mimetype="text/plain; version=0.0.4")

    @app.post("/device/<name>/<any(test,reopen,mute):act>")
    def device_act(name: str, act: str) -> Response:
        """A device's own button of the status page."""
        if name not in house.devices:
            abort(404)
        if act == "reopen":
            house.devices[name].reopen()
        elif act == "mute":
            house.stage.muted ^= {name}
        else:
            house.stage.test(name, engine.clock.now())
        return make_response(redirect("/", 303))

    @app.get("/board")
    def wall() -> str:
        return render_template("board.html", say=say, first=on_screens(house))

    @app.get("/rules")
    def rules() -> str:
        both = zip(card.rules(engine.plan), card.rules(engine.plan, "en"), strict=True)
        return render_template("rules.html", say=say, plan=engine.plan, rules=both)

    @app.post(f"/<any({','.join(BUTTONS)}):verb>")
    def button(verb: str) -> Response:
        """A button of the status page; with a `press` in its form, pressed twice is once."""
        form = {**request.form, "text": house.coming} if verb == "plan" else request.form
        try:
            outcome: object = engine.submit(command(BUTTONS[verb], form, "technician")).result(timeout=10)
        except Refused as refused:
            outcome = refused
        if isinstance(outcome, Refused):
            return make_response(render_template("refused.html", say=say, text=words.refusal(outcome)), 409)
        if verb == "plan":
            house.restart()
        return make_response(redirect("/", 303))

    doors.add(app, house.access, lambda: [window.clerk for window in engine.plan.window.values()])

    pager.add(app, engine, house.access)
    kiosk.add(app, engine, lambda: house.foreseen(), lambda: house.off)
    desk.add(app, engine, house.access)
    phone.add(app, engine, lambda: house.foreseen())

    @app.errorhandler(HTTPException)
    def wrong(error: HTTPException) -> Response:
        status = error.code or 500
        code = {403: "forbidden", 404: "no_page", 500: "bug"}.get(status, "bad_request")
        refused = Refused(code, detail=status)
        if request.path.startswith("/api/"):
            return make_response(refusal(refused), status)
        return make_response(render_template("refused.html", say=say, text=words.refusal(refused)), status)

    @app.get("/health")
    def health() -> Response:
        down = [name for name, device in house.devices.items() if device.health.state == "down"]
        ok = not (engine.trouble or engine.state.stopped or house.keeper.broken)
        return jsonify(ok=ok, journal=engine.trouble or "ok", down=down)

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
            return refusal(Refused("bad_request", detail=verb)), 400
        place = {"window": window} if window else {"ticket": ticket} if ticket else {}
        if not verb:
            body = {"kiosk": next(iter(engine.plan.kiosk)), **body}
        try:
            return ask(command(known[verb], {**body, **place}, g.session.who))
        except Refused as refused:
            return refusal(refused), 400

    return app


def command(kind: type[Command], body: Mapping[str, Any], actor: str) -> Command:
    """A command from the words of a request. Raises Refused at what does not fit."""
    body = {name: True if value == "on" else value for name, value in body.items()}  # a box of a form
    with suppress(ValueError, TypeError):
        body |= {"wall": datetime.fromisoformat(body["wall"])} if "wall" in body else {}
    reader = Reader({}, body, type)
    needed = {part.name for part in fields(kind) if part.default is MISSING} - {"actor", "token"}
    hints = {name: kind for name, kind in get_type_hints(kind).items() if name != "token"}
    values = reader.table(hints, needed, body, ())
    if reader.mistakes:
        raise Refused("bad_request", detail=reader.mistakes[0].key)
    return kind(**{**values, "actor": actor})


def _public(event: Event) -> dict[str, Any]:
    names = ("ticket", "window", "service", "clerk", "calls", "copy")
    return {name: getattr(event, name) for name in names if hasattr(event, name)}
