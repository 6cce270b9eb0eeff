"""What cannot work: `check` refuses it before anything starts; a text of the journal opens all the same."""

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from conftest import MONDAY, ROOT, known_people
from daemon import Daemon, outside
from hypothesis import given
from hypothesis import strategies as st
from test_settings import TEXT, mistakes, spoken
from wait import until

from controller.app import running as roof
from controller.hall.events import PlanLoaded
from controller.hall.moment import Now
from controller.journal.store import Store
from controller.runtime.clock import FakeClock
from controller.settings.checks import BOUNDS, URLS
from controller.settings.reader import kept, parse
from controller.simulated.simulation import Simulation
from drivers.base.device import Device as Base
from drivers.base.load import load
from drivers.base.options import Range
from web.house import House

UNIT = 'address = 1\nwindow = "1"'
PRINTER = "socket://192.168.1.60:9100"
SERVICE = 'name_en = "Social insurance"'
# What `check` must refuse: what stands in the example, what in its place, the key that is named, the code.
CANNOT_WORK = {
    "an address twice on one bus": ("address = 2", "address = 1", "device.unit2.url", "double_place"),
    "a socket without a port": (PRINTER, "socket://192.168.1.60", "device.printer.url", "url"),
    "a port that is none": (PRINTER, "socket://192.168.1.60:99999", "device.printer.url", "url"),
    "a socket without a host": (PRINTER, "socket://:9100", "device.printer.url", "url"),
    "usb with 0x": (PRINTER, "usb://0x04b8:0x0202", "device.printer.url", "url"),
    "usb with a dash": (PRINTER, "usb://04b8-0202", "device.printer.url", "url"),
    "a command for a printer": (PRINTER, "exec:lp", "device.printer.url", "url"),
    "a printer's wire for a bus": (
        'url = "/dev/serial/by-path/platform-xhci-usb-0:1.1',
        'url = "usb://port/1',
        "device.unit1.url",
        "url",
    ),
    "a path for a voice": ("exec:sh -c", "/bin/sh -c", "device.voice.url", "url"),
    "a quote that nothing closes": ("aplay -q'", "aplay -q", "device.voice.url", "url"),
    "a kiosk's printer that is a sign": (
        'printer = "printer"',
        'printer = "sign1"',
        "kiosk.hall.printer",
        "unknown",
    ),
    "width 0": ("width = 576 ", "width = 0 ", "device.printer.width", "range"),
    "width of no whole bytes": ("width = 576 ", "width = 500 ", "device.printer.width", "step"),
    "two buttons on one pin": ("A = 17, B = 27", "A = 17, B = 17", "device.buttons.pins.B", "double_pin"),
    "a lamp on a button's pin": (
        "lamps = { A = 5,",
        "lamps = { A = 17,",
        "device.buttons.lamps.A",
        "double_pin",
    ),
    "pin 99": ("A = 17, B = 27", "A = 99, B = 27", "device.buttons.pins.A", "range"),
    "a lamp of no service": ("C = 13, D = 19", "C = 13, E = 19", "device.buttons.lamps", "unknown"),
    "address 300": (UNIT, UNIT.replace("1\n", "300\n", 1), "device.unit1.address", "range"),
    "a negative time": (UNIT, f"timeout = -1.0\n{UNIT}", "device.unit1.timeout", "range"),
    "a time that is no number": (UNIT, f"every = nan\n{UNIT}", "device.unit1.every", "range"),
    "no time at all": (UNIT, f"every = 0\n{UNIT}", "device.unit1.every", "range"),
    "no retry": (UNIT, f"retry = 0\n{UNIT}", "device.unit1.retry", "range"),
    "speed 0": ("baudrate = 57600", "baudrate = 0", "device.sign1.baudrate", "range"),
    "no key": (UNIT, f"keys = []\n{UNIT}", "device.unit1.keys", "keys"),
    "a key twice": (UNIT, f'keys = ["next", "next"]\n{UNIT}', "device.unit1.keys", "keys"),
    "quota -1": (SERVICE, f"{SERVICE}\nquota = [60, -1]", "service.A.quota", "range"),
    "a service of no minutes": (SERVICE, f"{SERVICE}\nminutes = 0", "service.A.minutes", "range"),
    "hours that end before they begin": (
        SERVICE,
        f'{SERVICE}\nhours = ["11:00-9:00"]',
        "service.A.hours",
        "overlap",
    ),
    "hours outside the hall's": (
        SERVICE,
        f'{SERVICE}\nhours = ["12:00-13:00"]',
        "service.A.hours",
        "outside",
    ),
    "no clerk": ('clerk = "1002"', 'clerk = " "', "window.2.clerk", "clerk"),
    "a clerk of 15,000 characters": (
        'clerk = "1002"',
        f'clerk = "{"1" * 15_000}"',
        "window.2.clerk",
        "clerk",
    ),
    "a name without an end": ("[kiosk.hall]", f"[kiosk.{'h' * 65}]", f"kiosk.{'h' * 65}", "name"),
    "a profile that is not there": (
        'driver = "sign_onbon"',
        'driver = "sign_profile"\nprofile = "no"',
        "device.sign1.profile",
        "no_profile",
    ),
    "a profile of another kind": (
        'driver = "sign_onbon"',
        'driver = "sign_profile"\nprofile = "ff68"',
        "device.sign1.profile",
        "no_profile",
    ),
    "a certificate that is not there": (
        "[board]",
        '[web]\ncertificate = "/no/hall.pem"\n[board]',
        "web.certificate",
        "no_such_file",
    ),
    "a link without http": ("[board]", '[web]\nlink = "192.168.1.5:8080"\n[board]', "web.link", "link"),
    "a roll of no metres": (
        'printer = "printer"',
        'printer = "printer"\nroll = 0',
        "kiosk.hall.roll",
        "range",
    ),
    "endless calls": ("[board]", "[policy]\ncalls = 1000000\n[board]", "policy.calls", "range"),
}


