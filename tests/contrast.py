"""What can be read of a page: the texts on show, whether something cuts them, their contrast."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image
from playwright.sync_api import Page

_TEXTS = """() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, owner = node.parentElement, range = document.createRange();
    if (!node.textContent.trim()) continue;
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      const center = box.x + box.width / 2, middle = box.y + box.height / 2;
      const stack = document.elementsFromPoint(center, middle), above = stack.slice(0, stack.indexOf(owner));
      const covers = element => {
        const { left, top, right, bottom } = element.getBoundingClientRect();
        return left <= center && center <= right && top <= middle && middle <= bottom
          && !owner.contains(element) && getComputedStyle(element).backgroundColor !== "rgba(0, 0, 0, 0)";
      };
      if (!stack.includes(owner) || above.some(covers)) continue;
      // The letters themselves, not the room that the font keeps above and below them.
      const em = parseFloat(getComputedStyle(owner).fontSize);
      const letters = [box.left, middle - 0.32 * em, box.right, middle + 0.45 * em];
      const inside = [[0, 0, innerWidth, innerHeight]];
      for (let up = owner; up; up = up.parentElement) {
        const { left, top, right, bottom } = up.getBoundingClientRect();
        if (getComputedStyle(up).overflow !== "visible") inside.push([left, top, right, bottom]);
      }
      const within = ([l, t, r, b]) => [letters[0] - l, letters[1] - t, r - letters[2], b - letters[3]];
      const whole = inside.flatMap(within).every(room => room >= -1);
      found.push([node.textContent.trim(), letters, [box.left, box.top, box.right, box.bottom], whole]);
    }
  }
  return found;
}"""
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Text:
    """A line on show: `box` is around its letters, `room` what the font takes; `whole`: nothing cuts it."""

    text: str
    box: Box
    room: Box
    whole: bool


def texts(page: Page) -> list[Text]:
    """Every line of text that can be seen; a page on which there is none is no page of ours."""
    found = [Text(text, tuple(box), tuple(room), whole) for text, box, room, whole in page.evaluate(_TEXTS)]
    assert found, "nothing is on show"
    return found


def cut(page: Page) -> list[str]:
    """The texts that are not whole, and the pairs that lie upon each other."""
    return cut_of(texts(page))


def cut_of(shown: list[Text]) -> list[str]:
    return [text.text for text in shown if not text.whole] + [
        f"{one.text} | {other.text}"
        for i, one in enumerate(shown)
        for other in shown[i + 1 :]
        if min(one.box[2], other.box[2]) - max(one.box[0], other.box[0]) > 2
        and min(one.box[3], other.box[3]) - max(one.box[1], other.box[1]) > 2
    ]


# WCAG 2.2, relative luminance, of each of the 256 steps of a colour; and contrast ratio: 1 to 21.
LINEAR = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in range(256)]


def luminance(color: tuple[int, int, int]) -> float:
    red, green, blue = color
    return 0.2126 * LINEAR[red] + 0.7152 * LINEAR[green] + 0.0722 * LINEAR[blue]


def ratio(light: float, dark: float) -> float:
    return (light + 0.05) / (dark + 0.05)


def contrasts(page: Page) -> Iterator[tuple[str, float]]:
    """Each text on show with its contrast, from the pixels: the ground is the commonest colour, the ink
    the one farthest from it (the edges of letters lie between the two)."""
    shown, data = texts(page), page.screenshot()
    while shown != (now := texts(page)):  # it changed under the camera
        shown, data = now, page.screenshot()
    shot = Image.open(io.BytesIO(data)).convert("RGB")
    for text in shown:
        left, top, right, bottom = (round(edge) for edge in text.room)
        part = shot.crop((max(0, left), max(0, top), right, bottom))
        # Not "any number": the table is as large as what it is told.
        colors = sorted(part.getcolors(part.width * part.height) or [], reverse=True)
        lights = [luminance(color) for _, color in colors]  # type: ignore[arg-type]
        yield text.text, max(ratio(max(lights), lights[0]), ratio(lights[0], min(lights)))


def faint(page: Page, least: float = 7.0) -> list[tuple[str, float]]:
    """The texts whose contrast is less than `least`."""
    return [(text, round(found, 2)) for text, found in contrasts(page) if found < least]
