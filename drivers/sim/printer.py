"""An ESC/POS ticket printer from the manuals (devices.md §1.7, §2.6); draws what it receives."""

import re
from collections.abc import Iterator
from functools import cache

import qrcode
from PIL import Image, ImageDraw, ImageFont

from drivers.sim.wire import Machine

_FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
_DOTS, _FEED = 24, 30  # height of a character, and from line to line
_KEPT = 200  # pieces of paper
_CORRECTION = (1, 0, 3, 2)  # L M Q H, as python's qrcode numbers them
_MEMORY = 1 << 16  # bytes that wait behind a fault; more are lost
# Bytes that follow the first two of a command (devices.md §1.6, §1.7, §2). An unknown one has none: it is
# swallowed, and what was meant as its parameters comes out as text.
_PARAMETERS = {
    b"\x1b@": 0, b"\x1b2": 0, b"\x1c&": 0, b"\x1c.": 0, b"\x1b!": 1, b"\x1b3": 1, b"\x1bE": 1,
    b"\x1bM": 1, b"\x1bt": 1, b"\x1ba": 1, b"\x1bd": 1, b"\x1c!": 1, b"\x1d!": 1, b"\x1da": 1,
    b"\x1dr": 1, b"\x1dV": 1, b"\x1dv": 6, b"\x10\x04": 1, b"\x10\x05": 1,
}  # fmt: skip


