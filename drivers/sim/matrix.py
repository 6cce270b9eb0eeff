"""MAX7219 modules in a chain, from Maxim's data sheet; soldered as boards of four are (FC-16)."""

from PIL import Image

from drivers.sim.wire import Machine

_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # dots of a cell, by row and column


class Matrix(Machine):
    """Shows `image`, 8 dots high. Each transfer holds a register and a value for every chip."""

    knobs = ("deaf", "power_off")

    def __init__(self, chips: int) -> None:
        self._chips = chips
        self.forget()

    def forget(self) -> None:
        self._heard = b""
        # A chip wakes dark (register 0C is 0).
        self.registers: list[dict[int, int]] = [{} for _ in range(self._chips)]

    def feed(self, data: bytes) -> bytes:
        size = 2 * self._chips
        self._heard += data
        while len(self._heard) >= size:
            transfer, self._heard = self._heard[:size], self._heard[size:]
            for n, chip in enumerate(reversed(self.registers)):  # what comes first is pushed on to the last
                chip[transfer[2 * n]] = transfer[2 * n + 1]
        return b""

    @property
    def image(self) -> Image.Image:
        """What people see."""
        image = Image.new("1", (8 * self._chips, 8))
        for n, chip in enumerate(self.registers):
            for row in range(8 if chip.get(0x0C, 0) & 1 else 0):
                dots = 0xFF if chip.get(0x0F, 0) & 1 else chip.get(8 - row, 0)
                for column in range(8):
                    image.putpixel((8 * n + column, row), dots >> column & 1)
        return image

    def face(self) -> dict[str, object]:
        image, text = self.image, ""
        for top in (0, 4):
            for left in range(0, image.width, 2):
                cell = sum(
                    bit * bool(image.getpixel((left + x, top + y)))
                    for y, bits in enumerate(_BRAILLE)
                    for x, bit in enumerate(bits)
                )
                text += chr(0x2800 + cell)
            text += "\n"
        return {"text": text.strip("\n")}
