"""What a printer is given: lines of text, or the whole page as a picture."""

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text on paper, centred; `scale` 1 to 8 times the printer's 24-dot character.

    `image`: the line as a picture, if the printer has not all of its characters; `qr`: the text as a
    QR code.
    """

    text: str
    scale: int = 1
    image: Image.Image | None = None
    qr: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What a printer prints and cuts: `image` (mode "1", as wide as the paper) if there is one,
    else `lines` in the printer's own characters."""

    lines: tuple[Line, ...]
    image: Image.Image | None = None

    @property
    def millimetres(self) -> int:
        """The paper that it takes at 8 dots a millimetre, the feed to the cutter included."""
        heights = (
            200 if line.qr else line.image.height if line.image else 30 * line.scale for line in self.lines
        )
        return ((self.image.height if self.image else sum(heights)) + 180) // 8
