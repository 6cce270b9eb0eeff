"""A device's press -> a command, by the settings and what is true now. Pure."""

from datetime import datetime

from controller import model as m
from controller.hall import State
from controller.settings.schema import PAUSE_REASONS, Settings

COMMANDS: dict[str, type[m.AtWindow]] = {
    "next": m.CallNext,
    "recall": m.Recall,
    "start": m.Start,
    "complete": m.Complete,
    "no_show": m.NoShow,
    "pause": m.Pause,
    "sign_out": m.SignOut,
    "hold": m.Hold,
}


def command(
    plan: Settings, state: State, device: str, key: str, press: str, number: str = ""
) -> m.Command | None:
    """What pressing `key` of `device`, after typing `number`, asks for; None if it means nothing."""
    place = plan.device[device]
    if place.kiosk:
        return m.TakeTicket(key, place.kiosk, actor=device, press=press)
    return at_window(plan, state, place.window, key, press, number) if place.window else None


def at_window(
    plan: Settings, state: State, name: str, key: str, press: str, number: str = "", clerk: str = ""
) -> m.Command | None:
    """The same for a key at window `name`; `clerk`: the 工号 that signed in there by hand."""
    if key not in COMMANDS:
        return None
    window = state.window(name)
    if len(number) == 8 and state.last and not state.last.trusted:  # month, day, hour, minute
        try:
            wall = datetime.strptime(f"{state.last.wall.year}{number}", "%Y%m%d%H%M")
        except ValueError:
            return None
        actor = clerk or window.clerk or plan.window[name].clerk
        return m.ConfirmTime(wall, actor=actor, press=press)
    if not window.clerk:
        if key == "sign_out":
            return None  # the window was closed before, such as by the evening
        # A box without digits: its first press opens the window under the configured 工号.
        clerk = clerk or number or plan.window[name].clerk
        return m.SignIn(name, clerk, actor=clerk, press=press)
    actor = clerk or window.clerk
    match key, number:
        case ("next", "0") | ("hold", "") if number or not window.ticket:
            return m.CallHeld(window=name, actor=actor, press=press)
        case "no_show", "0":
            return m.Hold(name, actor=actor, press=press)
        case "next", _:
            return m.CallNext(name, number, actor=actor, press=press)
        case "recall", str() if number:  # pads have no key of their own for it
            return m.Transfer(window=name, to=str(int(number)), actor=actor, press=press)
        case "pause", str() if number:  # the reason's figure, then minutes: 210 is copy, ten minutes
            reason = PAUSE_REASONS[min(int(number[0]), len(PAUSE_REASONS)) - 1]
            return m.Pause(name, reason, int(number[1:] or 0), actor=actor, press=press)
        case _ if number:
            return None
    kind = m.Resume if window.paused and key == "pause" else COMMANDS[key]
    return kind(name, actor=actor, press=press)
