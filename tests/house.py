"""Draws docs/pictures/rooms.svg and the table of docs/architecture.md from the imports of the packages."""

import ast
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # grimp looks for packages by the path of imports

import grimp  # noqa: E402

# From the roof to the ground, as in pyproject.toml, the drivers in their four parts; and in which column
# of the picture a room stands, so that no arrow crosses a box.
COLUMNS = {
    "controller.app": 1.9,
    "controller.simulated": 0.8,
    "web": 1.9,
    "drivers.sim": 0.1,
    "controller.runtime": 2.8,
    "controller.forecast": 4.4,
    "display": 2.0,
    "controller.figures": 4.2,
    "controller.journal": 3.15,
    "drivers": 0.9,
    "drivers.parts": 1.3,
    "drivers.base": 2.0,
    "controller.hall": 3.1,
    "controller.settings": 3.1,
}
ROOMS = tuple(COLUMNS)
WIDE, HIGH, ACROSS, DOWN, EDGE = 270, 74, 50, 64, 20  # of a box, between boxes, around them
BEGIN, END = "<!-- made by `make docs` -->", "<!-- until here -->"


def room_of(module: str) -> str:
    """The innermost room in which a module stands."""
    return max((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), key=len, default="")


def arrows() -> dict[str, set[str]]:
    """By room, the rooms that it imports from."""
    graph = grimp.build_graph("controller", "drivers", "display", "web", cache_dir=None)
    found: dict[str, set[str]] = {room: set() for room in ROOMS}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            here, there = room_of(module), room_of(imported)
            if here and there and here != there:
                found[here].add(there)
    return found


def below(room: str, found: dict[str, set[str]]) -> set[str]:
    """All rooms on which one stands."""
    return found[room].union(*(below(other, found) for other in found[room]))


def floor(room: str, found: dict[str, set[str]]) -> int:
    """How many rooms stand below each other under this one, at the most."""
    return max((floor(other, found) + 1 for other in found[room]), default=0)


def files(room: str) -> list[Path]:
    folder = ROOT / room.replace(".", "/")
    inner = room in ("web", "display")  # their inner rooms are no rows of their own
    found = folder.rglob("*.py") if inner else folder.glob("*.py")
    return sorted(path for path in found if path.name != "__init__.py")


def about(room: str) -> str:
    """The first sentence of what the room says of itself."""
    source = (ROOT / room.replace(".", "/") / "__init__.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").split("\n")[0]


def table() -> str:
    found = arrows()
    rows = ["| room | what lives there | files | it imports from |", "|---|---|---|---|"]
    for room in ROOMS:
        name = room.replace(".", "/")
        others = " ".join(f"`{other.replace('.', '/')}`" for other in ROOMS if other in found[room])
        rows.append(f"| `{name}/` | {about(room)} | {len(files(room))} | {others or '–'} |")
    return "\n".join(rows)


def architecture() -> str:
    """docs/architecture.md with the table of now."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def picture() -> str:
    """The rooms on their floors; of the arrows only those that no longer way replaces."""
    found = arrows()
    top = floor(ROOMS[0], found)
    place = {
        room: (
            EDGE + round((column - min(COLUMNS.values())) * (WIDE + ACROSS)),
            EDGE + (top - floor(room, found)) * (HIGH + DOWN),
        )
        for room, column in COLUMNS.items()
    }
    width = max(x for x, _ in place.values()) + WIDE + EDGE
    height = max(y for _, y in place.values()) + HIGH + EDGE
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 10 5 0 10z" fill="#456"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for room, others in found.items():
        longer = set[str]().union(*(below(other, found) for other in others))
        for other in sorted(others - longer):
            (x1, y1), (x2, y2) = place[room], place[other]
            ends = f'x1="{x1 + WIDE // 2}" y1="{y1 + HIGH}" x2="{x2 + WIDE // 2}" y2="{y2 - 2}"'
            drawn.append(f'<line {ends} stroke="#456" stroke-width="1.5" marker-end="url(#tip)"/>')
    for room, (x, y) in place.items():
        words, rows = about(room).split(), [""]
        for word in words:
            if len(f"{rows[-1]} {word}") > 41:
                rows.append("")
            rows[-1] = f"{rows[-1]} {word}".strip()
        drawn.append(
            f'<rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" rx="6" fill="#eef3f8" stroke="#456"/>'
            f'<text x="{x + 10}" y="{y + 22}" font-size="16" font-weight="bold">'
            f"{room.replace('.', '/')}/</text>"
        )
        for number, row in enumerate(rows[:3]):
            text = escape(row)
            drawn.append(f'<text x="{x + 10}" y="{y + 39 + 14 * number}" font-size="11">{text}</text>')
    return "\n".join([*drawn, "</svg>"]) + "\n"


def main() -> None:
    (ROOT / "docs" / "architecture.md").write_text(architecture())
    (ROOT / "docs" / "pictures" / "rooms.svg").write_text(picture())
    print("docs/architecture.md, docs/pictures/rooms.svg")


if __name__ == "__main__":
    main()