@cache
def _glyph(char: str, wide: int, high: int) -> Image.Image:
    try:
        font: ImageFont.FreeTypeFont | ImageFont.ImageFont = ImageFont.truetype(_FONT, _DOTS - 2, index=2)
    except OSError:
        font = ImageFont.load_default(_DOTS - 2)
    cell = Image.new("1", (_DOTS // 2 if char.isascii() else _DOTS, _DOTS), 1)
    ImageDraw.Draw(cell).text((cell.width / 2, _DOTS / 2), char, 0, font, anchor="mm")
    return cell.resize((cell.width * wide, _DOTS * high))


class Printer(Machine):
    """Keeps the last pieces that were cut: `papers` as pictures (white is 1), `texts` as their
    characters; `printed` counts all. With paper out or cover open, what is in memory waits."""

    knobs = ("deaf", "paper_out", "cover_open", "cutter", "near_end", "garbled")
    paper_out = cover_open = cutter = near_end = garbled = False
    gb18030 = False  # has characters of four bytes too
    process_ids = False  # knows GS ( H, as Epson's do; others print its parameters

    def __init__(self, width: int = 576) -> None:
        self.width, self.printed = width, 0
        self.papers: list[Image.Image] = []
        self.texts: list[str] = []
        self._strips: list[Image.Image] = []
        self._text = ""
        self._heard = b""  # the last bytes, as a real-time command may come in two parts
        self._power_up()

    def power_cycle(self) -> None:
        """Off and on: memory and modes are lost, the paper hangs on, nobody is told."""
        self._off = True  # carried out by the wire's thread, which owns everything else

    def _power_up(self) -> None:
        self._off, self._memory, self._picture = False, bytearray(), (0, 0)  # bytes across, rows to come
        self._reset()

    def _reset(self) -> None:
        self._line: list[Image.Image] = []
        self._scale, self._align, self._chinese = (1, 1), 0, False
        self._code = qrcode.QRCode(border=0)

    def face(self) -> dict[str, object]:
        return {"papers": self.printed}

    def feed(self, data: bytes) -> bytes:
        if self._off:
            self._power_up()
        # Real-time: answered on arrival, in a fault, and inside a picture too, where the bytes
        # count as dots nevertheless.
        asked = re.findall(rb"\x10\x04([\x01-\x04])", self._heard + data)
        answer = bytes(self._status(n[0]) for n in asked)
        self._heard = (self._heard + data)[-2:]
        self._memory += data
        answer += b"".join(self._work())
        del self._memory[_MEMORY:]
        return bytes(byte ^ 0x55 for byte in answer) if self.garbled else answer

    def _status(self, n: int) -> int:
        """One reply of the table in devices.md §2.1."""
        cause = 0x04 * self.cover_open | 0x20 * self.paper_out | 0x40 * self.cutter
        paper = 0x6C if self.paper_out else 0x0C * self.near_end
        return 0x12 | (0x08 * self._stopped, cause, 0x08 * self.cutter, paper)[n - 1]

    @property
    def _stopped(self) -> bool:
        return self.paper_out or self.cover_open or self.cutter

    def _work(self) -> Iterator[bytes]:
        """Obey what is in memory as far as it is whole; the answers in order."""
        while self._memory and not self._stopped:
            across, rows = self._picture
            size = across or self._size()
            if len(self._memory) < size:
                return
            command = bytes(self._memory[:size])
            del self._memory[:size]
            if across:  # a row of dots; 1 is black
                self._picture = (across, rows - 1) if rows > 1 else (0, 0)
                self._out(Image.frombytes("1", (across * 8, 1), command, "raw", "1;I"))
            else:
                yield self._obey(command)

    def _size(self) -> int:
        """Length of the command or character at the front; may grow with what comes yet."""
        data = bytes(self._memory[:3])
        if data == b"\x1d(k" or (data == b"\x1d(H" and self.process_ids):
            return 5 + int.from_bytes((self._memory[3:5] + b"\xff\xff")[:2], "little")
        if data[0] in b"\x10\x1b\x1c\x1d":
            feeds_too = data in (b"\x1dVA", b"\x1dVB")  # and by how much
            return 2 + _PARAMETERS.get(data[:2], 0) + feeds_too
        if self._chinese and self.gb18030 and data[1:2] and data[0] > 0x80 and 0x30 <= data[1] <= 0x39:
            return 4
        return 2 if self._chinese and data[0] > 0x80 else 1

    def _obey(self, command: bytes) -> bytes:
        n = command[-1]
        match command[:2]:
            case b"\x1b@":
                self._reset()
            case b"\x1c&" | b"\x1c.":
                self._chinese = command == b"\x1c&"
            case b"\x1ba":
                self._align = n & 3
            case b"\x1d!":
                self._scale = (n >> 4 & 7) + 1, (n & 7) + 1
            case b"\x1bd" | b"\n":
                self._new_line(n if len(command) == 3 else 1)
            case b"\x1dV":
                self._cut()
            case b"\x1dr":
                return b"\x03" if self.near_end else b"\x00"
            case b"\x1d(" if command[2:3] == b"k":
                self._two_dimensional(command[6], command[7:])
            case b"\x1d(" if self.process_ids:
                return b"\x37\x22" + command[7:] + b"\x00"
            case b"\x1dv":
                self._picture = (command[4] + 256 * command[5], command[6] + 256 * command[7])
            case _ if command[0] >= 0x20:
                char = command.decode(
                    ("gb18030" if self.gb18030 else "gbk") if self._chinese else "cp437", "replace"
                )
                char = char if char.isprintable() else "\ufffd"  # such as half a Chinese character
                self._text += char
                self._line.append(_glyph(char, *self._scale))
        return b""

    def _two_dimensional(self, function: int, parameters: bytes) -> None:
        """GS ( k for QR codes (devices.md §1.7): module size, error correction, content, print."""
        match function:
            case 67:
                self._code.box_size = parameters[0]
            case 69:
                self._code.error_correction = _CORRECTION[parameters[0] - 48]
            case 80:
                self._code.clear()
                self._code.add_data(parameters[1:])
            case 81:
                self._line = [self._code.make_image().get_image().convert("1")]
                self._new_line(1)

    def _new_line(self, lines: int) -> None:
        line, self._line = self._line, []
        height = max((glyph.height for glyph in line), default=0)
        strip = Image.new("1", (sum(glyph.width for glyph in line), max(height, _FEED * lines)), 1)
        left = 0
        for glyph in line:
            strip.paste(glyph, (left, height - glyph.height))
            left += glyph.width
        self._text += "\n" if line else ""
        self._out(strip)

    def _out(self, strip: Image.Image) -> None:
        """Onto the paper; what is wider is clipped."""
        row = Image.new("1", (self.width, strip.height), 1)
        row.paste(strip, (max(0, self.width - strip.width) * self._align // 2, 0))
        self._strips.append(row)

    @property
    def current(self) -> Image.Image:
        """The piece that is not yet cut off."""
        strips = self._strips.copy()
        paper = Image.new("1", (self.width, sum(strip.height for strip in strips)), 1)
        top = 0
        for strip in strips:
            paper.paste(strip, (0, top))
            top += strip.height
        return paper

    def _cut(self) -> None:
        self.texts = [*self.texts, self._text.strip()][-_KEPT:]
        self.papers = [*self.papers, self.current][-_KEPT:]
        self.printed += 1
        self._strips, self._text = [], ""
