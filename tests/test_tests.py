"""Tests that can fail: none reads what is private, none takes a failure for the fact that it waits for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from spoil import PARTS, judges, spoiled

TESTS = sorted((ROOT / "tests").rglob("*.py"))
# Of Python itself, and harmless; and what pytest has no public word for.
PYTHONS = {"os._exit", "item._fixtureinfo"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private(source: str) -> Iterator[str]:
    """What a source reads or imports of others though its name begins with one underscore."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            of_its_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not of_its_own and ast.unparse(node) not in PYTHONS:
                yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if is_private(alias.name))


def swallows(source: str) -> Iterator[str]:
    """Where a source takes any failed assertion for the one that it expects."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "AssertionError"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (
            "raises",
            "suppress",
        ):
            told = any(word.arg == "match" for word in node.keywords)
            caught = "" if told else " ".join(map(ast.unparse, node.args))
        else:
            continue
        if "AssertionError" in caught or caught in ("Exception", "BaseException"):
            yield ast.unparse(node).split("\n")[0]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_no_test_reads_what_is_private(path: Path) -> None:
    assert list(private(path.read_text())) == []


@pytest.mark.parametrize(
    "path", [path for path in TESTS if path.stem.startswith("test_")], ids=lambda p: p.stem
)
def test_no_test_takes_just_any_failure(path: Path) -> None:
    assert list(swallows(path.read_text())) == []


def test_the_two_see_what_is_planted() -> None:
    assert list(private("assert hall.twin._pins.lit(5)")) == ["hall.twin._pins"]
    assert list(private("from controller.store import _time, read")) == ["_time"]
    assert list(private("self._own = hall.__dict__; _plain = cls._own")) == []
    assert list(swallows("with pytest.raises(AssertionError):\n    expect(page)")) == [
        "pytest.raises(AssertionError)"
    ]
    assert list(swallows("with suppress(AssertionError):\n    until(fact)")) == ["suppress(AssertionError)"]
    assert list(swallows("try:\n    until(fact)\nexcept:\n    pass")) == ["except:"]
    assert list(swallows('with pytest.raises(AssertionError, match="lost"):\n    judge(path)')) == []


def test_every_file_of_the_rules_and_the_journal_is_spoiled_in_one_part() -> None:
    places = [file for part in PARTS for file in spoiled(part)]
    assert len(places) == len(set(places))
    rooms = [*ROOT.glob("controller/hall/*.py"), *ROOT.glob("controller/journal/*.py")]
    assert {str(path.relative_to(ROOT)) for path in rooms if path.stem != "__init__"} <= set(places)
    assert [file for file in places if not (ROOT / file).exists()] == []
    assert [test for part in PARTS for test in judges(part) if not (ROOT / test).exists()] == []
