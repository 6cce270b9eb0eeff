"""A device's press -> a command, by the settings and what is true now. Pure."""

from datetime import datetime

from controller import model as m
from controller.hall import State
from controller.settings import PAUSE_REASONS, Settings

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
    if not place.window or key not in COMMANDS:
        return None
    window = state.window(place.window)
    if len(number) == 8 and state.last and not state.last.trusted:  # month, day, hour, minute
        try:
            wall = datetime.strptime(f"{state.last.wall.year}{number}", "%Y%m%d%H%M")
        except ValueError:
            return None
        actor = window.clerk or plan.window[place.window].clerk
        return m.ConfirmTime(wall, actor=actor, press=press)
    if not window.clerk:
        # A box without digits: its first press opens the window under the configured 工号.
        clerk = number or plan.window[place.window].clerk
        return m.SignIn(place.window, clerk, actor=clerk, press=press)
    actor = window.clerk
    match key, number:
        case ("next", "0") | ("hold", "") if number or not window.ticket:
            return m.CallHeld(window=place.window, actor=actor, press=press)
        case "no_show", "0":
            return m.Hold(place.window, actor=actor, press=press)
        case "next", _:
            return m.CallNext(place.window, number, actor=actor, press=press)
        case "recall", str() if number:  # pads have no key of their own for it
            return m.Transfer(window=place.window, to=str(int(number)), actor=actor, press=press)
        case "pause", str() if number:  # the reason's figure, then minutes: 210 is copy, ten minutes
            reason = PAUSE_REASONS[min(int(number[0]), len(PAUSE_REASONS)) - 1]
            return m.Pause(place.window, reason, int(number[1:] or 0), actor=actor, press=press)
        case _ if number:
            return None
    kind = m.Resume if window.paused and key == "pause" else COMMANDS[key]
    return kind(place.window, actor=actor, press=press)
