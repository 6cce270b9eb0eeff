"""Every value that comes in has bounds, whoever asks; what is beyond them is refused with its cure."""

import contextlib
import itertools
import json
import time
from dataclasses import fields, replace
from typing import Any

import pytest
from conftest import MONDAY, Hall
from tables import BY, IN, PLAN, TAKE, Scene
from values import COMMANDS, beyond, within
from visitor import clerk, technician

from controller.hall import bounds, keys
from controller.hall.bounds import declared
from controller.hall.commands import (
    CallNext,
    Command,
    LoadPlan,
    Pause,
    RecordSlips,
    SignIn,
    TakeTicket,
    Transfer,
)
from controller.hall.decide import decide, refused
from controller.hall.outcome import Refused
from display.words.catalogue import catalogue, refusal

FIELDS = [(kind, name) for kind in COMMANDS for name in declared(kind)]  # type: ignore[arg-type]


def plain(kind: type[Command]) -> dict[str, Any]:
    """Values for every field of a command that may well be asked."""
    values: dict[str, Any] = {
        "actor": "1001",
        "service": "A",
        "kiosk": "hall",
        "clerk": "1001",
        "window": "1",
    }
    values |= {"text": "x", "wall": MONDAY, "finish": MONDAY, "last": 1, "printer": "printer", "reason": ""}
    values |= {"day": "2026-11-23", "ticket": "A001", "answer": "confirmed", "faults": {}, "services": ("A",)}
    return {name: values[name] for name in declared(kind) if name in values}  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda it: getattr(it, "__name__", it))
def test_every_field_of_every_command_refuses_what_is_beyond_its_bounds(
    kind: type[Command], name: str
) -> None:
    state, now = Scene().ask(*IN, TAKE).state, Scene().clock.now()
    limits = declared(kind)[name]  # type: ignore[arg-type]
    for value in beyond(limits):
        command = kind(**{**plain(kind), name: value})
        with pytest.raises(Refused) as why:
            decide(PLAN, state, command, now)
        assert why.value.code in bounds.BAD, value
        assert why.value.arguments["field"] == name
        assert refused(command, why.value, now) == [], "what is beyond all bounds is not written down"
        for lang in ("zh", "en"):
            assert refusal(why.value, lang).startswith(catalogue()[f"field.{name}"][lang])
    for value in within(limits):
        bounds.check(kind(**{**plain(kind), name: value}))


def test_every_field_is_declared_with_bounds() -> None:
    for kind in COMMANDS:
        assert {field.name for field in fields(kind)} == set(declared(kind)), kind  # type: ignore[arg-type]
        assert all(list(beyond(limits)) for limits in declared(kind).values())  # type: ignore[arg-type]
    assert len(FIELDS) > 100


@pytest.mark.parametrize(
    ("command", "zh", "en"),
    [
        (
            Pause("1", "away", 9_999_999_999, **BY),
            "暂停的分钟数要填 0 到 480 的整数",
            "The minutes of the pause must be a whole number from 0 to 480",
        ),
        (
            SignIn("3", "9" * 15_000, **BY),
            "工号要填 1 到 20 个字",
            "The number of the clerk (工号) must have 1 to 20 characters",
        ),
        (
            SignIn("3", "", **BY),
            "工号要填 1 到 20 个字",
            "The number of the clerk (工号) must have 1 to 20 characters",
        ),
        (
            RecordSlips("A", 999, **BY),
            "手写号一次最多记 100 张，这次最多记到 101；真的不止这些，就分几次记",
            "At most 100 slips at a time, up to 101 now; "
            "if there really are more, record them in several goes",
        ),
        (
            LoadPlan("", "at once", **BY),
            "配置要填 1 到 500000 个字",
            "The text of hall.toml must have 1 to 500000 characters",
        ),
        (
            TakeTicket("A", "hall", reason="\x1b[2J", **BY),
            "原因里有不能用的内容，请重新填写",
            "The reason holds what cannot be used here; please enter it again",
        ),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, Command) else "",
)
def test_who_asks_for_too_much_is_told_how_much_is_right(command: Command, zh: str, en: str) -> None:
    scene = Scene().ask(*IN, TAKE)
    with pytest.raises(Refused) as why:
        decide(PLAN, scene.state, command, scene.clock.now())
    assert (refusal(why.value), refusal(why.value, "en")) == (zh, en)


TYPED = ["99999999999", "9" * 401, "9" * 5000, "²", "1²", "x", "-1", "1e308", "nan"]


@pytest.mark.parametrize("key", list(keys.COMMANDS))
def test_whatever_is_typed_before_a_key_is_done_refused_or_means_nothing(key: str) -> None:
    for before in (IN, ()):
        scene = Scene().ask(*before)
        for trusted, typed in itertools.product((True, False), TYPED):
            state = replace(scene.state, last=replace(scene.clock.now(), trusted=trusted))
            asked = keys.at_window(PLAN, state, "1", key, "p1", typed)
            if isinstance(asked, Pause | Transfer | CallNext):
                with pytest.raises(Refused):
                    decide(PLAN, state, asked, scene.clock.now())
            elif asked:  # the first press opens the window under whatever 工号 is typed
                with contextlib.suppress(Refused):
                    assert len(typed) <= 20 or not decide(PLAN, state, asked, scene.clock.now())


FIGURES = [
    "9" * 401,
    "9" * 5000,
    "1e308",
    "-1e308",
    "NaN",
    "-Infinity",
    "-1",
    "true",
    '"²"',
    '"x"',
    '""',
    "[]",
    "{}",
]


@pytest.mark.parametrize("figures", FIGURES, ids=lambda figures: figures[:9])
def test_nothing_that_a_program_or_a_page_sends_ends_the_hall(shared_hall: Hall, figures: str) -> None:
    hall, asking = shared_hall, technician(shared_hall)
    for path, body in (
        ("/api/v1/windows/3/pause", f'{{"minutes": {figures}}}'),
        ("/api/v1/hall/record-slips", f'{{"service": "A", "last": {figures}}}'),
        ("/api/v1/hall/confirm-time", f'{{"wall": {figures}}}'),
        ("/api/v1/windows/3/sign-in", f'{{"clerk": {figures}, "press": 5}}'),
    ):
        answer = asking.ask("POST", path, body.encode())
        assert answer.status in (400, 409), (path, answer.text)
        assert json.loads(answer.text)["message"]
    pager = clerk(hall, "/window/3")
    for key in ("pause", "recall", "next", "find"):
        for seen, number in ((figures, '"1"'), (time.monotonic(), figures)):
            body = f'{{"key": "{key}", "seen": {seen}, "number": {number}}}'
            assert pager.ask("POST", "/window/3/press", body.encode()).status in (200, 400), body
    assert hall.get("/health")["ok"]
