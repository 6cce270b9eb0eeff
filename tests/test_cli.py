"""The command line: bad input gets one clear line and status 2, and nothing is written."""

import os
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import EXAMPLE, Hall
from daemon import Daemon, outside

from controller.app.running import listen
from controller.journal.files import CannotStart, NotYet
from controller.runtime.clock import SystemClock
from controller.simulated.simulation import Simulation


def hallqueue(*words: object, lang: str = "en_US.UTF-8") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "controller.app.cli", *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": lang},
        timeout=60,
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def refused(done: subprocess.CompletedProcess[str], data: Path, *said: str, status: int = 2) -> None:
    assert done.returncode == status, done.stderr
    for words in said:
        assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not data.exists(), "nothing is written"


def test_check_names_every_mistake_with_file_and_line_and_exits_2(tmp_path: Path) -> None:
    file = tmp_path / "hall.toml"
    file.write_text(EXAMPLE.read_text().replace('"A", "D"', '"A", "X"').replace("width = 576", "widht = 576"))
    done = hallqueue("check", file, lang="zh_CN.UTF-8")
    assert done.returncode == 2
    one, two = done.stdout.splitlines()
    line = file.read_text().splitlines().index('services = ["A", "X"]') + 1
    assert one == f"{file}:{line}: window.1.services: “X”这里不认识，是不是“A”?"
    assert "device.printer.widht" in two
    assert "“width”" in two


def test_check_is_content_with_the_example() -> None:
    done = hallqueue("check", EXAMPLE)
    assert (done.returncode, done.stdout.strip()) == (0, f"{EXAMPLE}: no mistakes")


def test_a_first_start_with_a_broken_file_is_refused(tmp_path: Path, data: Path) -> None:
    (file := tmp_path / "hall.toml").write_text("[hall")
    refused(hallqueue("run", file, "--data", data), data, "hall.toml:1: not TOML")


def test_a_missing_file_is_named(tmp_path: Path, data: Path) -> None:
    refused(hallqueue("run", tmp_path / "none.toml", "--data", data), data, "cannot open")


def test_a_first_start_names_the_port_that_does_not_exist(data: Path) -> None:
    done = hallqueue("run", EXAMPLE, "--data", data)
    refused(done, data, "device unit1", "does not exist", status=os.EX_TEMPFAIL)


def test_an_unknown_driver_is_refused_with_the_nearest_name(tmp_path: Path, data: Path) -> None:
    (file := tmp_path / "hall.toml").write_text(EXAMPLE.read_text().replace("sign_onbon", "sign_onbom"))
    refused(hallqueue("run", file, "--data", data), data, "did you mean sign_onbon")


def test_a_web_port_in_use_is_refused(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = hallqueue("simulate", EXAMPLE, "--data", data, "--port", port)
    refused(done, data, "--port", status=os.EX_TEMPFAIL)


@pytest.mark.parametrize("bind", ["203.0.113.9", "2001:db8::9", "fe80::9%late0"])
def test_an_address_that_is_not_there_yet_is_worth_another_try(bind: str) -> None:
    with pytest.raises(NotYet) as told:
        listen(bind, 0)
    assert told.value.code == "web_busy"
    assert "while" not in str(told.value.arguments["detail"])


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1", "::"])
def test_it_listens_to_every_address_of_this_machine(bind: str) -> None:
    if ":" in bind and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with listen(bind, 0) as listener:
        for host in {"::": ("::1", "127.0.0.1")}.get(bind, (bind,)):
            socket.create_connection((host, listener.getsockname()[1]), timeout=10).close()


@pytest.mark.parametrize(("bind", "port"), [("no such name", 0), ("..", 0), ("127.0.0.1", 99999), ("", -1)])
def test_an_address_that_never_comes_is_for_a_person(bind: str, port: int) -> None:
    with pytest.raises(CannotStart) as told:
        listen(bind, port)
    assert not isinstance(told.value, NotYet)


def test_a_hall_on_ipv6_has_an_address_that_a_browser_takes(hall: Path, data: Path) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    daemon = Daemon(hall, data, bind="::")
    for url in (f"http://[::1]:{daemon.port}", f"http://127.0.0.1:{daemon.port}"):
        with urllib.request.urlopen(f"{url}/board") as answer:
            assert answer.status == 200, "this machine's own screen needs no pairing"
    assert daemon.stop() == 0
    assert f"http://[::]:{daemon.port}/" in daemon.said


@pytest.mark.parametrize("verb", [("check", EXAMPLE), ("devices",)])
def test_who_has_seen_enough_is_told_nothing_more(verb: tuple[object, ...]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "controller.app.cli", *map(str, verb)]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, "")


