"""A ticket on paper: lines for the printer's own characters, and the same as a picture. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files

import qrcode
from PIL import Image, ImageDraw, ImageFont

from controller.hall.events import Ticket
from controller.hall.line import ahead, served_at
from controller.hall.state import State
from controller.settings.schema import Service, Settings, layout
from display.paper import card
from display.words.catalogue import columns, minutes, say
from drivers.base.paper import Line, Page

# fonts-noto-cjk, SIL Open Font License 1.1; index 2 is Simplified Chinese (devices.md §8).
FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"
_DOTS = (0, 32, 48, 64)  # font size by scale
NUMBER, LARGE = 4, 5  # scales of the ticket's number, and of that in large print
# Font size by the paper's width: figures 17 and 10.5 mm high at least, 21 in large print (hall.md §4.2).
_NUMBER = {NUMBER: 0.323, LARGE: 0.39}
_MODULE = 4  # dots of a QR code's smallest square: 0.5 mm
_MARGIN = 16  # dots, left and right together
_SHRUNK = 0.75
_MATERIALS = 3


def lines(
    plan: Settings, state: State, ticket: Ticket, told: Mapping[str, float] | None = None, token: str = ""
) -> tuple[Line, ...]:
    """What the ticket says, top to bottom, as the hall's layout has it; without a name or an ID.

    `told`: the forecast's figures; `token`: of the ticket's page, for the QR code.
    """
    # A service that has left the plan is served at every window.
    service = plan.service.get(ticket.service) or Service(ticket.service, ticket.service)
    windows = [name for name in plan.window if ticket.service in served_at(plan, state, name)]
    taken = f"{ticket.issued.wall:%Y-%m-%d %H:%M}"
    copy = say("ticket.copy", copy=ticket.prints) if ticket.prints > 1 else ""
    bring = "、".join(service.materials[:_MATERIALS]) + "…" * (len(service.materials) > _MATERIALS)
    link = f"{plan.web.link}/t/{token}" if plan.web.link and token else ""
    words = {
        "hall": plan.hall.name,
        "mark": say("ticket.test") if ticket.test else copy,
        "number": ticket.number,
        "service": say("ticket.service", name=service.name, name_en=service.name_en),
        "windows": say("ticket.windows", windows="、".join(windows or plan.window)),
        "ahead": say("ticket.ahead", count=ahead(state, ticket)),
        "wait": say("ticket.wait", range=minutes(told)) if told else "",
        "materials": say("ticket.materials", materials=bring) if bring else "",
        "watch": say("ticket.watch"),
        "rules": "\n".join(card.in_short(plan)),
        "link": link,
        "scan": say("ticket.scan") if link else "",
        "time": say("ticket.time" if ticket.issued.trusted else "ticket.today", time=taken),
    }
    found = []
    for size, left_out, text in layout(plan.ticket.layout or _layout()):
        for part in text.format(**words).split("\n") if not (left_out and ticket.large) else ():
            if not part.strip():
                continue
            larger = size + 1 if ticket.large and size != 3 else size
            found.append(Line(part, qr=True) if size == 0 else Line(part, larger))
    return tuple(found)


@cache
def _layout() -> str:
    return files("display.paper").joinpath("ticket.txt").read_text("utf-8")


def page(content: tuple[Line, ...], width: int, mode: str, encoding: str) -> Page:
    """`content` for a printer of `width` dots; as text if `mode` says so or the font is missing. A
    line of text with a character that `encoding` lacks, such as a rare name's, is a picture."""
    text = tuple(row for line in content for row in _rows(line, width, encoding))
    try:
        return Page(text) if mode == "text" else Page(content, picture(content, width))
    except OSError:
        return Page(text)


def _rows(line: Line, width: int, encoding: str) -> list[Line]:
    """A line in the printer's own characters, 12 dots wide or 24 for hanzi, as wide as the paper."""
    if line.qr:
        return [line]
    room = width // 12
    if line.scale >= NUMBER:
        return [replace(line, scale=max(1, min(8, room // columns(line.text))))]
    try:
        line.text.encode(encoding)
    except UnicodeEncodeError:
        return [replace(line, image=picture((line,), width))]
    return [replace(line, text=part) for part in _wrapped(line.text, columns, room // line.scale)]


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, size, index=2)


def picture(content: tuple[Line, ...], width: int) -> Image.Image:
    """`content` as a black and white picture, `width` dots wide, every line centred and whole."""
    rows = [row for line in content for row in _drawn(line, width)]
    image = Image.new("1", (width, sum(row.height for row in rows) + 24), 1)
    top = 8
    for row in rows:
        image.paste(row, ((width - row.width) // 2, top))
        top += row.height
    return image


def _drawn(line: Line, width: int) -> list[Image.Image]:
    if line.qr:
        code = qrcode.QRCode(border=4, box_size=_MODULE)
        code.add_data(line.text)
        return [code.make_image().get_image().convert("1")]
    room = width - _MARGIN
    number = line.scale >= NUMBER
    wanted = round(width * _NUMBER[line.scale]) if number else _DOTS[line.scale]
    # A little smaller is better than a line for the last two characters.
    one = int(wanted * room / max(font(wanted).getlength(line.text), room))
    size = one if number or one >= wanted * _SHRUNK else wanted
    drawn = []
    for part in _wrapped(line.text, font(size).getlength, room):
        drawn.append(Image.new("1", (width, round(size * 1.35)), 1))
        middle = (width // 2, drawn[-1].height // 2)
        ImageDraw.Draw(drawn[-1]).text(middle, part, fill=0, font=font(size), anchor="mm")
    return drawn


def _wrapped(text: str, length: Callable[[str], float], width: float) -> list[str]:
    """`text` in parts of at most `width`, cut behind a comma or a space where it has any."""
    parts = [""]
    for phrase in re.findall("[^ ，。、：；！？]*[ ，。、：；！？]*", text):
        for piece in [phrase] if length(phrase.rstrip()) <= width else phrase:
            if parts[-1] and length((parts[-1] + piece).rstrip()) > width:
                parts.append("")
            parts[-1] += piece
    return [part.strip() for part in parts]
