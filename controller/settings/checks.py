"""What a type alone does not tell: names that must exist, figures within bounds, nothing double.

One function a rule; `CHECKS` lists them all. A new rule is a new function here, a sentence in
display/words under check.*, and a line in tests/test_settings.py.
"""

import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from controller.settings.schema import KEYS, ON_TICKET, Hours, layout

Path = tuple[str, ...]  # of a key: ("window", "3", "services")
# The kinds of url that a driver can live on (`urls`), each with an example for who must write one.
URLS = {
    "path": "/dev/serial/by-id/...",
    "socket": "socket://192.168.1.60:9100",
    "rfc2217": "rfc2217://192.168.1.60:4001",
    "usb": "usb://0416:5011",
    "lp": "lp:/dev/usb/lp0",
    "spi": "spi:/dev/spidev0.0",
    "exec": "exec:aplay -q",
}
# What a figure may be, least and most, by group and key.
BOUNDS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "policy": {
        "care_minutes": (0, 480),
        "prefer_minutes": (0, 480),
        "calls": (1, 20),
        "recall_seconds": (0, 600),
        "no_show_seconds": (0, 3600),
        "missed_minutes": (0, 480),
        "reinstate_after": (0, 100),
        "reinstates": (0, 100),
        "hold_minutes": (1, 480),
        "last_ticket_minutes": (0, 480),
        "grace_minutes": (0, 480),
    },
    "board": {"screens": (0, 100), "inches": (1, 300), "metres": (1, 100)},
    "service": {"minutes": (1, 480), "quota": (0, 1999)},
    "kiosk": {"roll": (1, 1000)},
    "device": {"baudrate": (300, 4_000_000), "retry": (0.01, 3600)},
}
LONGEST = {"window": 64, "kiosk": 64, "device": 64}  # characters of a stanza's name
CLERK = 20  # characters of a 工号


@dataclass(frozen=True, slots=True)
class Draft:
    """A hall.toml that was read, though perhaps not all of it: `parts` by the names of Settings' fields;
    `names`: the stanzas of each group, also those that could not be read.

    `drivers`: the classes of the devices that could be read.

    `wrong(path, code, **arguments)` notes a mistake; `among(path, word, words)` notes one if `word` is
    none of `words`, with the nearest that is."""

    parts: Mapping[str, Any]
    names: Mapping[str, list[str]]
    drivers: Mapping[str, type[Any]]
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
    hours = draft.parts.get("hours") or Hours()
    sessions: dict[Path, Any] = {("hours", day): getattr(hours, day) for day in get_type_hints(Hours)}
    for code, service in draft.stanzas("service").items():
        sessions["service", code, "hours"] = service.hours
    for path, told in sessions.items():
        moments = [moment for session in told for moment in session]
        if moments != sorted(set(moments)):
            draft.wrong(path, "overlap")


def services_have_hours_within_the_halls(draft: Draft) -> None:
    week = draft.parts.get("hours") or Hours()
    opened = [session for day in range(7) for session in week.of(day)]
    for code, service in draft.stanzas("service").items():
        for start, end in service.hours if opened else ():
            if not any(start < closes and opens < end for opens, closes in opened):
                draft.wrong(("service", code, "hours"), "outside", value=f"{start:%H:%M}-{end:%H:%M}")


def some_day_has_hours(draft: Draft) -> None:
    if draft.parts.get("hours") == Hours():
        draft.wrong(("hours",), "missing")


def layout_can_be_printed(draft: Draft) -> None:
    ticket = draft.parts.get("ticket")
    try:
        layout(ticket.layout if ticket else "")
    except ValueError as error:
        draft.wrong(("ticket", "layout"), "layout", value=error.args[0], known=" ".join(ON_TICKET))


def figures_are_within_bounds(draft: Draft) -> None:
    for group, keys in BOUNDS.items():
        stanzas = draft.parts.get(group)
        tables = stanzas if isinstance(stanzas, Mapping) else {"": stanzas}
        for name, table in tables.items():
            for key, (low, high) in keys.items():
                told = getattr(table, key, low)  # what could not be read is no second mistake
                for value in told if isinstance(told, tuple) else (told,):
                    if not low <= value <= high:
                        path = (group, name, key) if name else (group, key)
                        draft.wrong(path, "range", value=value, low=low, high=high)


def bounded(group: str, stanzas: Any) -> Any:
    """A group of the settings in which a figure beyond its bounds is at the bound, and what is no number at
    the lower one: a hall that goes on by a text of before does not reckon with such figures."""
    keys = BOUNDS.get(group)
    if keys is None or stanzas is None:
        return stanzas
    if isinstance(stanzas, Mapping):
        return {name: _bounded(table, keys) for name, table in stanzas.items()}
    return _bounded(stanzas, keys)


def _bounded(table: Any, keys: Mapping[str, tuple[float, float]]) -> Any:
    right = {}
    for key, (low, high) in keys.items():
        told = getattr(table, key)
        each = [max(low, min(value, high)) for value in (told if isinstance(told, tuple) else (told,))]
        right[key] = tuple(each) if isinstance(told, tuple) else each[0]
    return replace(table, **right)


def names_can_be_said(draft: Draft) -> None:
    for group, longest in LONGEST.items():
        for name in draft.known(group):
            if not 1 <= len(name.strip()) <= len(name) <= longest:
                draft.wrong((group, name), "name", longest=longest)


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


