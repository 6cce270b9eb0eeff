"""A device's press -> a command, by the settings and what is true now. Pure."""

from datetime import date, datetime

from controller.hall.commands import (
    AtWindow,
    CallHeld,
    CallNext,
    Command,
    Complete,
    ConfirmTime,
    Hold,
    NoShow,
    Pause,
    Recall,
    Resume,
    SignIn,
    SignOut,
    Start,
    TakeTicket,
    Transfer,
)
from controller.hall.state import State
from controller.settings.schema import PAUSE_REASONS, Settings

RELEASED = date(2026, 11, 28)  # no hall runs this program before
LEAP = 8  # years between two 29 February at most

COMMANDS: dict[str, type[AtWindow]] = {
    "next": CallNext,
    "recall": Recall,
    "start": Start,
    "complete": Complete,
    "no_show": NoShow,
    "pause": Pause,
    "resume": Resume,
    "sign_out": SignOut,
    "hold": Hold,
}

LONGEST = 40  # figures that are read at all; the rules say how large a number may be


def command(
    plan: Settings, state: State, device: str, key: str, press: str, number: str = ""
) -> Command | None:
    """What pressing `key` of `device`, after typing `number`, asks for; None if it means nothing."""
    place = plan.device[device]
    if place.kiosk:
        return TakeTicket(key, place.kiosk, actor=device, press=press)
    return at_window(plan, state, place.window, key, press, number) if place.window else None


def at_window(
    plan: Settings, state: State, name: str, key: str, press: str, number: str = "", clerk: str = ""
) -> Command | None:
    """The same for a key at window `name`; `clerk`: the 工号 that signed in there by hand, on a page, whose
    buttons say what they set. A box has one key for pause and resume."""
    if key not in COMMANDS:
        return None
    window = state.window(name)
    if len(number) == 8 and state.last and not state.last.trusted:  # month, day, hour, minute
        actor, wall = clerk or window.clerk or plan.window[name].clerk, meant(number, state.believed)
        return ConfirmTime(wall, actor=actor, press=press) if wall else None
    if not window.clerk:
        if key in ("sign_out", "resume"):
            return None  # the window was closed before, such as by the evening
        # A box without digits: its first press opens the window under the configured 工号.
        clerk = clerk or number or plan.window[name].clerk
        return SignIn(name, clerk, actor=clerk, press=press)
    actor = clerk or window.clerk
    if number and key in ("recall", "pause") and not _figures(number):
        return None
    match key, number:
        case ("next", "0") | ("hold", "") if number or not window.ticket:
            return CallHeld(window=name, actor=actor, press=press)
        case "no_show", "0":
            return Hold(name, actor=actor, press=press)
        case "next", _:
            return CallNext(name, number, actor=actor, press=press)
        case "recall", str() if number:  # pads have no key of their own for it
            return Transfer(window=name, to=str(int(number)), actor=actor, press=press)
        case "pause", str() if number:  # the reason's figure, then minutes: 210 is copy, ten minutes
            reason = PAUSE_REASONS[min(int(number[0]), len(PAUSE_REASONS)) - 1]
            return Pause(name, reason, int(number[1:] or 0), actor=actor, press=press)
        case _ if number:
            return None
    kind = Resume if window.paused and key == "pause" and not clerk else COMMANDS[key]
    return kind(name, actor=actor, press=press)


def _figures(typed: str) -> bool:
    """Can `typed` be read as a number? Not what only looks like figures (²), nor hundreds of them."""
    return typed.isdecimal() and len(typed) <= LONGEST


def meant(typed: str, believed: datetime | None) -> datetime | None:
    """Month, day, hour and minute in the first year in which they are not before the newest day that was
    believed, or that on which this program was released; None if there is no such day."""
    first = believed.date() if believed else RELEASED
    for year in range(first.year, first.year + LEAP + 1):
        try:
            wall = datetime.strptime(f"{year}{typed}", "%Y%m%d%H%M")
        except ValueError:
            continue
        if wall.date() >= first:
            return wall
    return None
