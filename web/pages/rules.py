"""The rule card as a page, in both languages."""

from flask import Flask, render_template

from controller.runtime.engine import Engine
from display.paper import card
from display.words.catalogue import say


def add(app: Flask, engine: Engine) -> None:
    @app.get("/rules", endpoint="rules")
    def show() -> str:
        both = zip(card.rules(engine.plan), card.rules(engine.plan, "en"), strict=True)
        return render_template("rules.html", say=say, plan=engine.plan, rules=both)
