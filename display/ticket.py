"""A ticket on paper: lines for the printer's own characters, and the same as a picture. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from controller import hall
from controller import model as m
from controller.settings import Service, Settings
from display import card, screens
from display.words import say
from drivers.base import Line, Page

# fonts-noto-cjk, SIL Open Font License 1.1; index 2 is Simplified Chinese (hardware.md §8).
FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"
_DOTS = (0, 32, 48, 64)  # font size by scale; the number (scale 4) is cut to the paper
_FIGURE = {576: 186, 384: 116}  # font size whose figures are 17 and 10.5 mm high (domain.md §4.2)


def lines(
    plan: Settings, state: hall.State, ticket: m.Ticket, told: Mapping[str, float] | None = None
) -> tuple[Line, ...]:
    """What the ticket says, top to bottom; without a name or an ID. `told`: the forecast's figures."""
    # A service that has left the plan is served at every window.
    service = plan.service.get(ticket.service) or Service(ticket.service, ticket.service)
    windows = [name for name in plan.window if ticket.service in hall.services(plan, state, name)]
    windows = windows or list(plan.window)
    taken = f"{ticket.issued.wall:%Y-%m-%d %H:%M}"
    copy = [Line(say("ticket.copy", copy=ticket.prints), 2)] if ticket.prints > 1 else []
    return (
        Line(plan.hall.name),
        *([Line(say("ticket.test"), 2)] if ticket.test else copy),
        Line(ticket.number, 4),
        Line(say("ticket.service", name=service.name, name_en=service.name_en), 2),
        Line(say("ticket.windows", windows="、".join(windows))),
        Line(say("ticket.ahead", count=hall.ahead(state, ticket)), 2),
        *([Line(say("ticket.wait", range=screens.minutes(told)), 2)] if told else []),
        Line(say("ticket.watch")),
        *(Line(sentence) for sentence in card.in_short(plan)),
        Line(say("ticket.time" if ticket.issued.trusted else "ticket.today", time=taken)),
    )


def page(content: tuple[Line, ...], width: int, mode: str, encoding: str) -> Page:
    """`content` for a printer of `width` dots; as text if `mode` says so or the font is missing. A
    line of text with a character that `encoding` lacks, such as a rare name's, is a picture."""
    try:
        if mode == "text":
            return Page(tuple(_whole(line, width, encoding) for line in content))
        return Page(content, picture(content, width))
    except OSError:
        return Page(content)


def _whole(line: Line, width: int, encoding: str) -> Line:
    try:
        line.text.encode(encoding)
    except UnicodeEncodeError:
        return replace(line, image=picture((line,), width))
    return line


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, size, index=2)


def picture(content: tuple[Line, ...], width: int) -> Image.Image:
    """`content` as a black and white picture, `width` dots wide, every line centred and whole."""
    rows: list[tuple[str, ImageFont.FreeTypeFont, int]] = []
    for line in content:
        font = _font(_FIGURE.get(width, width // 4) if line.scale == 4 else _DOTS[line.scale])
        height = round(font.size * 1.35)
        rows += [(part, font, height) for part in _wrapped(line.text, font, width - 16)]
    image = Image.new("1", (width, sum(height for *_, height in rows) + 24), 1)
    draw, top = ImageDraw.Draw(image), 8
    for text, font, height in rows:
        draw.text((width // 2, top + height // 2), text, fill=0, font=font, anchor="mm")
        top += height
    return image


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    parts = [""]
    for character in text:
        if font.getlength(parts[-1] + character) > width:
            parts.append("")
        parts[-1] += character
    return parts
