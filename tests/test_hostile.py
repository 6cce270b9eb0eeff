"""A hall.toml whose every name is an attack, and people who mean harm: text stays text, pages go on."""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

import pytest
import siege
from conftest import EXAMPLE, Hall
from playwright.sync_api import Browser, Page
from visitor import Visitor
from wait import until

from controller.app.running import SIMULATED
from controller.hall.commands import AskHelp, CallNext, SignIn, TakeTicket
from controller.settings.schema import Settings
from display.paper import ticket
from display.words.catalogue import fit
from drivers import printer_escpos, sign_onbon
from drivers.base.link import gbk
from drivers.base.paper import Line
from drivers.base.paper import Page as Paper

# A script, quotes, blanks of str.format and Jinja, an entity, a colour code of Onbon signs and their bytes
# 5A, 5B, 5C and A5 (also within hanzi and kana), SSML, phonemes of espeak-ng.
EVIL = "<script>pwned=1</script>\"'`{x}{0}{{7*7}}{%raise%}&amp;\\C1Z[乑俒昞ア"
EVIL += "<img src=x onerror=pwned=1><speak>[[a]]"
WINDOW, KIOSK, CLERK, VOICE = "<b>3?#%&Z[{w}", "<i>1?#%'{k}", "<u>1003'", 'v<s>"{v}'
LONG = "长" * 300 + "x" * 300


def hostile() -> str:
    """The example's hall with an attack for every name."""
    evil = json.dumps(EVIL, ensure_ascii=False)
    text = re.sub(
        r'^name(_en)? = ".*"', lambda found: f"name{found[1] or ''} = {evil}", EXAMPLE.read_text(), flags=re.M
    )
    for old, new in (
        ("[service.A]", f'[service.A]\ngroup = "<g>"\nmaterials = [{evil}, {evil}]'),
        (f"[service.D]\nname = {evil}", f'[service.D]\nname = "{LONG}"'),
        ("[window.3]", f"[window.{json.dumps(WINDOW)}]"),
        ('window = "3"', f"window = {json.dumps(WINDOW)}"),
        ('clerk = "1003"', f"clerk = {json.dumps(CLERK)}"),
        ("[kiosk.hall]", f"[kiosk.{json.dumps(KIOSK)}]"),
        ('kiosk = "hall"', f"kiosk = {json.dumps(KIOSK)}"),
        ("[device.voice]", f"[device.{json.dumps(VOICE)}]"),
        ("width = 576", 'width = 576\nmode = "text"'),
    ):
        assert old in text, old
        text = text.replace(old, new)
    return text + f'\n[group."<g>"]\nname = {evil}\n[web]\nlink = "http://127.0.0.1"\n'


def commands(data: bytes) -> Counter[bytes]:
    """The commands in what a printer hears, but for status questions, line feeds, sizes and padding."""
    found, n = Counter[bytes](), 0
    sizes = {b"\x1b@": 2, b"\x1c&": 2, b"\x1c.": 2, b"\x1ba": 3, b"\x1d!": 3, b"\x1dr": 3, b"\x10\x04": 3}
    while n < len(data):
        head, size = data[n : n + 2], 2 if data[n] > 0x80 else 1
        if data[n] < 0x20 or data[n] == 0x7F:
            found[head] += head[:1] not in b"\n\0" and head not in (b"\x10\x04", b"\x1d!")
            size = sizes.get(head, 1)
            if head == b"\x1dV":
                size = 4 if data[n + 2] in b"AB" else 3
            elif data[n : n + 3] == b"\x1d(k":
                size = 5 + int.from_bytes(data[n + 3 : n + 5], "little")
        n += size
    return +found


def overheard(hall: Hall, name: str) -> bytearray:
    """All that a machine hears from now on."""
    machine, heard = hall.machine(name), bytearray()
    hear: Callable[[bytes], bytes] = machine.feed

    def feed(data: bytes) -> bytes:
        heard.extend(data)
        return hear(data)

    machine.feed = feed
    return heard