def kiosks_have_printers(draft: Draft) -> None:
    for name, kiosk in draft.stanzas("kiosk").items():
        printers = [device for device, driver in draft.drivers.items() if hasattr(driver, "print")]
        if kiosk.printer in draft.drivers:
            draft.among(("kiosk", name, "printer"), kiosk.printer, printers)
        else:
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


def _is(kind: str, url: str) -> bool:
    """Is it a whole url of this kind? May raise ValueError."""
    match kind:
        case "path":  # /dev/usb/lp0 is a printer's, which speaks only behind lp:
            return url.startswith("/") and not url.startswith("/dev/usb/lp")
        case "socket" | "rfc2217":
            parts = urlsplit(url)
            return parts.scheme == kind and bool(parts.hostname and parts.port)
        case "usb":
            return bool(re.fullmatch(r"usb://([\da-fA-F]{4}:[\da-fA-F]{4}(/.+)?|port/\d+-[\d.]+)", url))
        case "exec":
            return url.startswith("exec:") and bool(shlex.split(url.removeprefix("exec:")))
    return url.startswith(f"{kind}:/")


def urls_are_of_a_kind_that_the_driver_knows(draft: Draft) -> None:
    for name, device in draft.stanzas("device").items():
        url = device.url or device.options.get("url", "")
        kinds = draft.drivers[name].urls if name in draft.drivers else ()
        try:
            right = not url or any(_is(kind, url) for kind in kinds or URLS)
        except ValueError:  # a port that is no number, a quote that nothing closes
            right = False
        if not right:
            known = ", ".join(URLS.get(kind, f"{kind}:/...") for kind in kinds or URLS)
            draft.wrong(("device", name, "url"), "url", value=url, known=known)


def pins_and_keys_mean_something(draft: Draft) -> None:
    for name, device in draft.stanzas("device").items():
        for option in ("pins", "lamps"):
            for service in device.options.get(option) or {}:
                draft.among(("device", name, option), service, draft.known("service"))
        keys = device.options.get("keys", KEYS)
        for key in keys:
            draft.among(("device", name, "keys"), key, KEYS)
        if len(keys) != len(set(keys)) or not keys:
            draft.wrong(("device", name, "keys"), "keys", known=" ".join(KEYS))


def a_pin_has_one_use(draft: Draft) -> None:
    uses: dict[Path, Any] = {}
    for name, device in draft.stanzas("device").items():
        host = device.options.get("host", "")  # each Pi has pins of its own
        for option in ("pins", "lamps"):
            for key, pin in (device.options.get(option) or {}).items():
                uses["device", name, option, key] = f"{pin} {host}".strip()
        if "pin" in device.options:
            uses["device", name, "pin"] = f"{device.options['pin']}"
    draft.not_twice("double_pin", uses)


def a_wire_has_one_speed(draft: Draft) -> None:
    speeds: dict[str, int] = {}
    for name, device in draft.stanzas("device").items():
        if device.url and device.baudrate != speeds.setdefault(device.url, device.baudrate):
            draft.wrong(("device", name, "baudrate"), "double_speed", value=device.url)


def a_clerk_has_one_window(draft: Draft) -> None:
    windows = draft.stanzas("window")
    for name, window in windows.items():
        if not 1 <= len(window.clerk.strip()) <= len(window.clerk) <= CLERK:
            draft.wrong(("window", name, "clerk"), "clerk", longest=CLERK)
    draft.not_twice("double_clerk", {("window", name, "clerk"): it.clerk for name, it in windows.items()})


def a_place_on_a_wire_has_one_device(draft: Draft) -> None:
    places: dict[Path, Any] = {}
    for name, device in draft.stanzas("device").items():
        if device.url:
            places["device", name, "url"] = f"{device.url} {device.options.get('address', '')}".strip()
    draft.not_twice("double_place", places)


def the_link_is_one_that_a_phone_opens(draft: Draft) -> None:
    link = draft.parts["web"].link if draft.parts.get("web") else ""
    try:
        parts = urlsplit(link)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        right = False
    if link and not right:
        draft.wrong(("web", "link"), "link", value=link)


def files_exist(draft: Draft) -> None:
    """Those of the certificate; what this user may not look at is no mistake here."""
    web = draft.parts.get("web")
    for key in ("certificate", "key"):
        if file := getattr(web, key, ""):
            try:
                os.stat(file)
            except (FileNotFoundError, NotADirectoryError, ValueError):
                draft.wrong(("web", key), "no_such_file", value=file)
            except OSError:
                pass


CHECKS: tuple[Callable[[Draft], None], ...] = (
    timezone_exists,
    sessions_follow_each_other,
    services_have_hours_within_the_halls,
    some_day_has_hours,
    layout_can_be_printed,
    figures_are_within_bounds,
    names_can_be_said,
    windows_serve_services,
    services_have_a_letter_and_a_window,
    groups_exist,
    kiosks_have_printers,
    devices_stand_somewhere,
    volumes_are_percent_from_a_time_on,
    urls_are_of_a_kind_that_the_driver_knows,
    pins_and_keys_mean_something,
    a_pin_has_one_use,
    a_wire_has_one_speed,
    a_clerk_has_one_window,
    a_place_on_a_wire_has_one_device,
    the_link_is_one_that_a_phone_opens,
    files_exist,
)