@pytest.mark.parametrize("case", CANNOT_WORK)
def test_what_cannot_work_is_refused_with_line_key_and_sentence(case: str) -> None:
    old, new, key, code = CANNOT_WORK[case]
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    found = [mistake for mistake in mistakes(text) if (mistake.key, mistake.code) == (key, code)]
    assert found, [(mistake.key, mistake.code) for mistake in mistakes(text)]
    assert key.split(".")[-1] in text.splitlines()[found[0].line - 1]
    assert all(map(spoken, mistakes(text)))


DRIVERS = {path.stem: load(path.stem) for path in (ROOT / "drivers").glob("[a-z]*_*.py")}


def figures(driver: type[Any]) -> Iterator[tuple[str, Any]]:
    """The parameters of a driver that are figures, or hold some: name and annotation."""
    hints = get_type_hints(driver.__init__, include_extras=True)
    for name in inspect.signature(driver).parameters:
        for hint in (
            hints[name],
            *get_args(hints[name]),
            *(x for y in get_args(hints[name]) for x in get_args(y)),
        ):
            if hint in (int, float) or (get_origin(hint) is Annotated and get_args(hint)[0] in (int, float)):
                yield name, hint


def test_every_figure_of_every_driver_has_its_range() -> None:
    found = [(driver, *figure) for driver, it in DRIVERS.items() for figure in figures(it)]
    assert len(found) > 25
    bare = [
        (driver, name) for driver, name, hint in found if hint in (int, float) and name not in ranged(driver)
    ]
    assert bare == []


def ranged(driver: str) -> set[str]:
    return {name for name, hint in figures(DRIVERS[driver]) if get_origin(hint) is Annotated}


@pytest.mark.parametrize("driver", DRIVERS)
def test_no_figure_beyond_its_range_passes_and_every_one_at_its_end_does(driver: str) -> None:
    for _, hint in figures(DRIVERS[driver]):
        for rule in get_args(hint)[1:]:
            assert isinstance(rule, Range)
            assert rule.refuses(rule.low) is rule.refuses(rule.high) is None
            for beyond in (rule.low - 1, rule.high + 1, float("nan"), float("inf"), -1e308, 10**400):
                assert rule.refuses(beyond)


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver_takes_the_urls_of_its_kinds_and_no_other(driver: str) -> None:
    it = DRIVERS[driver]
    takes_one = it.wired or "url" in inspect.signature(it).parameters
    assert bool(it.urls) == takes_one
    told = {
        "address": "address = 1",
        "profile": 'profile = "alpha"',
        "pin": "pin = 4",
        "pins": "pins = { A = 4 }",
    }
    if driver.startswith("callunit"):
        told["profile"] = 'profile = "ff68"'
    own = "\n".join(told[name] for name in inspect.signature(it).parameters if name in told)
    for kind, url in URLS.items() if takes_one else ():
        stanza = f'\n[device.other]\ndriver = "{driver}"\nurl = "{url}"\n{own}\n'
        try:
            parse((TEXT + stanza).encode(), load)
            refused = set()
        except roof.Mistakes as wrong:
            refused = {mistake.code for mistake in wrong.found}
        assert ("url" in refused) == (kind not in it.urls), (driver, kind)