def printed(hall: Hall) -> tuple[str, bytes]:
    """A ticket's text and its bytes."""
    heard, before = overheard(hall, "printer"), hall.machine("printer").printed
    hall.take("A")
    until(lambda: hall.machine("printer").printed > before)
    return hall.machine("printer").texts[-1], bytes(heard)


@pytest.fixture
def hall(start_hall: Callable[..., Hall]) -> Hall:
    return start_hall(hostile())


def test_no_page_runs_a_script_that_a_name_brings(hall: Hall, browser: Browser) -> None:
    hall.take("A")
    hall.take("D")
    submit = hall.house.engine.submit
    submit(TakeTicket("A", KIOSK, screen=True, token="its-own-link", actor="kiosk")).result(10)
    submit(SignIn(WINDOW, CLERK, actor=CLERK)).result(10)
    submit(CallNext(WINDOW, actor=CLERK)).result(10)
    submit(AskHelp(KIOSK, actor="kiosk")).result(10)
    context, faults = browser.new_context(base_url=hall.url), list[str]()
    context.on("console", lambda line: faults.append(line.text))
    context.on("weberror", lambda error: faults.append(str(error.error)))
    context.on("dialog", lambda dialog: faults.append(dialog.message))
    page = context.new_page()

    def shows(path: str, *texts: str, act: Callable[[Page], object] = lambda page: None) -> None:
        page.goto(path)
        act(page)
        until(lambda: all(text in page.locator("html").inner_text() for text in texts))
        assert page.evaluate("window.pwned") is None, path
        if path not in ("/board", "/twin"):  # a page that is just being renewed has no element yet
            until(lambda: page.evaluate("document.documentElement?.scrollWidth <= innerWidth"))
        alien = page.locator("script:not([src]), img[src=x], speak, g, u, i:not([id], [data-lamp])")
        assert alien.count() == 0, path

    def sign_in(page: Page) -> None:
        page.fill("[name=given]", SIMULATED)
        page.click("form button")

    def enter(page: Page) -> None:
        page.fill("[name=clerk]", CLERK)
        page.fill("[name=pin]", "000000")
        page.click(".enter button")

    shows("/login", act=sign_in)
    shows("/", EVIL, VOICE)
    shows("/?lang=en", EVIL)
    shows("/access", CLERK)
    shows("/rules", EVIL)
    shows("/board", EVIL, WINDOW, LONG)
    shows(f"/kiosk/{quote(KIOSK)}", EVIL)
    shows("/kiosk", EVIL, act=lambda page: page.click(".tiles button >> nth=0"))
    shows(f"/window/{quote(WINDOW)}", CLERK, EVIL, act=enter)
    page.click("[data-key=recall]")
    until(lambda: page.locator("#answer").inner_text())
    shows("/desk", EVIL, KIOSK, act=enter)
    shows("/t/its-own-link", EVIL)
    shows("/twin", EVIL, WINDOW, VOICE)
    shows("/nothing/<script>pwned=1</script>")
    assert [fault for fault in faults if "404" not in fault] == []
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'pwned=1'}))")
    until(lambda: [fault for fault in faults if "Content Security Policy" in fault])  # a script would be seen
    context.close()


def test_a_ticket_prints_a_hostile_name_as_text(start_hall: Callable[..., Hall]) -> None:
    text = EXAMPLE.read_text().replace("width = 576", 'width = 576\nmode = "text"')
    plain = start_hall(text + '\n[web]\nlink = "http://127.0.0.1"\n')
    _, usual = printed(plain)
    plain.stop()
    text, heard = printed(start_hall(hostile(), "hostile"))
    assert "{{7*7}}" in text.replace("\n", "")
    assert "<script>pwned=1</script>" in text.replace("\n", "")
    assert commands(heard) == commands(usual)
    assert {b"\x1b@", b"\x1dV", b"\x1d("} <= commands(usual).keys()


def test_a_sign_shows_a_hostile_window_and_the_voice_says_one_line(hall: Hall) -> None:
    hall.take("A")
    hall.press("unit3", "next")
    until(lambda: hall.state.window(WINDOW).clerk == CLERK)
    hall.press("unit3", "next")
    until(lambda: hall.state.window(WINDOW).ticket)
    shown = fit("sign.call", 16, ticket="A001", window=WINDOW)
    until(lambda: hall.machine("sign3").text == shown)
    assert hall.health("sign3") == ("up", "")
    spoken = until(lambda: hall.machine(VOICE).spoken)
    assert len(spoken) == 1
    assert spoken[0].isprintable()
    assert not set("<>&[]") & set(spoken[0]), "no markup, no phonemes"


