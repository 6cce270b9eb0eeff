"""The technician's way in, and the page of PINs and devices."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, make_response, redirect, render_template, request

from controller.journal.people import SHORTEST
from display.words.catalogue import say
from web.access.guard import Access


def add(app: Flask, access: Access, clerks: Callable[[], list[str]]) -> None:
    """Give `app` the technician's way in, and the page of PINs and devices. `clerks`: of the plan."""
    people = access.people

    def page(code: int = 200, **more: Any) -> Response:
        return make_response(render_template("login.html", say=say, shortest=SHORTEST, **more), code)

    @app.get("/login")
    def login() -> Response:
        return page()

    @app.post("/login")
    def enter() -> Response:
        given, new = request.form.get("given", "").strip(), request.form.get("new", "").strip()
        first = people.is_code if given.replace(" ", "").isdigit() else lambda given: False
        if why := access.tried("technician", lambda: people.is_technician(given) or first(given)):
            return page(403, fault=f"login.{why}")
        if not people.is_technician(given):
            if len(new) < SHORTEST:
                return page(200, given=given, fault="login.short" if new else "login.choose")
            if not people.redeem(given, new):
                return page(403, fault="login.wrong")
            access.end_all("technician")
        return access.open(make_response(redirect("/", 303)), "technician", "technician", "")

    @app.post("/leave")
    def leave() -> Response:
        return access.end(make_response(redirect(request.form.get("to", "/")[:1] or "/", 303)))

    def show(**more: Any) -> str:
        known = sorted({*clerks(), *people.clerks})
        return render_template("access.html", say=say, people=people, clerks=known, **more)

    @app.get("/access", endpoint="access")
    def access_page() -> str:
        return show()

    @app.post("/access")
    def access_change() -> str:
        form = request.form
        if clerk := form.get("clerk", "").strip()[:20]:
            pin = people.pin(clerk)
            access.end_all(clerk)
            return show(clerk=clerk, pin=pin)
        if token := form.get("part"):
            people.part(token)
            return show()
        return show(paired=access.approve(form.get("code", "")))
