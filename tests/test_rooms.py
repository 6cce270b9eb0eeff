"""The house: who may import whom (design.md), and how long a file may be."""

import ast
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

OURS = ("controller", "drivers", "display", "web")
ROOF = {"controller.app", "controller.simulated"}
GROUND = {"controller.hall", "controller.settings"}
FILES = sorted(path for room in OURS for path in (ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(source: str) -> Iterator[str]:
    """The modules of ours that a source imports, by their full names; "." if it does not say."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in OURS)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "."
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OURS:
            for alias in node.names:
                inner = ROOT / Path(*node.module.split("."), alias.name)
                module = inner.is_dir() or inner.with_suffix(".py").exists()
                yield f"{node.module}.{alias.name}" if module else node.module


def within(name: str, rooms: set[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def allowed(here: str, there: str) -> bool:
    room = there.split(".")[0]
    if there == ".":
        return False
    if within(here, ROOF):
        return True
    if within(there, ROOF) or there.startswith("drivers.sim"):
        return here.startswith("drivers.sim")
    if within(here, GROUND):
        return within(there, GROUND)
    match here.split(".")[0]:
        case "controller":
            return room == "controller" or (within(here, {"controller.runtime"}) and room == "drivers")
        case "drivers":
            return room == "drivers" or within(there, GROUND)
        case "display":
            return room in ("display", "controller", "drivers")
    return True


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_arrows_point_down_only(path: Path) -> None:
    here = name_of(path)
    wrong = [there for there in imports(path.read_text()) if not allowed(here, there)]
    assert not wrong, f"{here} may not import {wrong}"


def test_the_test_of_the_rooms_catches_an_arrow_that_points_up() -> None:
    assert list(imports("from controller.runtime import engine")) == ["controller.runtime.engine"]
    assert list(imports("from drivers import sim")) == ["drivers.sim"]
    assert list(imports("from .sim import sign")) == ["."]
    assert not allowed("display.stage", "drivers.sim")
    assert not allowed("drivers.base", ".")
    assert not allowed("drivers.link", "controller.runtime.engine")
    assert not allowed("controller.hall", "drivers.base")
    assert not allowed("controller.settings", "controller.runtime.clock")
    assert not allowed("display.stage", "drivers.sim.sign")
    assert not allowed("web.app", "controller.app.running")


# A command brings along the random token of a ticket's page: what follows from it is pure.
RULES = [path.stem for path in (ROOT / "controller" / "hall").glob("*.py") if path.stem != "commands"]


@pytest.mark.parametrize("name", [*sorted(RULES), "../figures/proof", "../figures/account"])
def test_the_rules_import_nothing_that_could_touch_the_world(name: str) -> None:
    tree = ast.parse((ROOT / "controller" / "hall" / f"{name}.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    plain = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    pure = {"chinese_calendar", "collections.abc", "dataclasses", "datetime", "itertools", "typing"}
    assert not plain
    assert {m for m in modules if m and not m.startswith("controller")} <= pure


def test_no_file_is_too_long_to_be_read_in_one_go() -> None:
    assert max(len(path.read_text().splitlines()) for path in FILES) <= 400


def test_every_module_says_what_it_is() -> None:
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_the_four_names_belong_to_hallqueue() -> None:
    for room in OURS:
        assert set(importlib.metadata.packages_distributions()[room]) == {"hallqueue"}
    top = [p.name for p in ROOT.iterdir() if (p / "__init__.py").exists() and p.name != "tests"]
    assert sorted(top) == sorted(OURS)
