"""What the voice says, and whether it still has to be said. Pure."""

from collections.abc import Mapping

from controller.hall.state import State
from display.words.catalogue import say


def spell(number: str, lang: str = "zh") -> str:
    """A ticket number as it is spoken, figure by figure: A零零一 (零, never 〇)."""
    figures = dict(zip("0123456789", say("voice.letters", lang).split(","), strict=False))
    return "".join(figures.get(c, c) for c in number)


def call(ticket: str, window: str, lang: str = "zh", form: str = "call") -> str:
    """What calls a ticket to a window; `form` is "short" where others wait to be called."""
    return say(f"voice.{form}", lang, spelled=spell(ticket, lang), window=window)


def is_called(number: str, window: str, state: State) -> bool:
    """Does the visitor still have to be told?"""
    ticket = state.tickets.get(number)
    facts = ticket and (ticket.state, ticket.window, ticket.here, state.frozen)
    return facts == ("called", window, False, "")


def volume(table: Mapping[str, int], hour: str) -> int:
    """The percent at `hour` (08:00); before the day's first moment, that of yesterday's last."""
    last = max(table, key=lambda moment: (moment.zfill(5) <= hour, moment.zfill(5)), default="")
    return table.get(last, 100)


def emergency(reason: str, lang: str = "zh") -> str:
    """What is said when the hall freezes."""
    return say("voice.frozen", lang, reason=say(f"freeze.{reason}", lang))
