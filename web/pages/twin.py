"""The twin page: the whole simulated hall in one page. Exists only under `simulate`."""

from collections.abc import Mapping
from typing import Any, Protocol

from flask import Flask, Response, abort, jsonify, render_template

from display.words.catalogue import catalogue, say
from web.api.bodies import posted


class Twin(Protocol):
    """What the roof's simulation offers to this page. Unknown names raise LookupError."""

    def view(self) -> dict[str, Any]: ...
    def press(self, device: str, key: str) -> None: ...
    def turn(self, device: str, knob: str, value: int) -> None: ...
    def picture(self, device: str, number: int) -> bytes: ...
    def clock(self, minutes: float, speed: float | None) -> None: ...
    def play(self, on: bool) -> None: ...


def add(app: Flask, twin: Twin, services: Mapping[str, str]) -> None:
    """Give `app` the twin's page and its levers. `services`: name by code, for the buttons."""
    words = {code.removeprefix("twin."): texts["zh"] for code, texts in catalogue().items()}
    words |= {f"service_{code}": name for code, name in services.items()}

    @app.get("/twin")
    def page() -> str:
        return render_template("twin.html", say=say, words=words)

    @app.get("/twin/state")
    def state() -> Response:
        return jsonify(twin.view())

    @app.get("/twin/paper/<device>/<int:number>.png")
    def paper(device: str, number: int) -> Response:
        try:
            return Response(twin.picture(device, number), mimetype="image/png")
        except LookupError:
            abort(404)

    @app.post("/twin/<lever>")
    def pull(lever: str) -> tuple[str, int]:
        if not (body := posted()):
            abort(400)
        try:
            match lever:
                case "press":
                    twin.press(str(body["device"]), str(body["key"]))
                case "knob":
                    twin.turn(str(body["device"]), str(body["knob"]), int(body["value"]))
                case "clock":
                    twin.clock(float(body.get("minutes", 0)), body.get("speed"))
                case "play":
                    twin.play(bool(body["on"]))
                case _:
                    abort(404)
        except (LookupError, TypeError, ValueError, OverflowError):
            abort(400)
        return "", 204
