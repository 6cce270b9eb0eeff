"""MAX7219 signs: the bytes of the data sheet through the real luma.led_matrix, and dots to look at."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from wait import until

from drivers import sign_max7219
from drivers.base.port import Port
from drivers.sim.matrix import Matrix
from drivers.sim.wire import Wire

A001 = """
...##....#####...#####....##....
..####..##...##.##...##..###....
.##..##.##..###.##..###...##....
.##..##.##.####.##.####...##....
.######.####.##.####.##...##....
.##..##.###..##.###..##...##....
.##..##..#####...#####..######..
................................
"""


class Listening(Matrix):
    """Keeps what came over the wire."""

    def __init__(self) -> None:
        super().__init__(4)
        self.heard = b""

    def feed(self, data: bytes) -> bytes:
        self.heard += data
        return super().feed(data)


@pytest.fixture
def matrix() -> Listening:
    return Listening()


@pytest.fixture
def sign(matrix: Listening, tmp_path: Path) -> Iterator[sign_max7219.Driver]:
    wire = Wire(tmp_path / "spi", matrix)
    sign = sign_max7219.Driver("sign", contrast=0x70)
    port = Port(wire.url, 9600, [sign], 0.05)
    port.start()
    yield sign
    port.stop()
    wire.unplug()


def art(matrix: Matrix) -> str:
    image = matrix.image
    rows = ("".join(".#"[image.getpixel((x, y)) > 0] for x in range(image.width)) for y in range(8))  # type: ignore[operator]
    return "\n".join(rows)


def test_the_chips_are_woken_as_the_data_sheet_says(sign: sign_max7219.Driver, matrix: Listening) -> None:
    until(lambda: matrix.image.size and b"\x0c\x01" * 4 in matrix.heard)
    # devices.md §7.5, each command once for every chip.
    blank = b"".join(bytes([row, 0]) * 4 for row in range(1, 9))
    first = b"\x0b\x07" * 4 + b"\x09\x00" * 4 + b"\x0f\x00" * 4 + b"\x0a\x07" * 4
    assert matrix.heard.startswith(first + blank + b"\x0c\x01" * 4)


def test_a_number_stands_upright_in_the_middle(sign: sign_max7219.Driver, matrix: Listening) -> None:
    sign.show("A001")
    until(lambda: art(matrix).split() == A001.split())


def test_modules_that_lost_their_power_show_it_again(sign: sign_max7219.Driver, matrix: Listening) -> None:
    sign.show("A001")
    until(lambda: art(matrix).split() == A001.split())  # all of it: half a picture would never come again
    matrix.power_off = True
    assert "#" not in art(matrix)
    matrix.power_off = False
    until(lambda: art(matrix).split() == A001.split())


def test_without_the_library_the_status_page_names_the_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "luma.led_matrix.device", None)
    wire, sign = Wire(tmp_path / "spi", Matrix(4)), sign_max7219.Driver("sign")
    port = Port(wire.url, 9600, [sign], 0.05)
    port.start()
    until(lambda: sign.health.code == "no_luma")
    port.stop()
    wire.unplug()
