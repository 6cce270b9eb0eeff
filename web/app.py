"""All pages and the interface for machines, put together behind one guard."""

import re
import socket
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from controller.hall.outcome import Refused
from controller.settings.schema import Settings
from display.words.catalogue import Part, refusal, say
from web.api import commands
from web.house import House
from web.pages import access, board, desk, kiosk, pager, phone, rules, status

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


def closed(plan: Settings, why: Part | None) -> Flask:
    """The pages of a hall that cannot run: one sentence at every address, with status 503; `why`: for the
    technician."""
    app = Pages("web")
    app.after_request(harden)

    @app.before_request
    def everywhere() -> Response | None:
        if request.endpoint == "static":
            return None
        if request.path == "/health" or request.path.startswith("/api/"):
            return make_response(jsonify(ok=False, error="safe", message=say("safe.desk")), 503)
        return make_response(render_template("safe.html", say=say, hall=plan.hall, why=why), 503)

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

    status.add(app, house)
    board.add(app, house)
    rules.add(app, engine)
    access.add(app, house.access, lambda: [window.clerk for window in engine.plan.window.values()])
    pager.add(app, engine, house.access)
    kiosk.add(app, engine, lambda: house.foreseen(), lambda: house.off)
    desk.add(app, engine, house.access)
    phone.add(app, engine, lambda: house.foreseen())
    commands.add(app, house)

    @app.errorhandler(HTTPException)
    def wrong(error: HTTPException) -> Response:
        status = error.code or 500
        code = {403: "forbidden", 404: "no_page", 500: "bug"}.get(status, "bad_request")
        refused = Refused(code, detail=status)
        if request.path.startswith("/api/"):
            return make_response(commands.problem(refused), status)
        return make_response(render_template("refused.html", say=say, text=refusal(refused)), status)

    return app
