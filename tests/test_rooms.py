"""The house: the linter of imports keeps the arrows between rooms; here is what it cannot say."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

OURS = ("controller", "drivers", "display", "web")
FILES = sorted(path for room in OURS for path in (ROOT / room).rglob("*.py"))
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
# For each contract an import that breaks it: in which file, of what.
PLANTED = {
    "rooms": ("controller/hall/line.py", "controller.journal.store"),
    "displays": ("display/words/catalogue.py", "display.screens.levels"),
    "children": ("controller/runtime/oracle.py", "controller.forecast.learner"),
    "web": ("web/access/routes.py", "web.pages.status"),
    "drivers": ("drivers/sign_modbus.py", "controller.hall.events"),
    "base": ("drivers/base/link.py", "drivers.parts.modbus"),
    "machines": ("display/stage.py", "drivers.sim.sign"),
    "faces": ("controller/simulated/player.py", "display.words.catalogue"),
    "pages": ("web/pages/kiosk.py", "web.pages.desk"),
}
# Folders in which each file is a product, a machine or a page: as many as there are of those.
OPEN = {"drivers", "drivers/sim", "web/pages"}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def modules(source: str) -> Iterator[str]:
    """What a source imports, as far as it is written in import lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """The linter of imports on the packages in a folder."""
    program = Path(sys.executable).with_name("lint-imports")
    place = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    command = [str(program), "--no-cache"]
    return subprocess.run(command, cwd=folder, env=place, capture_output=True, text=True)


def test_arrows_point_only_to_rooms_further_down() -> None:
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout


def test_the_linter_sees_one_planted_arrow_for_each_contract(tmp_path: Path) -> None:
    for room in OURS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, target in PLANTED.values():
        with open(tmp_path / file, "a") as source:
            source.write(f"\nimport {target}\n")
    assert PLANTED.keys() == {contract["id"] for contract in LINTER["contracts"]}
    found = lint(tmp_path)
    assert found.returncode == 1
    for contract in LINTER["contracts"]:
        file, target = PLANTED[contract["id"]]
        here = name_of(ROOT / file)
        assert f"{contract['name']} BROKEN" in found.stdout, found.stdout
        assert re.search(rf"{here} -> {target} ?\(l\.", found.stdout), (here, target)


def test_no_room_is_left_out_of_the_order() -> None:
    (rooms,) = (contract["layers"] for contract in LINTER["contracts"] if contract["id"] == "rooms")
    there = {f"controller.{path.parent.name}" for path in (ROOT / "controller").glob("*/__init__.py")}
    assert there | {"drivers", "display", "web"} == set(rooms)


def test_every_folder_of_ours_is_a_room_and_nothing_of_ours_lies_beside_them() -> None:
    """Python finds a folder without __init__.py as well, and the linter does not."""
    for path in FILES:
        assert (path.parent / "__init__.py").exists(), path
    assert {path.name for path in (ROOT / "drivers").iterdir() if path.is_dir()} - {"__pycache__"} == {
        *("base", "parts", "profiles", "sim")
    }
    python = {folder.name for folder in ROOT.iterdir() if folder.is_dir() and any(folder.glob("*.py"))}
    assert python == {*OURS, "tests"}
    assert list(ROOT.glob("*.py")) == []


def test_a_driver_stands_alone() -> None:
    """A product file imports no machine, a machine no product; the base and the parts import neither."""
    products = {f"drivers.{path.stem}" for path in (ROOT / "drivers").glob("*_*.py") if path.stem[0] != "_"}
    assert len(products) > 10
    for path in (ROOT / "drivers").rglob("*.py"):
        found = set(modules(path.read_text()))
        if path.parent.name in ("base", "parts", "sim"):
            assert not found & products, path
        if path.parent.name == "drivers":
            assert not any(name.startswith("drivers.sim") for name in found), path
        assert not found & {"importlib.import_module", "importlib"} or path.name == "load.py", path


# A command brings along the random token of a ticket's page: what follows from it is pure.
PURE = [
    *(ROOT / "controller" / "hall").glob("*.py"),
    *(ROOT / "controller" / "figures").glob("*.py"),
    ROOT / "controller" / "forecast" / "rollout.py",
    ROOT / "controller" / "forecast" / "learner.py",
]
PURE.remove(ROOT / "controller" / "hall" / "commands.py")


@pytest.mark.parametrize("path", sorted(PURE), ids=name_of)
def test_rules_and_figures_import_nothing_that_could_touch_the_world(path: Path) -> None:
    known = {
        "chinese_calendar",
        "dataclasses",
        "datetime",
        "itertools",
        "typing",
        "collections",
        "collections.abc",
    }
    known |= {"functools", "heapq", "math", "random", "statistics"}  # what is worked out once; dice and sums
    tree = ast.parse(path.read_text())
    named = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    named |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name for name in named if not name.startswith("controller.")} <= known


def test_no_file_is_too_long_to_be_read_in_one_go() -> None:
    assert max(len(path.read_text().splitlines()) for path in FILES) <= 400


def test_no_folder_holds_more_than_can_be_surveyed() -> None:
    held = Counter(str(path.parent.relative_to(ROOT)) for path in FILES if path.name != "__init__.py")
    assert {folder: count for folder, count in held.items() if count > 16 and folder not in OPEN} == {}


def test_every_module_says_what_it_is_and_every_room_what_is_never_there() -> None:
    for path in FILES:
        tree = ast.parse(path.read_text())
        said = ast.get_docstring(tree)
        assert said, path
        if path.name == "__init__.py":
            assert len(tree.body) == 1, f"{path} holds code"
            assert "Never here: " in said, path


def test_the_four_names_belong_to_hallqueue() -> None:
    for room in OURS:
        assert set(importlib.metadata.packages_distributions()[room]) == {"hallqueue"}
    top = [p.name for p in ROOT.iterdir() if (p / "__init__.py").exists() and p.name != "tests"]
    assert sorted(top) == sorted(OURS)
