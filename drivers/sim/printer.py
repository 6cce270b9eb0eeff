"""An ESC/POS ticket printer, from the manuals (hardware.md §1.7, §2); draws what it receives."""

from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFont

from drivers.sim.wire import Machine

_FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
_DOTS = 24  # height of a character
# How many bytes follow a command that changes nothing we draw.
_SKIPPED = {
    b"\x1b\x45": 1, b"\x1b\x4d": 1, b"\x1b\x74": 1, b"\x1b\x21": 1, b"\x1b\x33": 1, b"\x1b\x32": 0,
    b"\x1c\x21": 1, b"\x1d\x61": 1, b"\x1b\x2d": 1,
}  # fmt: skip


class Printer(Machine):
    """`papers`: the last pieces that were cut off, as pictures, `printed` in all; `texts`: their
    characters. An error stops the printing; what is in its memory waits."""

    knobs = ("deaf", "paper_out", "cover_open", "near_end", "garbled")

    def __init__(self, width: int = 576) -> None:
        self.paper_out = self.cover_open = self.near_end = self.garbled = False
        self.width, self.printed = width, 0
        self.papers: list[Image.Image] = []
        self.texts: list[str] = []
        self._memory = b""
        self._fresh_paper()
        self._reset()

    def power_cycle(self) -> None:
        """Off and on: the memory is empty, nobody is told."""
        self._memory = b""
        self._reset()

    def _reset(self) -> None:
        self._scale, self._chinese, self._align = (1, 1), False, 0

    def _fresh_paper(self) -> None:
        self._rows: list[Image.Image] = []
        self._text = self._line = ""

    def feed(self, data: bytes) -> bytes:
        answer = b""
        # DLE EOT is obeyed where it stands, error or not, even inside a picture.
        while (at := data.find(b"\x10\x04")) >= 0 and len(data) > at + 2:
            answer += bytes([self._status(data[at + 2])])
            data = data[:at] + data[at + 3 :]
        self._memory += data
        if not (self.paper_out or self.cover_open):
            answer += b"".join(self._work())
        return bytes(b ^ 0x55 for b in answer) if self.garbled else answer

    def _status(self, n: int) -> int:
        stopped = self.paper_out or self.cover_open
        bits = {
            1: 0x08 * stopped,
            2: 0x20 * self.paper_out | 0x04 * self.cover_open,
            4: 0x60 * self.paper_out | 0x0C * (self.near_end or self.paper_out),
        }
        return 0x12 | bits.get(n, 0)

    def _work(self) -> Iterator[bytes]:
        """Obey the commands in memory, as far as they are whole; what they answer."""
        while self._memory:
            size = self._size()
            if len(self._memory) < size:
                return
            command, self._memory = self._memory[:size], self._memory[size:]
            yield self._obey(command)

    def _size(self) -> int:
        """How long the first command in memory is."""
        head, data = self._memory[:2], self._memory
        if head == b"\x1d\x76":
            if len(data) < 8:
                return 8
            return 8 + (data[4] + 256 * data[5]) * (data[6] + 256 * data[7])
        if head == b"\x1d\x56":
            return 4 if data[2:3] in (b"A", b"B") else 3
        if head in (b"\x1d\x72", b"\x1d\x21", b"\x1b\x61", b"\x1b\x64"):
            return 3
        if head in _SKIPPED:
            return 2 + _SKIPPED[head]
        if data[0] in (0x10, 0x1B, 0x1C, 0x1D):
            return 2
        return 2 if self._chinese and data[0] > 0x80 else 1

    def _obey(self, command: bytes) -> bytes:
        match command[:2]:
            case b"\x1b\x40":
                self._reset()
            case b"\x1d\x76":
                self._picture(command)
            case b"\x1d\x56":
                self._cut()
            case b"\x1d\x72":
                return b"\x03" if self.near_end else b"\x00"
            case b"\x1d\x21":
                self._scale = ((command[2] >> 4) + 1, (command[2] & 15) + 1)
            case b"\x1b\x61":
                self._align = command[2] % 48
            case b"\x1b\x64":
                self._print_line()
                self._rows.append(Image.new("1", (self.width, 30 * command[2]), 1))
            case b"\x1c\x26" | b"\x1c\x2e":
                self._chinese = command == b"\x1c\x26"
            case b"\n":
                self._print_line()
            case _ if command[0] >= 0x20:
                self._line += command.decode("gb18030" if self._chinese else "cp437", "replace")
        return b""

    def _picture(self, command: bytes) -> None:
        across, rows = command[4] + 256 * command[5], command[6] + 256 * command[7]
        if across and rows:
            dots = bytes(byte ^ 0xFF for byte in command[8:])  # 1 is black
            image = Image.frombytes("1", (across * 8, rows), dots)
            self._rows.append(image.crop((0, 0, self.width, rows)))

    def _print_line(self) -> None:
        wide, high = self._scale
        self._text += self._line + "\n"
        font: ImageFont.FreeTypeFont | ImageFont.ImageFont
        try:
            font = ImageFont.truetype(_FONT, _DOTS, index=2)
        except OSError:
            font = ImageFont.load_default(_DOTS)
        line = Image.new("1", (max(1, int(font.getlength(self._line))), _DOTS + 10), 1)
        ImageDraw.Draw(line).text((0, -4), self._line, fill=0, font=font)
        line = line.resize((line.width * wide, line.height * high))
        row = Image.new("1", (self.width, line.height), 1)
        row.paste(line, ((self.width - line.width) * self._align // 2, 0))
        self._rows.append(row)
        self._line = ""

    def _cut(self) -> None:
        self._print_line() if self._line else None
        paper = Image.new("1", (self.width, sum(row.height for row in self._rows) or 1), 1)
        top = 0
        for row in self._rows:
            paper.paste(row, (0, top))
            top += row.height
        self.papers, self.texts = [*self.papers, paper][-50:], [*self.texts, self._text][-50:]
        self.printed += 1
        self._fresh_paper()
