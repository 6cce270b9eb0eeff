"""What a type alone does not tell: names that must exist, figures within bounds, nothing double.

One function a rule; `CHECKS` lists them all. A new rule is a new function here, a sentence in
display/words under check.*, and a line in tests/test_settings.py.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints
from zoneinfo import available_timezones

from controller.settings.schema import KEYS, ON_TICKET, Hours, Policy, layout

Path = tuple[str, ...]  # of a key: ("window", "3", "services")
# Of a device: a path, but /dev/usb/lp0 is a printer's (lp:); or what pyserial and our own wires know.
_URL = r"/(?!dev/usb/lp)|(socket|rfc2217|usb)://|(lp|spi):/|exec:"

AT_LEAST_ONE = ("calls", "hold_minutes")  # of the policy; all else may be 0


@dataclass(frozen=True, slots=True)
class Draft:
    """A hall.toml that was read, though perhaps not all of it: `parts` by the names of Settings' fields;
    `names`: the stanzas of each group, also those that could not be read.

    `wrong(path, code, **arguments)` notes a mistake; `among(path, word, words)` notes one if `word` is
    none of `words`, with the nearest that is."""

    parts: Mapping[str, Any]
    names: Mapping[str, list[str]]
    wrong: Callable[..., None]
    among: Callable[[Path, str, Iterable[str]], None]

    def stanzas(self, group: str) -> Mapping[str, Any]:
        """Those of a group that could be read."""
        return self.parts.get(group) or {}

    def known(self, group: str) -> list[str]:
        """The names of a group's stanzas."""
        return self.names.get(group, [])

    def not_twice(self, code: str, values: Mapping[Path, Any]) -> None:
        """Of two keys with the same value the second is a mistake."""
        first: dict[Any, Path] = {}
        for path, value in values.items():
            other = first.setdefault(value, path)
            if other != path:
                self.wrong(path, code, value=value, other=".".join(other))


def timezone_exists(draft: Draft) -> None:
    if hall := draft.parts.get("hall"):
        draft.among(("hall", "timezone"), hall.timezone, sorted(available_timezones()))


def sessions_follow_each_other(draft: Draft) -> None:
    hours = draft.parts.get("hours")
    for day in get_type_hints(Hours) if hours else ():
        moments = [moment for session in getattr(hours, day) if session for moment in session]
        if moments != sorted(set(moments)):
            draft.wrong(("hours", day), "overlap")


def some_day_has_hours(draft: Draft) -> None:
    if draft.parts.get("hours") == Hours():
        draft.wrong(("hours",), "missing")


def layout_can_be_printed(draft: Draft) -> None:
    ticket = draft.parts.get("ticket")
    try:
        layout(ticket.layout if ticket else "")
    except ValueError as error:
        draft.wrong(("ticket", "layout"), "layout", value=error.args[0], known=" ".join(ON_TICKET))


def figures_are_large_enough(draft: Draft) -> None:
    least = {("policy", key): 1 if key in AT_LEAST_ONE else 0 for key in get_type_hints(Policy)}
    least |= {("board", "inches"): 1, ("board", "metres"): 1}
    for (table, key), low in least.items():
        value = getattr(draft.parts.get(table), key, low)  # what could not be read is no second mistake
        if isinstance(value, int | float) and value < low:
            draft.wrong((table, key), "least", least=low)


def windows_serve_services(draft: Draft) -> None:
    for name, window in draft.stanzas("window").items():
        for service in window.services:
            draft.among(("window", name, "services"), service, draft.known("service"))
        for service in window.prefers:
            draft.among(("window", name, "prefers"), service, window.services)
        if not window.services:
            draft.wrong(("window", name, "services"), "empty")


def services_have_a_letter_and_a_window(draft: Draft) -> None:
    served = {service for window in draft.stanzas("window").values() for service in window.services}
    for code in draft.known("service"):
        if not re.fullmatch(r"[A-HJ-NP-Z]", code):  # I and O are read as 1 and 0 (hall.md §2.2)
            draft.wrong(("service", code), "service_code", value=code)
        elif code not in served:
            draft.wrong(("service", code), "unserved", value=code)


def groups_exist(draft: Draft) -> None:
    for code, service in draft.stanzas("service").items():
        if service.group:
            draft.among(("service", code, "group"), service.group, draft.known("group"))


def printers_exist(draft: Draft) -> None:
    for name, kiosk in draft.stanzas("kiosk").items():
        draft.among(("kiosk", name, "printer"), kiosk.printer, draft.known("device"))


def devices_stand_somewhere(draft: Draft) -> None:
    for name, device in draft.stanzas("device").items():
        if device.window:
            draft.among(("device", name, "window"), device.window, draft.known("window"))
        if device.kiosk:
            draft.among(("device", name, "kiosk"), device.kiosk, draft.known("kiosk"))
        for window in filter(None, device.zone):  # zone = [""]: a voice that speaks no window's calls
            draft.among(("device", name, "zone"), window, draft.known("window"))


def volumes_are_percent_from_a_time_on(draft: Draft) -> None:
    for name, device in draft.stanzas("device").items():
        for moment, percent in device.volume.items():
            if not (re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", moment) and 0 <= percent <= 100):
                draft.wrong(("device", name, "volume", moment), "volume", value=f'"{moment}" = {percent}')


def urls_are_of_a_known_kind(draft: Draft) -> None:
    for name, device in draft.stanzas("device").items():
        if device.url and not re.match(_URL, device.url):
            draft.wrong(("device", name, "url"), "url", value=device.url)


def pins_and_keys_mean_something(draft: Draft) -> None:
    for name, device in draft.stanzas("device").items():
        for service in device.options.get("pins", {}):
            draft.among(("device", name, "pins"), service, draft.known("service"))
        for key in device.options.get("keys", []):
            draft.among(("device", name, "keys"), key, KEYS)


def a_wire_has_one_speed(draft: Draft) -> None:
    speeds: dict[str, int] = {}
    for name, device in draft.stanzas("device").items():
        if device.baudrate != speeds.setdefault(device.url, device.baudrate):
            draft.wrong(("device", name, "baudrate"), "double_speed", value=device.url)


def a_clerk_has_one_window(draft: Draft) -> None:
    windows = draft.stanzas("window")
    draft.not_twice("double_clerk", {("window", name, "clerk"): it.clerk for name, it in windows.items()})


def a_place_on_a_wire_has_one_device(draft: Draft) -> None:
    places: dict[Path, Any] = {}
    for name, device in draft.stanzas("device").items():
        if device.url:
            places["device", name, "url"] = f"{device.url} {device.options.get('address', '')}".strip()
    draft.not_twice("double_place", places)


CHECKS: tuple[Callable[[Draft], None], ...] = (
    timezone_exists,
    sessions_follow_each_other,
    some_day_has_hours,
    layout_can_be_printed,
    figures_are_large_enough,
    windows_serve_services,
    services_have_a_letter_and_a_window,
    groups_exist,
    printers_exist,
    devices_stand_somewhere,
    volumes_are_percent_from_a_time_on,
    urls_are_of_a_known_kind,
    pins_and_keys_mean_something,
    a_wire_has_one_speed,
    a_clerk_has_one_window,
    a_place_on_a_wire_has_one_device,
)
