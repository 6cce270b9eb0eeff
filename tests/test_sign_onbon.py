"""Window signs on one line: the vendor's bytes, Chinese, escapes, and what a fault leaves on show."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from wait import until

from drivers.base.port import Port
from drivers.sign_onbon import SCREEN_ON, Driver, frame, parse, text_area
from drivers.sim.sign import Sign
from drivers.sim.wire import Machine, Wire

H = "a5 a5 a5 a5 a5 a5 a5 a5 fe ff 00 80 00 00 00 00 00 00 fe 02 "  # devices.md §7.2
AREA = "00 00 00 00 00 40 00 10 00 00 00 00 05 00 00 00 00 02 01 01 00 00 08 "
ACK = "a5 a5 a5 a5 a5 a5 a5 a5 00 80 fe ff 00 00 00 00 00 00 fe 02 05 00 a0 00 00 00 00 14 ac 5a"
NACK = "a5 a5 a5 a5 a5 a5 a5 a5 00 80 fe ff 00 00 00 00 00 00 fe 02 05 00 a0 01 03 00 00 e5 50 5a"
GOLDEN = {
    "A001请到3号窗": H + "31 00 a3 06 01 00 00 00 01 28 00 " + AREA
    + "0d 00 00 00 41 30 30 31 c7 eb b5 bd 33 ba c5 b4 b0 04 39 5a",
    "Z001请到3号窗": H + "31 00 a3 06 01 00 00 00 01 28 00 " + AREA
    + "0d 00 00 00 5b 02 30 30 31 c7 eb b5 bd 33 ba c5 b4 b0 20 22 5a",
    "[ア001": H + "2a 00 a3 06 01 00 00 00 01 21 00 " + AREA
    + "06 00 00 00 5b 01 a6 02 a2 30 30 31 61 a1 5a",
}  # fmt: skip


class Line:
    """Two signs on one wire, and their real drivers on one port."""

    def __init__(self, path: Path) -> None:
        self.signs = {n: Sign(n) for n in (1, 2)}
        self.wire = Wire(path, *self.signs.values())
        self.drivers = {n: Driver(f"sign{n}", n, timeout=0.05, every=0.05) for n in self.signs}
        self.port = Port(str(path), 115200, list(self.drivers.values()), 0.1)
        self.port.start()

    def state(self, n: int) -> tuple[str, str]:
        return self.drivers[n].health.state, self.drivers[n].health.code


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path / "line")
    yield line
    line.port.stop()
    line.wire.unplug()


@pytest.mark.parametrize("text", GOLDEN)
def test_a_text_is_the_vendors_frame_escapes_included(text: str) -> None:
    assert frame(0xFFFE, text_area(text, 64, 16)) == bytes.fromhex(GOLDEN[text])


def test_a_5k_card_counts_columns_in_eights() -> None:
    # devices.md §7.2: area 0, 64x16, "A001请到3号窗", 5K
    golden = (
        H + "31 00 a3 06 01 00 00 00 01 28 00 00 00 00 00 00 08 00 10 00 00 00 00 05 00 00 00 00 "
        "02 01 01 00 00 08 0d 00 00 00 41 30 30 31 c7 eb b5 bd 33 ba c5 b4 b0 2c 33 5a"
    )
    assert frame(0xFFFE, text_area("A001请到3号窗", 64, 16, "5K")) == bytes.fromhex(golden)


def test_the_heartbeat_is_the_vendors_screen_on() -> None:
    assert frame(0xFFFE, SCREEN_ON) == bytes.fromhex(H + "06 00 a3 00 01 00 00 01 5d f1 5a")


def test_the_vendors_answers_are_understood() -> None:
    assert parse(bytes.fromhex(ACK), 0xFFFE) == 0
    assert parse(bytes.fromhex(NACK), 0xFFFE) == 3
    for answer in (b"", bytes.fromhex(ACK)[:-3], bytes.fromhex(ACK.replace("14 ac", "14 ad"))):
        with pytest.raises(ValueError, match="answer"):
            parse(answer, 0xFFFE)
    with pytest.raises(ValueError, match="another"):
        parse(bytes.fromhex(ACK), 7)


@pytest.mark.parametrize("text", GOLDEN)
def test_the_sign_reads_the_vendors_frames_and_answers_like_the_card(text: str) -> None:
    sign = Sign(0xFFFE)
    half = bytes.fromhex(GOLDEN[text])
    assert sign.feed(half[:20]) == b""
    assert sign.feed(half[20:]) == bytes.fromhex(ACK)
    assert sign.text == text
    assert sign.feed(bytes.fromhex(H + "06 00 a3 00 01 00 00 02 1d f0 5a")) == bytes.fromhex(ACK)
    assert sign.text == ""
    sign.feed(bytes.fromhex(H + "05 00 a3 10 01 00 00 75 dc 5a"))
    sign.feed(bytes.fromhex(H + "06 00 a3 00 01 00 00 01 5d f1 5a"))
    assert sign.text == "", "cleared"
    sign.nack = True
    assert sign.feed(half) == bytes.fromhex(NACK)


def test_each_sign_shows_its_own_newest_text(line: Line) -> None:
    line.drivers[1].show("请A001到1号窗口")
    line.drivers[2].show("暂停服务")
    until(lambda: line.signs[1].text == "请A001到1号窗口")
    until(lambda: line.signs[2].text == "暂停服务")
    line.drivers[1].show("请Z002到1号窗口")
    until(lambda: line.signs[1].text == "请Z002到1号窗口")


def test_no_text_can_give_the_card_a_command(line: Line) -> None:
    line.drivers[1].show("\\C1红[Z]😀")
    until(lambda: line.signs[1].text == "/C1红[Z]□")


@pytest.mark.parametrize(
    ("knob", "code"),
    [("deaf", "silent"), ("power_off", "silent"), ("garbled", "garbled"), ("nack", "refused")],
)
def test_an_ill_sign_is_named_and_shows_its_number_again_when_well(line: Line, knob: str, code: str) -> None:
    line.drivers[1].show("请A001到1号窗口")
    until(lambda: line.signs[1].text)
    setattr(line.signs[1], knob, True)
    until(lambda: line.state(1) == ("down", code))
    line.drivers[1].show("请A002到1号窗口")
    line.drivers[2].show("正在办理 A003")
    until(lambda: line.signs[2].text == "正在办理 A003")
    setattr(line.signs[1], knob, False)
    line.drivers[1].wake()
    until(lambda: line.signs[1].text == "请A002到1号窗口")
    until(lambda: line.state(1) == ("up", ""))


def test_a_card_that_refuses_the_heartbeat_shows_its_texts_and_is_told_once(line: Line) -> None:
    sign, driver, told = line.signs[1], line.drivers[1], list[tuple[str, str]]()
    hear = sign.feed

    def feed(data: bytes) -> bytes:
        sign.nack = frame(1, SCREEN_ON) in data
        return hear(data)

    sign.feed = feed  # type: ignore[method-assign]
    until(lambda: line.state(1) == ("degraded", "refused"))
    driver.on_health = lambda device: told.append((device.health.state, device.health.code))
    for number in ("A001", "A002"):
        driver.show(f"请{number}到1号窗口")
        until(lambda number=number: sign.text == f"请{number}到1号窗口")  # type: ignore[misc]
    assert told == []


def test_cable_out_and_in_shows_the_number_again(line: Line) -> None:
    line.drivers[1].show("请A001到1号窗口")
    until(lambda: line.signs[1].text)
    line.wire.unplug()
    until(lambda: line.state(2) == ("down", "cable"))
    line.signs[1].power_off = True
    line.signs[1].power_off = False
    line.wire.plug()
    until(lambda: line.signs[1].text == "请A001到1号窗口")


def test_a_sign_that_hears_nothing_any_more_goes_dark_by_itself(tmp_path: Path) -> None:
    sign = Sign(1)
    wire = Wire(tmp_path / "line", sign)
    driver = Driver("sign1", 1, blank=1)
    port = Port(wire.url, 115200, [driver], 0.1)
    port.start()
    driver.show("请A001到1号窗口")
    until(lambda: sign.text == "请A001到1号窗口")
    hear, seen = sign.feed, list[str]()

    def feed(data: bytes) -> bytes:
        seen.append(sign.text)  # before it hears of it again
        return hear(data)

    sign.feed = feed  # type: ignore[method-assign]
    until(lambda: len(seen) > 8)
    assert set(seen) == {"请A001到1号窗口"}, "as long as the line is well, it stands"
    wire.unplug()
    until(lambda: sign.text == "")
    wire.plug()
    until(lambda: sign.text == "请A001到1号窗口")
    port.stop()
    wire.unplug()


def test_pages_stand_in_turn_and_the_next_text_ends_them(line: Line) -> None:
    line.drivers[1].show("暂停服务", "10:50恢复")
    for page in ("10:50恢复", "暂停服务", "10:50恢复"):
        until(lambda page=page: line.signs[1].text == page)
    line.drivers[1].show("欢迎光临 1号")
    until(lambda: line.signs[1].text == "欢迎光临 1号")
    assert {line.drivers[1].text.take() for _ in range(3)} == {None}, "nothing else waits to be shown"


def test_noise_changes_the_bytes_and_shows_no_wrong_text(tmp_path: Path) -> None:
    class Tape(Machine):
        heard = b""

        def feed(self, data: bytes) -> bytes:
            self.heard += data
            return b""

    tape, sign = Tape(), Sign(1)
    wire = Wire(tmp_path / "line", tape, sign)
    wire.plug()
    driver = Driver("sign1", 1, timeout=0.05)
    port = Port(wire.url, 115200, [driver], 0.1)
    wire.noise = 30
    driver.show("请A001到1号窗口")
    port.start()
    until(lambda: driver.health.state == "down")
    clean = frame(1, text_area("请A001到1号窗口", 128, 16, "6K", 60))
    assert len(tape.heard) >= len(clean)
    assert clean not in tape.heard
    assert sign.text == ""
    port.stop()
    wire.unplug()