class Untyped(Base):
    def __init__(self, name, depth=1): ...  # type: ignore[no-untyped-def]


class Unknown(Base):
    def __init__(self, name: str, depth: "Nobody" = 1) -> None: ...  # type: ignore[name-defined] # noqa: F821


class Raises:
    def refuses(self, value: object) -> None:
        raise ZeroDivisionError


class Ruled(Base):
    def __init__(self, name: str, depth: Annotated[int, Raises()] = 1) -> None: ...


class Foreign(Base):
    urls = ("can",)

    def __init__(self, name: str, depth: int = 1) -> None: ...


class NoDevice:
    def __init__(self, name: str, depth: int = 1) -> None: ...


@pytest.mark.parametrize("theirs", [Untyped, Unknown, Ruled, Foreign, NoDevice, lambda name: None, 42, None])
def test_a_driver_of_somebody_else_that_is_wrong_itself_costs_its_device_alone(theirs: Any) -> None:
    stanza = '\n[device.theirs]\ndriver = "sign_theirs"\nurl = "socket://192.168.1.9:1"\ndepth = 3\n'

    def load_it(name: str) -> Any:
        return theirs if name == "sign_theirs" else load(name)

    plan = kept((TEXT + stanza).encode(), load_it)
    assert plan.down <= {"theirs"}
    assert {**plan.device, "theirs": None} == {**parse(TEXT.encode(), load).device, "theirs": None}
    for mistake in plan.refused:
        assert mistake.key in ("device.theirs.driver", "device.theirs.url")
        assert str(mistake.arguments["value"]) in spoken(mistake)
    assert plan.refused or theirs is None, "without a class it is a driver that cannot be imported here"


@pytest.mark.parametrize("told", ["-1", "0", "nan", "1" + 400 * "0"])
@pytest.mark.parametrize(("group", "key"), [(group, key) for group in BOUNDS for key in BOUNDS[group]])
def test_a_hall_reckons_with_no_figure_beyond_its_bounds_whatever_its_journal_says(
    group: str, key: str, told: str
) -> None:
    head = {"service": "service.A", "kiosk": "kiosk.hall", "device": "device.sign1"}.get(group, group)
    text = re.sub(rf"(?m)^{key} = .*$", "", TEXT) if group == "board" else TEXT
    if f"\n[{head}]\n" not in text:
        text += f"\n[{head}]\n"
    before, _, after = text.partition(f"\n[{head}]\n")
    stanza, rest = re.split(r"(?m)^(?=\[)", after + "\n[", maxsplit=1)
    stanza = re.sub(rf"(?m)^{key} = .*$", "", stanza)
    plan = kept(f"{before}\n[{head}]\n{key} = {told}\n{stanza}{rest[:-1]}".encode(), load)
    stanzas, (low, high) = getattr(plan, group), BOUNDS[group][key]
    for table in stanzas.values() if isinstance(stanzas, dict) else [stanzas]:
        value = getattr(table, key)
        assert all(low <= one <= high for one in (value if isinstance(value, tuple) else (value,)))


@contextmanager
def opened(text: str, folder: Path) -> Iterator[House]:
    """A hall with a text of its journal, and no good hall.toml."""
    (folder / "wires").mkdir(parents=True)
    plan, clock = roof.kept_plan(text.encode()), FakeClock(MONDAY)
    (folder / "people.json").write_text(known_people(plan))
    twin = Simulation(plan, folder / "wires", clock)
    site = roof.Site(folder, clock, roof.listen("127.0.0.1", 0), twin=twin)
    try:
        with roof.running(twin.plan, Store(folder / "journal.db"), site) as house:
            yield house
    finally:
        twin.close()


def opens(text: str, folder: Path) -> None:
    """It opens; what is refused is told, its devices stay down, all others come up."""
    with opened(text, folder) as house:
        plan = house.engine.plan
        assert plan.refused
        until(lambda: all(d.health.state in ("up", "down") for d in house.devices.values()))
        down = {name for name, device in house.devices.items() if device.health.state == "down"}
        assert down == plan.down - {""}
        assert all(house.devices[name].health.code == "unset" for name in down)


