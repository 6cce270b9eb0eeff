"""The wall display's page: it draws what the event stream tells."""

from flask import Flask, render_template

from display.words.catalogue import say
from web.house import House, on_screens


def add(app: Flask, house: House) -> None:
    @app.get("/board")
    def wall() -> str:
        return render_template("board.html", say=say, first=on_screens(house))
