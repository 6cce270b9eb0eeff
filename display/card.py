"""The rule card: the hall's rules in sentences, made from the policy that is in force. Pure."""

from collections.abc import Iterator
from typing import Any

from controller.settings import Settings
from display.words import say


def rules(plan: Settings, lang: str = "zh") -> list[str]:
    """The sentences of the card, in order."""

    def said() -> Iterator[tuple[str, dict[str, Any]]]:
        policy = plan.policy
        figures = {name: getattr(policy, name) for name in policy.__slots__}
        preferring = {name: window.prefers for name, window in plan.window.items() if window.prefers}
        credits = [policy.care_minutes, policy.prefer_minutes * bool(preferring)]
        yield "order", {}
        if policy.care_minutes:
            yield "care", figures
        for name, services in preferring.items() if policy.prefer_minutes else ():
            called = "、".join(_name(plan, code, lang) for code in services)
            yield "prefers", {**figures, "window": name, "services": called}
        yield "bound" if max(credits) else "strict", {"minutes": max(credits)}
        yield "reason", {}
        yield "calls", figures
        if policy.no_show_seconds:
            yield "no_show", figures
        yield ("reinstate" if policy.reinstates else "no_return"), figures
        yield "hold", figures
        yield "transfer", {}
        for code, service in plan.service.items():
            if service.quota:
                each = " + ".join(map(str, service.quota))
                yield "quota", {"service": _name(plan, code, lang), "each": each}
        yield f"cut_off_{policy.cut_off}", figures
        yield f"end_{policy.end}", figures

    return [say(f"rules.{code}", lang, **arguments) for code, arguments in said()]


def _name(plan: Settings, code: str, lang: str) -> str:
    service = plan.service[code]
    return service.name if lang == "zh" else service.name_en


def in_short(plan: Settings) -> tuple[str, str]:
    """The two sentences on a ticket."""
    policy = plan.policy
    order = say("rules.short_care" if policy.care_minutes else "rules.order", minutes=policy.care_minutes)
    back = "rules.short_missed" if policy.reinstates else "rules.short_no_return"
    return order, say(back, calls=policy.calls, minutes=policy.missed_minutes)
