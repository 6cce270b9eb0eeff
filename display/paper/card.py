"""The rule card: the hall's rules in sentences, made from the policy that is in force. Pure."""

from collections.abc import Iterable
from dataclasses import asdict

from controller.settings.schema import Settings
from display.words.catalogue import lines, say


def rules(plan: Settings, lang: str = "zh") -> list[str]:
    """The sentences of the card, in order."""

    def called(codes: Iterable[str]) -> list[str]:
        services = [plan.service[code] for code in codes]
        return [service.name if lang == "zh" else service.name_en for service in services]

    return lines("rules", say=say, lang=lang, plan=plan, figures=asdict(plan.policy), called=called)


def in_short(plan: Settings) -> tuple[str, str]:
    """The two sentences on a ticket."""
    policy = plan.policy
    order = say("rules.short_care" if policy.care_minutes else "rules.order", minutes=policy.care_minutes)
    back = "rules.short_missed" if policy.reinstates else "rules.short_no_return"
    return order, say(back, calls=policy.calls, minutes=policy.missed_minutes)
