"""A ticket's page behind its QR code: where am I, how long, my window. Without JavaScript."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, make_response, render_template, request

from controller.hall import calendar
from controller.hall.commands import digest
from controller.hall.line import ahead
from controller.hall.moment import Now
from controller.hall.state import State
from controller.runtime.engine import Engine
from controller.settings.schema import Settings
from display.words.catalogue import minutes, say

AFTER = timedelta(hours=2)  # after closing, for which a link still answers


def alive(plan: Settings, state: State, now: Now) -> bool:
    """Do links of the day still answer: until two hours after its last session."""
    if state.open or state.staffed or not now.trusted:
        return True
    last = [end for _, end in calendar.sessions(plan, now.wall.date())][-1:]
    today = calendar.business_day(now.wall) == state.day
    return today and any(now.wall < datetime.combine(now.wall, end, now.wall.tzinfo) + AFTER for end in last)


def add(app: Flask, engine: Engine, foreseen: Callable[[], Mapping[str, Mapping[str, float]]]) -> None:
    @app.get("/t/<token>")
    def ticket_page(token: str) -> Response:
        plan, state, now = engine.plan, engine.state, engine.clock.now()
        number = state.links.get(digest(token)) if plan.web.link else None
        if not number or not alive(plan, state, now):
            return make_response(render_template("refused.html", say=say, text=say("phone.dead")), 404)
        ticket = state.tickets.get(number)
        view: dict[str, Any] = {
            "number": number,
            "phase": ticket.state if ticket else "done",
            "hall": plan.hall,
        }
        if ticket:
            view["phase"] = "here" if ticket.here else ticket.state
            told = foreseen().get(ticket.service)
            view |= {
                "ahead": ahead(state, ticket),
                "window": ticket.window,
                "service": plan.service.get(ticket.service),
            }
            view["wait"] = minutes(told) if told and ticket.state == "waiting" else ""
        if state.frozen:
            view["frozen"] = say(f"freeze.{state.frozen}")
        # Who is nearly there looks more often.
        every = 10 if view["phase"] != "waiting" or view["ahead"] < 4 else 30
        answer = make_response(
            render_template("phone.html", say=say, every=every, policy=plan.policy, **view)
        )
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["Cache-Control"] = "private, no-cache"
        answer.add_etag()
        answer.make_conditional(request)
        return answer
