"""The kiosk's page: a ticket in two touches, a number on the screen when there is no paper."""

import base64
import io
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

import qrcode
from flask import Flask, Response, abort, jsonify, render_template, request

from controller.hall.commands import AskHelp, TakeTicket
from controller.hall.events import TicketIssued
from controller.hall.outcome import Refused
from controller.runtime.engine import Engine
from display.screens import kiosk as view
from display.words.catalogue import catalogue, refusal, say
from drivers.base.device import DeviceFault
from drivers.parts.speech import spoken, wav
from web.api.bodies import posted

VOICES = {"zh": "cmn-latn-pinyin", "en": "en"}  # of espeak-ng
LONGEST = 300  # characters that are spoken of a screen: a minute


def add(
    app: Flask,
    engine: Engine,
    foreseen: Callable[[], Mapping[str, Mapping[str, float]]],
    off: Callable[[], str],
) -> None:
    """Give `app` the page of every kiosk; /kiosk is that of the first one. `off`: since when the mains may
    be switched off."""
    texts = {code.removeprefix("kiosk."): said for code, said in catalogue().items() if code[:6] == "kiosk."}

    turns = {name: Lock() for name in engine.plan.kiosk}

    def known(name: str) -> str:
        name = name or next(iter(engine.plan.kiosk))
        return name if name in engine.plan.kiosk else abort(404)

    def now(name: str) -> dict[str, Any]:
        return {**view.page(engine.plan, engine.state, name, engine.clock.now(), foreseen()), "off": off()}

    @app.get("/kiosk", endpoint="kiosk")
    @app.get("/kiosk/<kiosk>", endpoint="kiosk")
    def show(kiosk: str = "") -> str:
        name, plan = known(kiosk), engine.plan
        return render_template("kiosk.html", say=say, plan=plan, kiosk=name, words=texts, first=now(name))

    @app.get("/kiosk/<kiosk>/state")
    def kiosk_state(kiosk: str) -> dict[str, Any]:
        return now(known(kiosk))

    @app.post("/kiosk/<kiosk>/take")
    def kiosk_take(kiosk: str) -> Response:
        """A ticket, on paper or, while the printer is out of order, on the screen."""
        body, name = posted(), known(kiosk)
        command = TakeTicket(
            str(body.get("service", ""))[:8],
            name,
            body.get("care") is True,
            screen=name in engine.state.kiosks,
            large=body.get("large") is True,
            actor=f"kiosk {name}",
            press=str(body.get("press", ""))[:60],
        )
        outcome = engine.ask(command)
        if isinstance(outcome, Refused):
            return jsonify(no={lang: refusal(outcome, lang) for lang in view.LANGS})
        given = [event.ticket for event in outcome if isinstance(event, TicketIssued)]
        if not given:
            return jsonify(again=True)
        link = engine.plan.web.link
        drawn = picture(f"{link}/t/{command.token}") if link and command.screen else ""
        return jsonify(ticket=view.ticket(engine.plan, engine.state, given[0]), qr=drawn)

    @app.get("/kiosk/<kiosk>/voice")
    def kiosk_voice(kiosk: str) -> Response:
        """What the page wants said, by the codes of our sentences; one at a time."""
        name, lang = known(kiosk), "en" if request.args.get("lang") == "en" else "zh"
        text = view.spoken(engine.plan, engine.state, now(name), request.args.getlist("say")[:9], lang)
        if text and turns[name].acquire(blocking=False):
            try:
                return Response(wav(*spoken(text[:LONGEST], VOICES[lang])), mimetype="audio/wav")
            except DeviceFault:
                pass  # there is nothing that could speak here
            finally:
                turns[name].release()
        return abort(404)

    @app.post("/kiosk/<kiosk>/help")
    def kiosk_help(kiosk: str) -> Response:
        engine.ask(AskHelp(known(kiosk), actor=f"kiosk {kiosk}"))
        return jsonify(ok=True)


def picture(text: str) -> str:
    """A QR code as the address of a picture that is written out."""
    code = qrcode.QRCode(border=4, box_size=8)
    code.add_data(text)
    file = io.BytesIO()
    code.make_image().save(file)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