def test_bad_usage_exits_2() -> None:
    assert hallqueue("dance").returncode == 2
    assert hallqueue("run").returncode == 2


def test_verify_without_a_journal_says_so(data: Path) -> None:
    refused(hallqueue("verify", "--data", data), data, "cannot open")


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[tuple[Simulation, Path]]:
    """The devices of a hall, and its hall.toml."""
    twin, file = outside(tmp_path)
    yield twin, file
    twin.close()


@pytest.fixture
def hall(devices: tuple[Simulation, Path], start_hall: Callable[..., Hall]) -> Path:
    """A hall that has run once and whose devices are still there."""
    file = devices[1]
    ran = start_hall(file.read_text(), at=SystemClock("Asia/Shanghai", None))
    assert ran.ask("tickets", service="A")["events"][-1]["ticket"] == "A001"
    ran.stop()
    return file


def test_a_restart_with_a_broken_file_runs_the_last_valid_plan_under_a_red_line(
    hall: Path, data: Path
) -> None:
    hall.write_text(hall.read_text().replace("[hall]", "[hal]"))
    daemon = Daemon(hall, data)
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/") as answer:
        page = answer.read().decode()
    assert "仍按上次有效的配置运行" in page
    assert "hall：缺少这一项。" in page, "in the language of the page, not of the terminal"
    assert "泷水塘" in page
    assert daemon.take() == "A002"
    assert daemon.stop() == 0


def test_a_restart_without_its_file_runs_the_last_valid_plan_too(hall: Path, data: Path) -> None:
    hall.unlink()
    daemon = Daemon(hall, data)
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/") as answer:
        page = answer.read().decode()
    assert "仍按上次有效的配置运行" in page
    assert "打不开" in page
    assert daemon.take() == "A002"
    assert daemon.stop() == 0


def test_it_stops_quietly_also_while_a_board_is_looking(hall: Path, data: Path) -> None:
    daemon = Daemon(hall, data)
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/api/v1/events?screen=1") as board:
        assert board.readline().startswith(b"retry")
        assert daemon.stop() == 0
        assert board.read().endswith(b"\n\n"), "the stream ends whole"
    assert "Traceback" not in daemon.said
    assert "ERROR" not in daemon.said


def test_two_daemons_on_one_journal_the_second_refuses_and_says_why(hall: Path, data: Path) -> None:
    daemon = Daemon(hall, data)
    done = hallqueue("run", hall, "--data", data, "--port", 0)
    assert done.returncode == os.EX_TEMPFAIL
    assert "in use by another hallqueue" in done.stderr
    assert daemon.stop() == 0


def test_a_journal_from_a_newer_version_is_refused(hall: Path, data: Path) -> None:
    db = sqlite3.connect(data / "journal.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    done = hallqueue("run", hall, "--data", data, "--port", 0)
    assert done.returncode == 2
    assert "newer version (99)" in done.stderr


def test_verify_is_content_and_names_a_changed_row(hall: Path, data: Path) -> None:
    assert hallqueue("verify", "--data", data).returncode == 0
    db = sqlite3.connect(data / "journal.db")
    db.execute("DROP TRIGGER no_update")
    db.execute("UPDATE journal SET body = replace(body, 'buttons', 'buttonz') || ' ' WHERE seq = 3")
    db.commit()
    db.close()
    done = hallqueue("verify", "--data", data)
    assert done.returncode == 2
    assert "row 3" in done.stdout


def test_a_port_that_is_missing_at_a_restart_is_a_red_line_not_a_dead_hall(
    devices: tuple[Simulation, Path], hall: Path, data: Path
) -> None:
    devices[0].turn("sign1", "unplugged", 1)
    daemon = Daemon(hall, data)
    assert set(daemon.get("/health")["down"]) >= {"sign1", "sign2"}
    assert daemon.take() == "A002"
    assert daemon.stop() == 0


def test_a_figure_that_cannot_be_is_refused_in_a_line(tmp_path: Path) -> None:
    for words in (("day", str(EXAMPLE), "--load", "0"), ("simulate", str(EXAMPLE), "--port", "99999")):
        done = hallqueue(*words)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
