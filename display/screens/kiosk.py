"""What the kiosk's page shows, from what is true. Pure."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from controller.hall import calendar
from controller.hall.commands import TakeTicket
from controller.hall.decide import decide
from controller.hall.line import ahead, served_at
from controller.hall.moment import Now
from controller.hall.outcome import Refused
from controller.hall.state import State, seen_at
from controller.settings.schema import Settings
from display.screens.board import phase
from display.voice import spell
from display.words.catalogue import catalogue, minutes, refusal, say, when

Told = Mapping[str, Mapping[str, float]]
LANGS = ("zh", "en")


def both(code: str, **arguments: Any) -> dict[str, str]:
    """A sentence in both languages."""
    return {lang: say(code, lang, **arguments) for lang in LANGS}


def page(plan: Settings, state: State, kiosk: str, now: Now, told: Told) -> dict[str, Any]:
    """The whole page, for JSON. Texts come in both languages, as the visitor may change it."""
    state = seen_at(state, now)
    opening = calendar.next_opening(plan, now.wall)
    now_is = phase(plan, state, now.wall)
    reason = {lang: say(f"freeze.{state.frozen}", lang) for lang in LANGS}
    return {
        "phase": now_is,
        "said": {
            lang: say(f"kiosk.{now_is}", lang, opening=when(opening, now.wall, lang), reason=reason[lang])
            for lang in LANGS
        },
        "doubt": not now.trusted,
        "paper": kiosk not in state.kiosks,
        "starting": state.kiosks.get(kiosk) == "starting",
        "asked": kiosk in state.help,
        "time": f"{now.wall:%H:%M}",
        "care": plan.policy.care_minutes,
        "groups": {code: {"zh": g.name, "en": g.name_en or g.name} for code, g in plan.group.items()},
        "services": [_service(plan, state, kiosk, code, now, told) for code in plan.service],
        "newest": _newest(plan, state, kiosk),
    }


def _service(plan: Settings, state: State, kiosk: str, code: str, now: Now, told: Told) -> dict[str, Any]:
    service = plan.service[code]
    no: Refused | None = None
    try:  # the rules themselves tell whether a press would give a ticket
        decide(plan, state, TakeTicket(code, kiosk, screen=True, actor="kiosk"), now)
    except Refused as why:
        no = why
    return {
        "code": code,
        "name": {"zh": service.name, "en": service.name_en or service.name},
        "group": service.group,
        "materials": list(service.materials),
        "ahead": sum(ticket.service == code for ticket in state.waiting()),
        "wait": {lang: minutes(told[code], lang) if code in told else "" for lang in LANGS},
        "no": {lang: refusal(no, lang) if no else "" for lang in LANGS},
    }


def ticket(plan: Settings, state: State, number: str) -> dict[str, Any]:
    """A ticket that was given, for the screen that says so."""
    given = state.tickets[number]
    windows = [name for name in plan.window if given.service in served_at(plan, state, name)]
    windows = windows or list(plan.window)
    return {
        "number": number,
        "windows": both("kiosk.windows", windows="、".join(windows)),
        "ahead": both("kiosk.ahead", count=ahead(state, given)),
        "screen": given.paper in ("screen", "failed", "unconfirmed"),
    }


def spoken(plan: Settings, state: State, shown: Mapping[str, Any], parts: list[str], lang: str) -> str:
    """What the page says. A part is the code of a sentence of ours and what it is about: "ahead A" (a
    service, a group of services or a ticket); `shown`: the whole page. Other texts are never spoken."""
    things = {code: {"name": name} for code, name in shown["groups"].items()}
    things |= {one["code"]: one for one in shown["services"]}
    said = []
    for code, _, of in (part.partition(" ") for part in parts):
        about = {**shown, **(ticket(plan, state, of) if of in state.tickets else things.get(of, {}))}
        known = {key: value.get(lang) if isinstance(value, dict) else value for key, value in about.items()}
        known["spelled"] = spell(about.get("number", ""), lang)
        known["materials"] = "、".join(about.get("materials", ()))
        with suppress(KeyError):  # no such sentence, or nothing that it could be about
            said.append(catalogue()[f"spoken.{code}"][lang].format(**known))
    return "。".join(said).replace("～", say("spoken.to", lang)).replace(":00", say("spoken.sharp", lang))


def _newest(plan: Settings, state: State, kiosk: str) -> dict[str, Any] | None:
    """The newest ticket of this kiosk, also one by its own buttons; its page shows it for a while."""
    given = [t for t in state.tickets.values() if t.kiosk == kiosk and t.state == "waiting" and not t.test]
    if not given:
        return None
    newest = max(given, key=lambda t: t.place)
    return {**ticket(plan, state, newest.number), "age": state.seconds - newest.place}
