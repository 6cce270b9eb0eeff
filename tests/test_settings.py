"""hall.toml: the real example is right, and every mistake of a broken one is named at once."""

import contextlib
from datetime import date, timedelta
from pathlib import Path

import pytest
from conftest import EXAMPLE
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.app.console import located
from controller.hall import calendar
from controller.settings.reader import Mistakes, parse
from controller.settings.schema import Mistake, Settings
from display.voice import volume
from display.words.catalogue import say
from drivers.base.load import load

TEXT = EXAMPLE.read_text()


def mistakes(text: str | bytes) -> list[Mistake]:
    with pytest.raises(Mistakes) as found:
        parse(text if isinstance(text, bytes) else text.encode(), load)
    return found.value.found


def spoken(mistake: Mistake) -> str:
    """Its sentence, which must be there in both languages and name the value."""
    told = located(Path("hall.toml"), mistake)["detail"]
    zh, en = (say(told.code, lang, **told.arguments) for lang in ("zh", "en"))
    assert zh != told.code != en, "it has a sentence, and can be filled in"
    assert str(mistake.arguments.get("value", "")) in zh
    return zh


def test_the_example_is_a_whole_hall(plan: Settings) -> None:
    assert plan.hall.name == "泷水塘社区为民服务中心"
    assert {code: s.name for code, s in plan.service.items()} == {
        "A": "社保",
        "B": "民政",
        "C": "计生",
        "D": "综合咨询",
    }
    assert len(plan.window) == 4
    assert len({d.url for n, d in plan.device.items() if n.startswith("unit")}) == 1
    week = [date(2026, 11, 23) + timedelta(days=n) for n in range(7)]
    assert [len(calendar.sessions(plan, day)) for day in week] == [2, 2, 2, 2, 2, 0, 0]


def test_every_mistake_of_a_file_is_named_at_once_with_line_and_nearest_word() -> None:
    broken = (
        TEXT.replace('services = ["A", "D"]', 'services = ["A", "E"]')
        .replace("baudrate = 57600\naddress = 1", 'baudrate = "fast"\naddress = 1')
        .replace('driver = "buttons_gpio"', 'driver = "button_gpio"')
        .replace('monday = ["8:00-11:30", "14:30-17:30"]', 'monday = ["8.00-11:30"]')
        .replace('clerk = "1002"', 'clerck = "1002"')
        .replace('kiosk = "hall"', 'kiosk = "hell"')
        .replace("width = 576", "widht = 576")
    )
    found = mistakes(broken)
    lines = broken.splitlines()
    told = {m.key: m for m in found}
    assert told["window.1.services"].arguments == {"word": "E", "nearest": "A"}
    assert told["device.sign1.baudrate"].code == "type"
    assert told["device.buttons.driver"].arguments["nearest"] == "buttons_gpio"
    assert told["hours.monday"].code == "hours"
    assert told["window.2.clerck"].arguments["nearest"] == "clerk"
    assert told["window.2.clerk"].code == "missing"
    assert told["device.printer.widht"].arguments["nearest"] == "width"
    for mistake in found:
        if mistake.code != "missing":
            assert mistake.key.split(".")[-1] in lines[mistake.line - 1]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("[service.B]", "[service.I]", "service_code"),
        ('clerk = "1002"', 'clerk = "1001"', "double_clerk"),
        ("address = 2", "address = 1", "double_place"),
        ('tuesday = ["8:00-11:30", "14:30-17:30"]', 'tuesday = ["8:00-15:00", "14:30-17:30"]', "overlap"),
        ('timezone = "Asia/Shanghai"', 'timezone = "Asia/Shanhai"', "unknown"),
        ('printer = "printer"', 'printer = "drucker"', "unknown"),
        ('services = ["C", "D"]', 'services = "C"', "type"),
        ("[hall]", "[hall", "write"),
        ("[hall]", "[hall]\n= 5", "syntax"),
        ("width = 576", 'mode = "rastr"', "unknown"),
        ("baudrate = 57600", "baudrate = 9600", "double_speed"),
        ('services = ["C", "D"]', "services = []", "empty"),
        ("[device.voice]", '[device.voice]\nzone = ["1", "9"]', "unknown"),
        ('url = "socket://192.168.1.60:9100"', 'url = "192.168.1.60:9100"', "url"),
        ('url = "socket://192.168.1.60:9100"', 'url = "/dev/usb/lp0"', "url"),
        ("screens = 1", 'screens = "1"', "type"),
        ('driver = "voice_command"', "driver = 5", "type"),
        ("[device.voice]", '[device.voice]\nvolume = { "8:00" = 80, "25:00" = 30 }', "volume"),
        ("[device.voice]", '[device.voice]\nvolume = { "8.00" = 80 }', "volume"),
        ("[device.voice]", '[device.voice]\nvolume = { "8:00" = 120 }', "volume"),
        ("[device.voice]", '[device.voice]\nvolume = { "8:00" = "loud" }', "type"),
        ("[device.voice]", "[device.voice]\nvolume = 80", "type"),
        ("pins = { A = 17,", "pins = { X = 17,", "unknown"),
    ],
)
def test_a_mistake_has_its_own_sentence(old: str, new: str, code: str) -> None:
    assert old in TEXT
    found = mistakes(TEXT.replace(old, new, 1))
    assert code in [mistake.code for mistake in found]
    assert all(map(spoken, found))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('name = "社保"', r'name = "社\u001b@保"', "service.A.name"),
        ('name_en = "Social insurance"', r'name_en = "x\u001D\u0056\u0000"', "service.A.name_en"),
        ('name = "社保"', r'name = "社\u202e保"', "service.A.name"),
        ('name = "社保"', 'name = "社保"\nmaterials = ["身份证", "\\u0010\\u0014"]', "service.A.materials"),
        ("[window.1]", r'[window."1\n2"]', "window.1\n2"),
        ("[window.1]", '[window."1/2"]', "window.1/2"),
        ("[kiosk.hall]", r'[kiosk."\u0007"]', "kiosk.?"),
    ],
)
def test_what_could_be_a_command_to_a_device_or_an_address_is_a_mistake(old: str, new: str, key: str) -> None:
    assert old in TEXT
    told = [mistake for mistake in mistakes(TEXT.replace(old, new, 1)) if mistake.code == "control"]
    assert [mistake.key for mistake in told] == [key]
    assert str(told[0].arguments["value"]).isprintable(), "a terminal shows it, and does not obey"


