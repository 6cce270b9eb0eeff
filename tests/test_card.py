"""The rule card follows the policy: change the policy, and the text changes."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
from conftest import Hall
from test_histories import PLAN

from controller.settings import Policy, Settings
from display import card


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
    assert card.in_short(changed(hall.house.engine.plan, calls=2))[1].startswith("叫 2 次")


def test_the_two_sentences_fit_the_narrow_paper(plan: Settings, tmp_path: Path) -> None:
    for sentence in card.in_short(plan):
        assert sum(0.5 if ord(c) < 128 else 1 for c in sentence) <= 24, sentence
