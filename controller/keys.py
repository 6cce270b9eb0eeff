"""A device's press -> a command, by the settings and what is true now. Pure."""

from controller import model as m
from controller.hall import State
from controller.settings import Settings

COMMANDS: dict[str, type[m.AtWindow]] = {
    "next": m.CallNext,
    "recall": m.Recall,
    "start": m.Start,
    "complete": m.Complete,
    "no_show": m.NoShow,
    "pause": m.Pause,
    "sign_out": m.SignOut,
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
    if not window.clerk:
        # A box without digits: its first press opens the window under the configured 工号.
        clerk = number or plan.window[place.window].clerk
        return m.SignIn(place.window, clerk, actor=clerk, press=press)
    if number and key == "next":
        return m.CallNext(place.window, number, actor=window.clerk, press=press)
    if number and key == "recall":  # pads have no key of their own for it
        return m.Transfer(place.window, str(int(number)), actor=window.clerk, press=press)
    if number:
        return None
    kind = m.Resume if window.paused and key == "pause" else COMMANDS[key]
    return kind(place.window, actor=window.clerk, press=press)