CONTROLS = "".join(map(chr, [*range(0x20), 0x7F, *range(0x80, 0xA0)]))


def test_the_drivers_drop_control_characters_all_the_same(plan: Settings) -> None:
    evil = "".join(f"{control}@a1" for control in CONTROLS)
    tame = "".join("@a1" for _ in CONTROLS)
    assert gbk(evil[: 33 * 4]) == gbk(tame[: 33 * 3])
    assert not commands(gbk(evil))
    assert commands(b"A\x1bpB\x07") == {b"\x1bp": 1, b"\x07": 1}, "one that was smuggled in would be seen"
    assert printer_escpos.frame(Paper((Line(evil[: 33 * 4]),)), True) == printer_escpos.frame(
        Paper((Line(tame[: 33 * 3]),)), True
    )
    services = {**plan.service, "A": replace(plan.service["A"], name=f"\x1b@{EVIL}\x10\x04\x01")}
    page = ticket.page((Line(services["A"].name),), 576, "text", "gbk")
    assert commands(printer_escpos.frame(page, True)) == commands(
        printer_escpos.frame(Paper((Line("x"),)), True)
    )


def test_a_picture_of_a_hostile_name_holds_no_command_that_is_obeyed_at_once() -> None:
    for text in (EVIL, LONG, "".join(map(chr, range(0x20, 0x7F)))):
        data = printer_escpos.frame(ticket.page((Line(text),), 576, "raster", "gbk"), True)
        assert len(data) > 5000
        assert not re.search(rb"\x10[\x04\x05\x14]", data)


def test_a_sign_takes_no_colour_code_from_a_name() -> None:
    area = sign_onbon.text_area(r"\C1红\Q", 128, 16)
    assert area.endswith(gbk("/C1红/Q"))
    data = sign_onbon.frame(1, sign_onbon.text_area("Z[¥猏", 128, 16))
    assert data.count(b"\x5a") == 1, "the end of the frame"
    assert data.lstrip(b"\xa5").count(b"\xa5") == 0


def test_under_siege_pages_answer_and_a_press_prints(start_hall: Callable[..., Hall]) -> None:
    hall = start_hall()
    port, visitor = int(hall.url.rpartition(":")[2]), Visitor(hall.url, "127.0.0.1")
    with siege.siege(port, junk=300, boards=60) as through:
        until(lambda: hall.house.screens() == 60)
        assert visitor.get("/health").status == 200
        assert "泷水塘" in visitor.get("/board").text
        for service in "ABCD":
            assert hall.take(service) == f"{service}001"
        assert hall.call("3") == "A001"
        until(lambda: hall.machine("printer").printed == 4)
        until(through)
        assert '"A001"' in visitor.get("/api/v1/hall").text
        assert hall.house.screens() == 60
    until(lambda: hall.house.screens() == 0)


@pytest.mark.parametrize(
    "head", [b"Content-Length: 1073741824\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_body_without_end_is_cut_off_soon(hall: Hall, head: bytes) -> None:
    port = int(hall.url.rpartition(":")[2])
    for path in (b"/login", b"/kiosk/x/take", b"/nothing"):
        sent = siege.huge(port, siege.HEAD.replace(b"/login", path) + siege.FORM + head + b"\r\n\r\n", 2**30)
        assert sent < 2**24, "what the wire itself can hold"
    assert hall.get("/health")["ok"]


def test_junk_gets_a_plain_no_or_nothing(hall: Hall) -> None:
    port = int(hall.url.rpartition(":")[2])
    for data in siege.JUNK:
        said = siege.answer(port, data)
        assert said.startswith((b"HTTP/1.1 4", b"HTTP/1.1 303", b"HTTP/1.1 200")) or not said, (data, said)
    assert hall.get("/health")["ok"]
