"""Who may do what: every address asked by everybody, over HTTP, against docs/access.md; pairing, PINs,
passphrase and patience."""

import re
from collections.abc import Callable, Iterator

import pytest
from conftest import EXAMPLE, MONDAY, ROOT, Hall
from flask import Flask
from playwright.sync_api import Browser, expect
from test_cli import hallqueue
from visitor import Visitor, clerk, elsewhere, paired, technician
from wait import until

from controller.app.running import SIMULATED
from controller.runtime.clock import FakeClock
from web.access.routes import ROUTES
from web.app import create
from web.pages import twin

WHO: dict[str, Callable[[Hall], Visitor]] = {
    "anybody": lambda hall: Visitor(hall.url),
    "board": lambda hall: paired(hall, "/board"),
    "kiosk": lambda hall: paired(hall, "/kiosk"),
    "window": lambda hall: paired(hall, "/window/3"),
    "clerk": lambda hall: clerk(hall, "/window/3"),
    "desk": lambda hall: paired(hall, "/desk"),
    "desk clerk": lambda hall: clerk(hall, "/desk", "1002"),
    "technician": technician,
    "here": lambda hall: Visitor(hall.url, "127.0.0.1"),
}
VALUES = {"window": "3", "kiosk": "hall", "ticket": "A001", "device": "printer", "number": "0"}
VALUES |= {"filename": "status.css", "lever": "press", "token": "x" * 22, "name": "unit1"}
# By address: what stands for a verb or an act there.
VERBS = {
    "/": "roll",
    "/desk/": "take",
    "/device/unit1/": "test",
    "/api/v1/tickets/A001/": "reprint",
    "/api/v1/windows/3/": "recall",
    "/api/v1/hall/": "change-roll",
}
# What the right secret is: a wrong one is refused like somebody who may not even try.
SECRETS = {
    "POST /login": {"given": SIMULATED},
    "POST /window/<window>/login": {"clerk": "1003", "pin": "000000"},
    "POST /desk/login": {"clerk": "1002", "pin": "000000"},
}


def app_of(hall: Hall) -> Flask:
    app = create(hall.house)
    twin.add(app, hall.twin, {})
    return app


def filled(path: str) -> str:
    """An address that can be asked, for one with names in brackets."""
    address = re.sub(r"<(\w+)>", lambda name: VALUES.get(name[1], name[0]), path)
    return re.sub(r"<\w+>$", lambda name: VERBS[address.removesuffix(name[0])], address)


def routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Every row of the document with each of its methods and an address to ask."""
    yield "GET /api/v1/events", "HEAD", "/api/v1/events"  # on the loop, not Flask's; with GET it has no end
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+(?:\(.*?\))?:)?(\w+)>", r"<\1>", rule.rule)
        methods = sorted(rule.methods or ())
        for method in methods:
            yield f"{'GET' if 'GET' in methods else 'POST'} {path}", method, filled(path)


def written() -> dict[str, set[str]]:
    """Who may come in at each row of the document."""
    rows: dict[str, set[str]] = {}
    columns: list[str] = []
    for line in (ROOT / "docs" / "access.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells[1:] and not cells[0]:
            columns = cells[1:]
        elif cells and cells[0].startswith("`"):
            ticks = zip(columns, cells[1:], strict=True)
            rows[cells[0].strip("`")] = {who for who, tick in ticks if tick == "✔"}
    return rows


def test_every_route_has_a_row_and_every_row_a_route(hall: Hall) -> None:
    app = app_of(hall)
    assert {row for row, *_ in routes(app)} == written().keys()
    assert {rule.endpoint for rule in app.url_map.iter_rules()} <= ROUTES.keys()
    app.get("/new")(lambda: "open")
    assert "GET /new" in {row for row, *_ in routes(app)} - written().keys(), "a new one would be seen"
    assert app.test_client().get("/new").status_code == 403, "and is closed, although asked from here"


@pytest.mark.parametrize("who", WHO)
def test_each_may_do_what_the_table_says_and_nothing_else(hall: Hall, who: str) -> None:
    visitor, table = WHO[who](hall), written()
    # Who asks for a session gets one: at the end, and to leave it comes last.
    order = sorted(routes(app_of(hall)), key=lambda route: ("login" in route[0], "leave" in route[0]))
    for row, method, address in order:
        answer = visitor.ask(method, address, **SECRETS.get(row, {}))
        if method != "OPTIONS":
            assert answer.refused == (who not in table[row]), (who, method, address, answer.status)
        assert answer.status < 500, (method, address)


def test_no_address_takes_a_method_that_it_has_not(hall: Hall) -> None:
    visitor = technician(hall)
    known = {(method, address) for _, method, address in routes(app_of(hall))} | {("GET", "/api/v1/events")}
    for _, address in known:
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"}:
            if (method, address) not in known:
                assert visitor.ask(method, address).status in (400, 404, 405), (method, address)


def test_a_device_shows_figures_and_opens_when_they_are_typed(hall: Hall) -> None:
    board, mine = Visitor(hall.url), technician(hall)
    code = board.code("/board")
    assert board.code("/board") == code, "it does not change while somebody types it"
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert "没有设备在显示这个数" in mine.post("/access", code=wrong).text
    assert board.get("/board").status == 403
    assert "配对好了" in mine.post("/access", code=f"{code[:3]} {code[3:]}").text
    assert board.get("/board").status == 200
    assert board.get("/kiosk").status == 403, "for what it was paired, and nothing else"
    (token,) = hall.house.access.people.devices
    mine.post("/access", part=token)
    assert board.get("/board").status == 403, "closed at once"


def test_a_kiosks_page_opens_and_closes_by_itself(hall: Hall, browser: Browser) -> None:
    mine = technician(hall)
    with elsewhere(hall) as url:
        page = browser.new_page()
        page.goto(f"{url}/kiosk")
        code = page.locator(".code").inner_text()
        mine.post("/access", code=code)
        expect(page.locator(".tiles button")).to_have_count(4)
        (token,) = hall.house.access.people.devices
        mine.post("/access", part=token)
        expect(page.locator(".code")).not_to_have_text(code)
        page.close()


def test_figures_that_nobody_types_for_ten_minutes_are_dead(hall: Hall, clock: FakeClock) -> None:
    board = Visitor(hall.url)
    code = board.code("/board")
    clock.advance(minutes=11)
    assert "没有设备" in technician(hall).post("/access", code=code).text
    assert board.code("/board") != code


def test_a_window_is_opened_on_its_own_device_only(hall: Hall) -> None:
    assert Visitor(hall.url).post("/window/3/login", clerk="1003", pin="000000").status == 403
    elsewhere = paired(hall, "/window/1")
    assert elsewhere.post("/window/3/login", clerk="1003", pin="000000").status == 403
    mine = clerk(hall, "/window/3")
    assert mine.get("/window/3/state").status == 200
    thief = paired(hall, "/window/2")
    thief.cookies["session"] = mine.cookies["session"]
    assert thief.get("/window/3/state").status == 403, "a session is worth nothing on another device"


def test_a_clerk_of_a_window_called_none_may_no_more_than_any_other(start_hall: Callable[..., Hall]) -> None:
    text = (
        EXAMPLE.read_text().replace("[window.3]", "[window.None]").replace('window = "3"', 'window = "None"')
    )
    hall = start_hall(text)
    asking = clerk(hall, "/window/None")
    for path in ("tickets", "tickets/A001/cancel", "hall/freeze", "hall/confirm-time", "windows/1/sign-out"):
        assert asking.ask("POST", f"/api/v1/{path}", {}).status == 403, path
    assert asking.ask("POST", "/api/v1/windows/None/sign-out", {}).status == 200


def test_a_new_pin_ends_the_sessions_of_the_old_one(hall: Hall) -> None:
    mine = clerk(hall, "/window/3")
    told = technician(hall).post("/access", clerk="1003").text
    assert mine.get("/window/3/state").status == 403
    pin = re.search(r'class="secret">(\d{6})<', told)
    assert pin
    assert mine.post("/window/3/login", clerk="1003", pin="000000").status == 403
    assert mine.post("/window/3/login", clerk="1003", pin=pin[1]).status == 303


def test_a_technician_who_is_away_for_half_an_hour_signs_in_again(hall: Hall, clock: FakeClock) -> None:
    mine = technician(hall)
    for _ in range(3):
        clock.advance(minutes=29)
        assert mine.get("/access").status == 200
    clock.advance(minutes=31)
    assert mine.get("/access").headers["Location"] == "/login"


def test_a_session_outlives_the_daemon_but_not_the_machine(
    start_hall: Callable[..., Hall], clock: FakeClock
) -> None:
    hall = start_hall()
    mine = clerk(hall, "/window/3")
    hall.stop()
    again = start_hall()  # on the same clock: the same boot of the machine
    mine = mine.at(again.url)
    assert mine.get("/window/3/state").status == 200
    again.stop()
    mine = mine.at(start_hall(at=FakeClock(MONDAY)).url)
    assert mine.get("/window/3/state").status == 403
    assert mine.get("/window/3").status == 200, "the device is still paired"


def test_five_wrong_pins_close_the_door_for_a_quarter_of_an_hour(hall: Hall, clock: FakeClock) -> None:
    device = paired(hall, "/window/3")
    for _ in range(5):
        assert "不对" in device.post("/window/3/login", clerk="1003", pin="111111").text
    answer = device.post("/window/3/login", clerk="1003", pin="000000")
    assert (answer.status, "错得太多" in answer.text) == (403, True)
    other = paired(hall, "/window/1")
    assert other.post("/window/1/login", clerk="1001", pin="000000").status == 303, "others are not shut out"
    clock.advance(minutes=16)
    assert device.post("/window/3/login", clerk="1003", pin="000000").status == 303


def test_a_device_may_guess_twenty_times_an_hour_and_a_stranger_shuts_nobody_out(
    hall: Hall, clock: FakeClock
) -> None:
    device = paired(hall, "/window/3")
    answers = [device.post("/window/3/login", clerk=f"2{n:03}", pin="1").text for n in range(22)]
    assert sum("不对" in text for text in answers) == 20
    assert all("错得太多" in text for text in answers[20:])
    stranger = Visitor(hall.url)
    for _ in range(30):
        stranger.cookies.clear()
        stranger.post("/login", given="a guess that is long enough")
    assert "错得太多" in stranger.post("/login", given=SIMULATED).text
    assert Visitor(hall.url, "127.0.0.3").post("/login", given=SIMULATED).status == 303


def test_strangers_together_may_guess_two_hundred_times_an_hour(hall: Hall, clock: FakeClock) -> None:
    known = paired(hall, "/window/3")
    for address in range(40):
        stranger = Visitor(hall.url, f"127.0.1.{address + 1}")
        for guess in range(5):
            assert "不对" in stranger.post("/login", given=f"guess {guess}").text
    late = Visitor(hall.url, "127.0.2.1")
    assert "错得太多" in late.post("/login", given=SIMULATED).text
    assert known.post("/window/3/login", clerk="1003", pin="000000").status == 303, "who belongs here"
    clock.advance(minutes=61)
    assert late.post("/login", given=SIMULATED).status == 303


def test_the_first_start_prints_a_code_that_lets_one_choose_a_passphrase_once(
    start_hall: Callable[..., Hall],
) -> None:
    hall = start_hall(EXAMPLE.read_text().replace("width = 576", 'width = 576\nmode = "text"'), known=False)
    until(lambda: hall.machine("printer").printed)
    code = re.findall(r"\d+", hall.machine("printer").texts[0])[0]
    assert len(code) == 8
    stranger = Visitor(hall.url)
    assert "不对" in stranger.post("/login", given="12345678").text
    assert "不对" in stranger.post("/login", given=SIMULATED).text, (
        "there is no passphrase that everybody knows"
    )
    assert "设置自己的口令" in stranger.post("/login", given=code).text
    assert "太短" in stranger.post("/login", given=code, new="too short").text
    grouped = f"{code[:4]} {code[4:]}"
    assert stranger.post("/login", given=grouped, new="a sentence of my own").status == 303
    assert stranger.get("/access").status == 200
    other = Visitor(hall.url, "127.0.0.3")
    assert "不对" in other.post("/login", given=code, new="another sentence of mine").text, "used up"
    assert other.post("/login", given="a sentence of my own").status == 303
    hall.stop()
    hall = start_hall(EXAMPLE.read_text(), known=False)
    assert hall.take("A") == "A001"
    until(lambda: hall.machine("printer").printed == 1)  # the ticket, no code


@pytest.mark.parametrize("what", ["damaged", "gone"])
def test_the_code_of_a_hall_that_had_a_technician_is_never_printed(
    start_hall: Callable[..., Hall], what: str
) -> None:
    text = EXAMPLE.read_text().replace("width = 576", 'width = 576\nmode = "text"')
    hall = start_hall(text)
    hall.stop()
    file = hall.folder / "people.json"
    file.write_text("{") if what == "damaged" else file.unlink()
    hall = start_hall(text, known=False)
    assert hall.take("A") == "A001"
    until(lambda: hall.machine("printer").printed)
    assert ["A001" in text for text in hall.machine("printer").texts] == [True], "the ticket, no code"
    assert not (hall.folder / "passcode").exists()
    assert "在控制台运行 hallqueue passcode" in hall.page("/")
    code = re.findall(r"\d{8}", hallqueue("passcode", "--data", hall.folder).stdout)[0]
    assert Visitor(hall.url).post("/login", given=code, new="a sentence of my own").status == 303
    assert "在控制台运行 hallqueue passcode" not in hall.page("/")


def test_a_forgotten_passphrase_is_replaced_from_the_console(hall: Hall) -> None:
    before = technician(hall)
    first, code = (re.findall(r"\d{8}", hallqueue("passcode", "--data", hall.folder).stdout)[0] for _ in "12")
    mine = Visitor(hall.url, "127.0.0.3")
    assert "不对" in mine.post("/login", given=first).text, "only the newest counts"
    assert mine.post("/login", given=code, new="a sentence of my own").status == 303
    assert before.get("/access").headers["Location"] == "/login", "and who came with the old one is out"


def test_secrets_are_kept_as_hashes_for_their_owner_only(hall: Hall) -> None:
    mine = clerk(hall, "/window/3")
    file = hall.folder / "people.json"
    assert file.stat().st_mode & 0o77 == 0
    text = file.read_text()
    for secret in (SIMULATED, "000000", *mine.cookies.values()):
        assert secret not in text
    assert "$argon2id$" in text
