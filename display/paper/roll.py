"""How much paper is left, in a sentence. Pure."""

from datetime import timedelta

from controller.hall.events import Roll
from controller.hall.moment import Now, elapsed
from controller.hall.state import State
from controller.settings.schema import Settings
from display.words.catalogue import say


def roll(plan: Settings, state: State, printer: str, now: Now, lang: str) -> str:
    """The metres of paper left in a kiosk's printer, and when they end if today goes on like this;
    empty for other devices, and until there is paper again."""
    kiosks = {name: kiosk for name, kiosk in plan.kiosk.items() if kiosk.printer == printer}
    if not kiosks or "paper_out" in map(state.kiosks.get, kiosks):
        return ""
    rolls = [state.rolls.get(name, Roll()) for name in kiosks]
    left = max(0.0, max(kiosk.roll for kiosk in kiosks.values()) - sum(r.used for r in rolls) / 1000)
    today = sum(r.today for r in rolls) / 1000
    seconds = max((elapsed(r.first, now) or 0.0 for r in rolls if r.first), default=0.0)
    # Before a quarter of an hour has shown a pace, nobody can tell.
    if today and seconds > 900:
        end = now.wall + timedelta(seconds=min(86400.0, left / today * seconds))
        if end.date() == now.wall.date():
            return say("status.roll_until", lang, metres=round(left), time=f"{end:%H:%M}")
    return say("status.roll", lang, metres=round(left))
