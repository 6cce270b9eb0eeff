"""The pager: a clerk's page with the keys of the button box. An old press is never executed."""

import time
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, abort, g, jsonify, make_response, redirect, render_template, request

from controller.hall import keys
from controller.hall.commands import Answer, Command, SignIn
from controller.hall.outcome import Refused
from controller.hall.state import seen_at
from controller.runtime.engine import Engine
from display.screens import pager
from display.words.catalogue import refusal, say
from web.access.guard import Access
from web.api.bodies import posted

OLD = 5.0  # s: what the clerk saw that long ago is no ground to press on
SHORTCUTS = {"next": "N", "recall": "R", "start": "S", "complete": "C"}
SHORTCUTS |= {"no_show": "G", "hold": "H", "pause": "P", "sign_out": "Q"}


def seconds() -> float:
    """Real ones, also in a hall whose clock is simulated."""
    return time.monotonic()


def add(app: Flask, engine: Engine, access: Access) -> None:
    """Give `app` the page of every window."""

    def page(name: str, code: int = 200, fault: str = "") -> Response:
        if name not in engine.plan.window:
            abort(404)
        known = "clerk" in access.roles()
        view = render_template(
            *("pager.html",), say=say, window=name, known=known, fault=fault, keys=SHORTCUTS, plan=engine.plan
        )
        return make_response(view, code)

    @app.get("/window/<window>", endpoint="pager")
    def show(window: str) -> Response:
        return page(window)

    @app.post("/window/<window>/login")
    def clerk_enter(window: str) -> Response:
        clerk, pin = request.form.get("clerk", "").strip()[:20], request.form.get("pin", "")
        if why := access.tried(f"clerk {clerk}", lambda: access.people.is_clerk(clerk, pin)):
            return page(window, 403, f"pager.{why}")
        if not engine.state.window(window).clerk:
            refused = engine.ask(SignIn(window, clerk, actor=clerk))
            if isinstance(refused, Refused):
                return page(window, 409, refusal(refused))
        elif engine.state.window(window).clerk != clerk:
            taken = Refused("already_open", window=window, clerk=engine.state.window(window).clerk)
            return page(window, 409, refusal(taken))
        return access.open(
            make_response(redirect(f"/window/{quote(window)}", 303)), "clerk", clerk, f"window {window}"
        )

    @app.get("/window/<window>/state")
    def pager_state(window: str) -> dict[str, Any]:
        view = pager.window(engine.plan, engine.state, window, engine.clock.now())
        return {**view, "seen": seconds(), "mine": view["clerk"] in ("", g.session.who)}

    @app.post("/window/<window>/press")
    def pager_press(window: str) -> Response:
        """A key; "find" and "answer" are for the ticket whose number was typed."""
        body = posted()
        key, number, press = (str(body.get(name, ""))[:40] for name in ("key", "number", "press"))
        seen = body.get("seen")
        if not isinstance(seen, int | float) or not (now := seconds()) - OLD <= seen <= now:
            return jsonify(text=say("pager.old"))
        clerk, there = g.session.who, engine.state.window(window).clerk
        found = pager.meant(engine.state, number) if key in ("find", "answer") else None
        if key in ("find", "answer") and not found:
            return jsonify(text=refusal(Refused("no_such_ticket", ticket=number)))
        if found and key == "find":
            text = pager.where(engine.state, found)
            return jsonify(text=text, ticket=found.number if found.state == "called" else "")
        command: Command | None
        if found:
            command = Answer(found.number, actor=clerk, press=press)
        elif there not in ("", clerk):
            return jsonify(text=refusal(Refused("already_open", window=window, clerk=there)))
        else:
            command = keys.at_window(
                engine.plan, seen_at(engine.state, engine.clock.now()), window, key, press, number, clerk
            )
        if command is None:
            return jsonify(text=say("pager.nothing"))
        outcome = engine.ask(command)
        return jsonify(text=refusal(outcome) if isinstance(outcome, Refused) else "")