@pytest.mark.slow
def test_a_text_of_the_journal_that_is_refused_since_opens_all_the_same(times: int, tmp_path: Path) -> None:
    """Each by itself in `make torture`; here as many as fit into one text."""
    if times > 1:
        for number, (old, new, _, _) in enumerate(CANNOT_WORK.values()):
            opens(TEXT.replace(old, new, 1), tmp_path / f"{number}")
        return
    text = TEXT
    for old, new, _, _ in CANNOT_WORK.values():
        with suppress(roof.Mistakes):
            kept(text.replace(old, new, 1).encode(), load)
            text = text.replace(old, new, 1)
    opens(text, tmp_path / "all")


def test_an_upgrade_that_refuses_the_settings_opens_under_a_red_line_with_its_cure(tmp_path: Path) -> None:
    twin, file = outside(tmp_path)
    text = file.read_text().replace("width = 576 ", "width = 500 ").replace(UNIT, f"every = 0\n{UNIT}", 1)
    file.write_text(text)
    (tmp_path / "data").mkdir()
    with_it = Store(tmp_path / "data/journal.db")
    with_it.append([PlanLoaded(text, at=Now(MONDAY, 1.0, "of-before", True), actor="hall.toml", press="")])
    with_it.close()
    daemon = Daemon(file, tmp_path / "data")
    assert set(daemon.get("/health")["down"]) == {"printer", "unit1"}
    page = daemon.page("/")
    assert "hall.toml:" in page
    assert "device.printer.width：应该是 240 到 1280、每隔 8 一个的数，现在是 500" in page
    assert "device.unit1.every" in page
    assert "仍按上次有效的配置运行" not in page, "the file and the settings in force are the same"
    assert daemon.stop() == 0
    twin.close()


def test_settings_that_nobody_can_read_are_no_hall_at_all() -> None:
    for text in ("", "[hall", "[hall]\n", TEXT.replace("[window.", "[windows.")):
        with pytest.raises(roof.Mistakes):
            kept(text.encode(), load)


def test_a_zone_that_the_system_has_forgotten_is_chinas() -> None:
    plan = kept(TEXT.replace("Asia/Shanghai", "Asia/Chungking2").encode(), load)
    assert (plan.hall.timezone, [mistake.key for mistake in plan.refused]) == (
        "Asia/Shanghai",
        ["hall.timezone"],
    )


# What a Chinese input method or a hurry makes of a line, and what the cure must be.
MEANT = {
    "name = “社保”": 'name = "社保"',
    'name = "社保”': 'name = "社保"',
    "name ＝ “社保”": 'name = "社保"',
    "name = 社保": 'name = "社保"',
    "name = 社保，民政": 'name = "社保，民政"',
    "name = 社保 # 备注": 'name = "社保" # 备注',
    'name = "社保': 'name = "社保"',
    'name："社保"': 'name ="社保"',
    "name = '社保\"": "name = '社保'",
    'name = "C:\\x"': "name = 'C:\\x'",
    "materials = [“身份证”，“户口本”]": 'materials = ["身份证","户口本"]',
    "materials = [身份证, 户口本]": 'materials = ["身份证", "户口本"]',
    'materials = 【"身份证"】': 'materials = ["身份证"]',
    "minutes = 10；": "minutes = 10",
    "national = True": "national = true",
    "[service.A": "[service.A]",
    "［service.A］": "[service.A]",
}


@pytest.mark.parametrize("line", MEANT)
def test_chinese_signs_and_missing_quotes_get_their_cure(line: str) -> None:
    text = TEXT.replace('name = "社保"', line, 1)
    (found,) = mistakes(text)
    assert (text.splitlines()[found.line - 1], found.code) == (line, "write")
    assert found.arguments["right"] == MEANT[line]
    assert MEANT[line] in spoken(found)


def test_what_stands_twice_is_told_so_and_no_depth_and_no_length_is_too_much() -> None:
    for text in (f"{TEXT}\n[hall]\n", f"{TEXT}\n[service.A]\nname = 1\n", "a = 1\na = 2"):
        assert [mistake.code for mistake in mistakes(text)] == ["twice"]
    assert [mistake.code for mistake in mistakes("a = " + "[" * 5000)] == ["nested"]
    assert mistakes("a = " + "9" * 5000)


@given(st.text(st.sampled_from("ab=\"'“”[]{},，。：:# 社\\\t\u202e\x1b09.-")))
def test_every_line_that_is_no_toml_is_told_in_words_that_a_terminal_only_shows(line: str) -> None:
    for mistake in mistakes(f"{line}\n= 5"):
        assert spoken(mistake).replace("\n", "").isprintable()
