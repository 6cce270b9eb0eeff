"""The one catalogue of sentences: a code and its arguments -> what people read or hear."""

import logging
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from math import ceil, floor
from typing import Any

from jinja2 import Environment, PackageLoader

from controller.hall.events import Event
from controller.hall.outcome import Refused

log = logging.getLogger("hallqueue.words")
_said: dict[str, dict[str, str]] = {}  # where a hall has sentences of its own: all of its sentences


@cache
def written() -> dict[str, dict[str, str]]:
    """Every sentence by its code, such as "fault.paper_out", in each language, as words.toml has it."""
    groups = tomllib.loads(files("display.words").joinpath("words.toml").read_text("utf-8"))
    return {f"{group}.{code}": texts for group, all_ in groups.items() for code, texts in all_.items()}


def catalogue() -> dict[str, dict[str, str]]:
    """Every sentence as this hall says it."""
    return _said or written()


def override(own: Mapping[str, Mapping[str, str]]) -> None:
    """A hall's own sentences from now on, in place of ours; those of a hall before it are forgotten."""
    global _said
    _said = {**written(), **{code: {**written()[code], **texts} for code, texts in own.items()}}


@dataclass(frozen=True, slots=True)
class Part:
    """A sentence within a sentence: an argument that is said in the language of the whole."""

    code: str
    arguments: Mapping[str, Any]


@cache
def _unsaid(code: str, why: str) -> None:
    """Logged once: a page says the same sentence every four seconds."""
    log.error("the sentence %s cannot be said: %s", code, why)


def say(code: str, lang: str = "zh", /, **arguments: Any) -> str:
    """The sentence `code` in `lang` ("zh" or "en"); a code without a sentence is said as it is, and so is
    one whose sentence cannot be filled in: who speaks of a trouble must not be in trouble by it. An
    argument may be a sentence itself, a `Part`."""
    texts = catalogue().get(code)
    try:
        parts = {name: part for name, part in arguments.items() if isinstance(part, Part)}
        said = {name: say(part.code, lang, **part.arguments) for name, part in parts.items()}
        return texts[lang].format(**arguments | said) if texts else code
    except Exception as error:  # noqa: BLE001 - whatever an argument's own text may raise
        _unsaid(code, type(error).__name__)
        return code


def columns(text: str) -> int:
    """How wide a text is on a sign or a slow printer: a hanzi is two columns, all else one."""
    return sum(1 if character.isascii() else 2 for character in text)


def fit(code: str, room: int, lang: str = "zh", /, **arguments: Any) -> str:
    """The longest form of a sentence that `room` columns hold; the last one where none does."""
    forms = say(code, lang, **arguments).split("|")
    return next((form for form in forms if columns(form) <= room), forms[-1])


def when(moment: datetime, now: datetime, lang: str = "zh") -> str:
    """A moment to come, as short as `now` allows: 14:30, or 10月8日(周四)8:00."""
    time = f"{moment.hour}:{moment.minute:02}"
    if moment.date() == now.date():
        return say("when.today", lang, time=time)
    weekday = say(f"weekday.{moment.weekday()}", lang)
    return say("when.later", lang, month=moment.month, day=moment.day, weekday=weekday, time=time)


def minutes(told: Mapping[str, float], lang: str = "zh") -> str:
    """The range of a forecast, rounded outward to five minutes."""
    low, high = (5 * floor(told["low"] / 300), 5 * ceil(told["high"] / 300))
    code = "soon" if told["high"] < 300 else "long" if high > 90 else "range" if low else "within"
    return say(f"wait.{code}", lang, low=low, high=high)


def refusal(refused: Refused, lang: str = "zh") -> str:
    """What a refusal says to the person who asked."""
    said = dict(refused.arguments)
    now = said.pop("now", None)
    for name, value in said.items():
        if isinstance(value, datetime):
            said[name] = when(value, now, lang) if now else f"{value:%Y-%m-%d %H:%M}"
    if refused.code == "frozen":
        said["reason"] = say(f"freeze.{said['reason']}", lang)
    if "field" in said:
        said["field"] = say(f"field.{said['field']}", lang)
    return say(f"refused.{refused.code}", lang, **said)


# Whose sentences the codes of an event are.
_CODES = {"WindowPaused": "pause", "HallFrozen": "freeze", "KioskClosed": "fault", "TicketPrinted": "answer"}
_CODES |= {"TicketsStopped": "sent"}


def happened(event: Event, say: Callable[..., str] = say) -> str:
    """An event in a sentence of `say`."""
    kind, said = type(event).__name__, dict(vars(event))
    said |= {name: " ".join(map(str, value)) for name, value in said.items() if isinstance(value, tuple)}
    for name in said.keys() & {"answer", "reason", "code"}:
        code = f"{'sent' if name == 'code' else _CODES.get(kind, 'proof')}.{said[name]}"
        if code in catalogue():
            said[name] = say(code, **said)
    return say(f"event.{kind}", **said)


def lines(template: str, **values: Any) -> list[str]:
    """The lines of a text in display/words/answers."""
    pages = Environment(
        loader=PackageLoader("display.words", "answers"), trim_blocks=True, lstrip_blocks=True
    )
    return pages.get_template(f"{template}.txt").render(**values).splitlines()