def test_a_mistake_in_the_volume_names_line_key_and_cure() -> None:
    text = TEXT.replace("[device.voice]", '[device.voice]\nvolume = { "8:00" = 80, "12:60" = 30 }')
    (found,) = mistakes(text)
    assert (text.splitlines()[found.line - 1][:6], found.key) == ("volume", "device.voice.volume.12:60")
    assert '写成 "8:00" = 80' in say(f"check.{found.code}", **found.arguments)


@pytest.mark.parametrize(
    ("hour", "percent"), [("07:59", 50), ("08:00", 80), ("11:59", 80), ("12:00", 0), ("23:00", 50)]
)
def test_the_volume_of_an_hour_is_that_of_the_last_moment_that_has_come(hour: str, percent: int) -> None:
    text = TEXT.replace(
        "[device.voice]", '[device.voice]\nvolume = { "14:30" = 50, "8:00" = 80, "12:00" = 0 }'
    )
    assert volume(parse(text.encode(), load).device["voice"].volume, hour) == percent
    assert volume({}, hour) == 100


def test_a_service_that_no_window_serves_is_named() -> None:
    text = TEXT + '\n[service.E]\nname = "工商"\nname_en = "Trade"\n'
    assert [(m.key, m.code) for m in mistakes(text)] == [("service.E", "unserved")]


def test_a_file_saved_as_gbk_is_told_so() -> None:
    found = mistakes(TEXT.encode("gbk"))
    assert [(m.code, m.line) for m in found] == [("encoding", 1)]


def test_an_empty_file_names_what_is_missing() -> None:
    assert {m.key for m in mistakes("")} == {"hall", "hours", "service", "window", "kiosk", "device"}


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.text(max_size=3), st.integers(0, 20))
def test_no_damage_to_the_file_is_worse_than_a_list_of_mistakes(at: int, put: str, cut: int) -> None:
    with contextlib.suppress(Mistakes):
        parse((TEXT[:at] + put + TEXT[at + cut :]).encode("utf-8", "surrogatepass"), load)


def test_a_tv_has_a_size_and_the_farthest_seat_a_distance() -> None:
    found = mistakes(TEXT.replace("inches = 55", "inches = 0").replace("metres = 8", "metres = -1"))
    assert [(m.key, m.code, m.line) for m in found] == [
        ("board.inches", "range", TEXT[: TEXT.index("inches = 55")].count("\n") + 1),
        ("board.metres", "range", TEXT[: TEXT.index("metres = 8")].count("\n") + 1),
    ]


def test_a_voice_may_be_one_that_speaks_no_windows_calls() -> None:
    """`zone = [""]`: no window is called so, and no zone at all would be every window."""
    silent = TEXT.replace("[device.voice]\n", '[device.voice]\nzone = [""]\n')
    assert silent != TEXT
    assert parse(silent.encode(), load).device["voice"].zone == ("",)
