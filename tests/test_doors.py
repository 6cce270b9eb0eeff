"""The doors of the pages: hosts and origins, limits, headers, weight, TLS."""

import contextlib
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import EXAMPLE, Hall, needs
from playwright.sync_api import Browser, Response
from visitor import Visitor, technician

from controller.app.running import SIMULATED


@pytest.fixture
def hall(shared_hall: Hall) -> Hall:
    return shared_hall


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
    assert answer.status == {"/t/nothing": 404, "/access": 303}.get(path, 200), "the page, or the way in"
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
    hall.stop()
    command = [
        needs("openssl"),
        "genrsa",
        "-aes128",
        "-passout",
        "pass:secret",
        "-out",
        f"{tmp_path}/broken.pem",
    ]
    subprocess.run(command, check=True, capture_output=True)
    hall = start_hall(EXAMPLE.read_text() + web, "other")  # a key that would ask for its own passphrase
    assert "的证书用不了" in hall.page("/")
