"""The tour and the picture of the house are true: every name is where the link says, every room as drawn."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import house
import pytest
from conftest import ROOT

TOUR = ROOT / "docs" / "tour.md"
# [`Engine.submit`](../controller/runtime/engine.py), [board.js](../web/static/board.js)
LINK = re.compile(r"\[(`?)([^\]`]+)`?\]\(([^)]+)\)")


def defined(path: Path) -> set[str]:
    """The names of a file: functions, classes, constants, and methods as Class.method."""
    found = set[str]()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return found


def broken(text: str) -> Iterator[str]:
    """The links of a page of docs/ that lead nowhere, or to a file without the name."""
    for quoted, label, target in LINK.findall(text):
        file = TOUR.parent / target
        if not file.exists() or (quoted and label not in defined(file)):
            yield f"{label} in {target}"


def test_every_step_of_the_tour_is_where_its_link_says() -> None:
    text = TOUR.read_text()
    assert len(LINK.findall(text)) > 50
    assert list(broken(text)) == []


def test_a_step_that_has_moved_is_noticed() -> None:
    assert list(broken("[`Engine.submits`](../controller/runtime/engine.py)")) != []
    assert list(broken("[`Engine.submit`](../controller/engine.py)")) != []
    assert list(broken("[engine](../controller/runtime/engines.py)")) != []


@pytest.mark.parametrize("name", ["architecture", "rooms.svg"])
def test_the_picture_of_the_house_is_made_from_its_imports(name: str) -> None:
    page = ROOT / "docs" / ("architecture.md" if name == "architecture" else "pictures/rooms.svg")
    drawn = house.architecture() if name == "architecture" else house.picture()
    assert page.read_text() == drawn, "run `make docs`, and look at what changed"
