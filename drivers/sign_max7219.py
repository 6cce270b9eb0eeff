"""Window signs of MAX7219 modules in a chain on the Pi's SPI, drawn by luma.led_matrix (devices.md §7.5).

Eight rows hold no hanzi, so such a sign shows the ticket's number alone.

Maturity: sketch.
"""

from typing import Annotated, Any

from drivers.base.device import DeviceFault
from drivers.base.kinds import Sign
from drivers.base.link import Link
from drivers.base.options import Range

RESEND = 1.0  # s: modules answer nothing, and forget everything when their power dips
_SET_UP = ((0x0F, 0), (0x09, 0), (0x0B, 7))  # no lamp test, no decoding, all eight rows


class _Chain:
    """What luma takes for its serial interface: one write is one transfer to the whole chain."""

    def __init__(self, link: Link) -> None:
        self.link = link

    def data(self, data: list[int]) -> None:
        self.link.write(bytes(data))


class Driver(Sign):
    """One sign. `url`: `spi:/dev/spidev0.0`."""

    urls = ("spi",)
    numbers = True
    longest = 40.0  # the first import of luma, and two dozen short writes

    def __init__(
        self,
        name: str,
        chips: Annotated[int, Range(1, 64)] = 4,
        orientation: Annotated[int, Range(-90, 180, 90)] = -90,
        contrast: Annotated[int, Range(0, 255)] = 64,
    ) -> None:
        """`orientation`: 0, 90, 180 or -90 as the modules are soldered (-90: four on one board);
        `contrast`: 0 to 255."""
        super().__init__(name)
        self._chips, self._orientation, self._contrast = chips, orientation, contrast
        self._matrix: Any = None

    def attach(self, link: Link) -> None:
        try:
            from luma.led_matrix.device import max7219
        except ImportError as error:
            raise DeviceFault("no_luma", again=60.0) from error
        if self._matrix is None:  # once: luma keeps every one of them until the hall stops
            self._chain = _Chain(link)
            self._matrix = max7219(self._chain, cascaded=self._chips, block_orientation=self._orientation)
            self._matrix.persist = True
        self._chain.link = link

    def turn(self, link: Link) -> float:
        self.text.again()
        if (number := self.text.take()) is not None:
            for register, value in _SET_UP:
                self._matrix.data([register, value] * self._chips)
            self._matrix.contrast(self._contrast)
            self._matrix.show()
            self._draw(number)
        return RESEND

    def _draw(self, number: str) -> None:
        from luma.core.legacy import font, text, textsize
        from luma.core.render import canvas

        shape = font.proportional(font.CP437_FONT)
        left = (self._matrix.width - textsize(number, shape)[0]) // 2
        with canvas(self._matrix) as draw:
            text(draw, (max(0, left), 0), number, fill="white", font=shape)
