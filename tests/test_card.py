"""The rule card follows the policy: change the policy, and the text changes."""

from dataclasses import fields, replace

import pytest
from conftest import Hall
from test_histories import PLAN

from controller.settings.schema import Policy, Settings
from display.paper import card, ticket
from drivers.base.paper import Line


def changed(plan: Settings, **policy: object) -> Settings:
    return replace(plan, policy=replace(plan.policy, **policy))  # type: ignore[arg-type]


@pytest.mark.parametrize("field", [field.name for field in fields(Policy)])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_figure_of_the_policy_is_on_the_card(field: str, lang: str) -> None:
    others = {"end": "carry", "cut_off": "fixed"}
    plan = changed(PLAN, cut_off="fixed") if field == "last_ticket_minutes" else PLAN
    value = others.get(field) or getattr(plan.policy, field) + 37
    assert card.rules(changed(plan, **{field: value}), lang) != card.rules(plan, lang)


def test_the_bound_on_the_card_is_the_largest_credit(plan: Settings) -> None:
    def bound(plan: Settings) -> str:
        return next(sentence for sentence in card.rules(plan) if "晚取号超过" in sentence)

    assert "超过 20 分钟" in bound(plan)
    assert "超过 25 分钟" in bound(changed(PLAN, prefer_minutes=25))
    assert "超过 20 分钟" in bound(changed(plan, prefer_minutes=25)), "no window prefers anything"
    assert "没有人可以提前" in card.rules(changed(plan, care_minutes=0))


def test_the_ticket_and_the_page_say_the_rules_in_force(hall: Hall) -> None:
    page = hall.page("/rules")
    for sentence in card.rules(hall.house.engine.plan):
        assert sentence in page
    assert card.in_short(changed(hall.house.engine.plan, calls=2))[1].startswith("叫2次")


def test_the_two_sentences_are_a_line_each_on_a_ticket(plan: Settings) -> None:
    for policy in ({}, {"reinstates": 0}, {"care_minutes": 0}):
        for sentence in card.in_short(changed(plan, **policy)):
            assert ticket.picture((Line(sentence),), 576).height == ticket.picture((Line("短"),), 576).height
