"""Who may do what: every address asked by everybody, over HTTP, against docs/access.md; pairing, PINs,
passphrase and patience; what a hostile request gets."""

import contextlib
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import EXAMPLE, MONDAY, ROOT, Hall, needs
from flask import Flask
from playwright.sync_api import Browser, Response
from visitor import Visitor, clerk, paired, technician

from controller import people
from controller.clock import FakeClock
from controller.main import SIMULATED
from web import twin
from web.access import ROUTES
from web.app import create

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
    start_hall: Callable[..., Hall], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    code = people.passcode(folder)
    hall = start_hall()
    stranger = Visitor(hall.url)
    assert "不对" in stranger.post("/login", given="12345678").text
    assert "设置自己的口令" in stranger.post("/login", given=code).text
    assert "太短" in stranger.post("/login", given=code, new="too short").text
    grouped = f"{code[:4]} {code[4:]}"
    assert stranger.post("/login", given=grouped, new="a sentence of my own").status == 303
    assert stranger.get("/access").status == 200
    other = Visitor(hall.url, "127.0.0.3")
    assert "不对" in other.post("/login", given=code, new="another sentence of mine").text, "used up"
    assert other.post("/login", given="a sentence of my own").status == 303


def test_secrets_are_kept_as_hashes_for_their_owner_only(hall: Hall) -> None:
    mine = clerk(hall, "/window/3")
    file = hall.folder / "people.json"
    assert file.stat().st_mode & 0o77 == 0
    text = file.read_text()
    for secret in (SIMULATED, "000000", *mine.cookies.values()):
        assert secret not in text
    assert "$argon2id$" in text


def test_a_request_for_another_host_or_from_another_page_gets_nothing(hall: Hall) -> None:
    stranger, mine = Visitor(hall.url), technician(hall)
    assert stranger.get("/", Host="evil.example").status == 421
    assert stranger.get("/", Host="127.0.0.1.evil.example").status == 421
    for origin in ("http://evil.example", "null"):
        answer = mine.ask("POST", "/unfreeze", headers={"Origin": origin})
        assert answer.status == 403, origin
    assert mine.ask("POST", "/roll", headers={"Origin": hall.url}, printer="printer").status == 303


SPOILED = [
    (b"{", 400),
    (b"[]", 400),
    (b"null", 400),
    (b'"text"', 400),
    (b'{"service": 5}', 400),
    (b'{"service": "\\ud800"}', 400),
    (b"[" * 12_000, 400),
    (b'{"service": "A", "surprise": 1}', 400),
    (b'{"service": "nothing"}', 409),
    (b"\xff\xfe", 400),
    (b"x" * 20_000, 413),
]


@pytest.mark.parametrize(("body", "status"), SPOILED, ids=[repr(body[:24]) for body, _ in SPOILED])
def test_a_body_of_the_wrong_shape_gets_a_plain_no(hall: Hall, body: bytes, status: int) -> None:
    mine = technician(hall)
    answer = mine.ask("POST", "/api/v1/tickets", body)
    assert answer.status == status
    if status != 413:
        assert json.loads(answer.text)["message"]
    assert mine.ask("POST", "/api/v1/tickets", {"service": "A"}).status == 200, "and the hall goes on"


def test_a_head_without_end_is_cut_off(hall: Hall) -> None:
    place = ("127.0.0.1", int(hall.url.rpartition(":")[2]))
    with socket.create_connection(place, timeout=10) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        with contextlib.suppress(OSError):  # it may close while we are still talking
            for _ in range(100):
                wire.sendall(b"x" * 8192)
        wire.settimeout(10)
        with contextlib.suppress(ConnectionError):
            assert b" 400 " in wire.recv(200)
    assert hall.page("/health")


def test_strange_addresses_are_no_pages(hall: Hall) -> None:
    visitor = technician(hall)
    paths = ["/../people.json", "/static/../../pyproject.toml", "/static/%2e%2e/%2e%2e/pyproject.toml"]
    for path in [*paths, "/.git/config", "/window/99", "/kiosk/nothing", "/t/", "/%00", "/" + "a" * 5000]:
        answer = visitor.get(path)
        assert answer.status in (400, 403, 404), path
        assert "Traceback" not in answer.text


PAGES = ["/", "/login", "/access", "/rules", "/board", "/kiosk", "/window/3", "/desk", "/t/nothing"]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_closes_the_browsers_doors(hall: Hall, path: str) -> None:
    answer = Visitor(hall.url, "127.0.0.1").get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer")
    for inline in (r"<script(?! src)", r"\son\w+=", r"\sstyle=", "<style"):
        assert not re.search(inline, answer.text), inline


def test_the_pages_load_nothing_from_elsewhere_break_no_policy_and_are_light(
    hall: Hall, browser: Browser
) -> None:
    hall.take("A")
    for path in [*PAGES, "/twin"]:
        page, faults, answers = browser.new_page(), list[str](), list[Response]()
        page.on("console", lambda line, faults=faults: faults.append(line.text))
        page.on("pageerror", lambda error, faults=faults: faults.append(str(error)))
        page.on("response", lambda answer, answers=answers: answers.append(answer))
        page.goto(hall.url + path, wait_until="load")
        assert not [fault for fault in faults if not (path == "/t/nothing" and "404" in fault)], path
        urls = {answer.url: answer for answer in answers if not answer.url.startswith("data:")}
        assert all(url.startswith(hall.url) for url in urls), path
        parts = [it for url, it in urls.items() if it.ok and not re.search("events|state|paper", url)]
        weight = sum(len(part.body()) for part in parts)
        # The twin shows the board within itself.
        assert 0 < weight <= (200 if path == "/twin" else 100) * 1024, (path, weight)
        page.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate for 127.0.0.1 in one file."""
    folder = tmp_path_factory.mktemp("tls")
    command = [needs("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=hall", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "hall.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_under_tls_cookies_are_locked_to_the_host(start_hall: Callable[..., Hall], certificate: Path) -> None:
    web = f'\n[web]\ncertificate = "{certificate}/hall.pem"\nkey = "{certificate}/key.pem"\n'
    hall = start_hall(EXAMPLE.read_text() + web)
    url = hall.url.replace("http:", "https:")
    trust = ssl.create_default_context(cafile=str(certificate / "hall.pem"))
    mine = Visitor(url, context=trust)
    answer = mine.post("/login", given=SIMULATED)
    (cookie,) = answer.headers.get_all("Set-Cookie", [])
    assert cookie.startswith("__Host-session=")
    for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in cookie
    assert mine.get("/access").status == 200
    assert "网页未加密" not in mine.get("/").text
    board = Visitor(url, context=trust)
    board.code("/board")
    assert "__Host-device" in board.cookies
    with pytest.raises(OSError):  # noqa: PT011 - a plain request to an encrypted port
        Visitor(hall.url).get("/")


def test_without_a_certificate_an_amber_line_and_with_a_broken_one_a_red_one(
    start_hall: Callable[..., Hall], tmp_path: Path
) -> None:
    assert re.search(r'class="note soon"[^>]*>网页未加密', start_hall().page("/"))
    (tmp_path / "broken.pem").write_text("no certificate")
    web = f'\n[web]\ncertificate = "{tmp_path}/broken.pem"\n'
    hall = start_hall(EXAMPLE.read_text() + web, "other")
    assert re.search(r'class="note"[^>]*>\[web\] 的证书用不了', hall.page("/"))
    assert hall.take("A") == "A001", "the hall works all the same"
