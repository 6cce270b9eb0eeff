"""The desk: tickets for others, copies, the missed and those at the wrong window. Plain forms."""

from flask import Flask, Response, g, make_response, redirect, render_template, request

from controller.hall.commands import (
    Answer,
    Cancel,
    Command,
    GiveHelp,
    RecordSlips,
    Reinstate,
    Reprint,
    TakeTicket,
)
from controller.hall.events import TicketIssued
from controller.hall.outcome import Refused
from controller.hall.state import account
from controller.runtime.engine import Engine
from display.screens import pager
from display.words.catalogue import refusal, say
from web.access.guard import Access


def add(app: Flask, engine: Engine, access: Access) -> None:
    def page(code: int = 200, said: str = "", fault: str = "") -> Response:
        state, typed = engine.state, request.values.get("number", "").strip()[:8]
        found = pager.meant(state, typed) if typed else None
        if typed and not found and not fault:
            fault = refusal(Refused("no_such_ticket", ticket=typed))
        known = "desk clerk" in access.roles()
        missed = [t for t in state.tickets.values() if t.state == "missed"]
        waiting = dict.fromkeys(engine.plan.service, 0)
        for ticket in state.waiting():
            waiting[ticket.service] = waiting.get(ticket.service, 0) + 1
        view = {"plan": engine.plan, "state": state, "found": found, "missed": missed, "waiting": waiting}
        view |= {"where": pager.where(state, found) if found else "", "figures": account(state)}
        return make_response(
            render_template("desk.html", say=say, known=known, said=said, fault=fault, **view), code
        )

    @app.get("/desk", endpoint="desk")
    def show() -> Response:
        return page(said=request.args.get("done", "")[:20])

    @app.post("/desk/login")
    def desk_enter() -> Response:
        clerk, pin = request.form.get("clerk", "").strip()[:20], request.form.get("pin", "")
        if why := access.tried(f"clerk {clerk}", lambda: access.people.is_clerk(clerk, pin)):
            return page(403, fault=say(f"pager.{why}"))
        return access.open(make_response(redirect("/desk", 303)), "desk clerk", clerk, "desk")

    @app.post("/desk/<act>")
    def desk_act(act: str) -> Response:
        form, clerk = request.form, g.session.who
        stamp = {"actor": clerk, "press": form.get("press", "")[:60]}
        number, service = form.get("number", ""), form.get("service", "")
        kiosk = next(iter(engine.plan.kiosk))
        figures = {name: form.get(name, "")[:6] for name in ("last", "served")}
        if not all(figure.isdecimal() for figure in figures.values() if figure):
            return page(400, fault=refusal(Refused("bad_request", detail="last, served")))
        last, served = (int(figures[name] or 0) for name in ("last", "served"))
        commands: dict[str, Command] = {
            "take": TakeTicket(
                service, kiosk, "care" in form, reason=form.get("reason", "").strip()[:60], **stamp
            ),
            "reprint": Reprint(number, **stamp),
            "reinstate": Reinstate(number, **stamp),
            "answer": Answer(number, **stamp),
            "cancel": Cancel(number, reason=form.get("reason", "").strip()[:60], **stamp),
            "slips": RecordSlips(service, last, served, **stamp),
            "help": GiveHelp(form.get("kiosk", ""), **stamp),
        }
        command = commands.get(act, Refused("bad_request", detail=act))
        outcome = command if isinstance(command, Refused) else engine.ask(command)
        if isinstance(outcome, Refused):
            return page(409, fault=refusal(outcome))
        issued = [event.ticket for event in outcome if isinstance(event, TicketIssued)]
        return make_response(redirect(f"/desk?number={(issued or [number])[0]}", 303))
