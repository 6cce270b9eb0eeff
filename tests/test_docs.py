"""The documents say what is true: targets, verbs, keys and links exist, both languages say the same."""

import contextlib
import dataclasses
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest
from conftest import ROOT

from controller.app import cli
from controller.settings import schema

READMES = ["README.md", "README.zh.md"]
OTHERS = re.compile(r"\.|mutants/|build/")  # not ours, or made from what is
PAGES = [
    name for path in sorted(ROOT.glob("**/*.md")) if not OTHERS.match(name := str(path.relative_to(ROOT)))
]
ROOMS = ("controller", "drivers", "display", "web")


def text(name: str) -> str:
    return (ROOT / name).read_text()


@cache
def help_of(*verb: str) -> str:
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as here, contextlib.redirect_stdout(said):
        here.setattr(sys, "argv", ["hallqueue", *verb, "--help"])
        with pytest.raises(SystemExit, match="0"):
            cli.main()
    return said.getvalue()


@cache
def verbs() -> frozenset[str]:
    return frozenset(re.findall(r"^    (\w+) ", help_of(), re.M))


class Row(NamedTuple):
    """A command as a document gives it: `hallqueue verb words...`; `options`: also those of its remark."""

    page: str
    verb: str
    words: tuple[str, ...]
    options: frozenset[str] = frozenset()


def rows(page: str, of: str) -> Iterator[Row]:
    """Every command line in a text: in a block, or between backticks."""
    for line in re.findall(r"^ +(?:sudo )?(?:\.venv/bin/)?hallqueue (.+)$|`hallqueue ([^`]+)`", of, re.M):
        words = shlex.split("".join(line), comments=True)
        options = frozenset(re.findall(r"(?<!\S)--[a-z]+", "".join(line)))
        yield Row(page, words[0], tuple(words[1 : words.index(">") if ">" in words else None]), options)


COMMANDS = [row for page in PAGES for row in rows(page, text(page))]


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_in_the_readme_exists(name: str) -> None:
    targets = set(re.findall(r"^([\w-]+):", text("Makefile"), re.M))
    named = set(re.findall(r"\bmake ([\w-]+)", text(name)))
    assert {"run", "test"} <= named <= targets


@pytest.mark.parametrize("name", READMES)
def test_the_readme_has_a_row_for_each_verb_and_for_nothing_else(name: str) -> None:
    listed = re.findall(r"^    \.venv/bin/hallqueue (\S+).* # ", text(name), re.M)
    assert sorted(listed) == sorted(verbs())


def test_the_documents_are_read_for_commands() -> None:
    (row,) = rows("x", "    sudo hallqueue restore /media/x   # --drill: 演练\n")
    assert row == Row("x", "restore", ("/media/x",), frozenset({"--drill"}))
    (row,) = rows("x", "so `hallqueue record hall.toml unit2 > trouble.jsonl` writes")
    assert row == Row("x", "record", ("hall.toml", "unit2"))
    assert {row.page for row in COMMANDS} >= {*READMES, "docs/install.md", "docs/recovery.md"}


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: f"{row.page}-{row.verb}")
def test_every_command_of_a_document_is_one_that_its_help_knows(row: Row) -> None:
    assert row.verb in verbs()
    usage = " ".join(help_of(row.verb).partition("\n\n")[0].split())
    options = dict(re.findall(r"\[(--\w+)(?: ([^\]]+))?\]", usage))
    assert row.options <= options.keys(), f"hallqueue {row.verb} --help"
    places = re.findall(r"(?<![\w-])\[?([A-Z]+)\]?(?= |$)", re.sub(r"\[--[^\]]*\]", "", usage))
    words, given = list(row.words), 0
    while words:
        word = words.pop(0)
        if word in options:
            del words[: bool(options[word])]
        else:
            given += 1
    assert given <= len(places), f"hallqueue {row.verb} takes {places}"


@pytest.mark.parametrize("page", PAGES)
def test_every_table_and_key_of_hall_toml_in_a_document_exists(page: str) -> None:
    tables = {part.name for part in dataclasses.fields(schema.Settings)}
    for table, key in re.findall(r"`\[(\w+)(?:\.\w+)?\](?: (\w+))?`", text(page)):
        assert table in tables, table
        kind = getattr(schema, table.capitalize(), None)
        assert not key or key in {part.name for part in dataclasses.fields(kind)}, (table, key)


def test_both_languages_name_the_same_commands() -> None:
    english, chinese = (set(re.findall(r"(?:make|bin/hallqueue) [a-z-]+", text(name))) for name in READMES)
    assert english == chinese


def test_make_alone_lists_every_target() -> None:
    listed = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True).stdout
    phony = re.findall(r"^\.PHONY: (.*)", text("Makefile"), re.M)[0].split()
    assert {f"make {target}" for target in phony if target != "list"} == set(
        re.findall(r"^make [\w-]+", listed, re.M)
    )


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", text(name)):
        if "://" not in link:
            assert (ROOT / name).parent.joinpath(link).exists(), link


def test_the_readmes_have_links_that_can_be_tried() -> None:
    for name in READMES:
        assert len(re.findall(r"\]\((?!http)[^)#]+\)", text(name))) > 20
    assert "docs/tour.md" in PAGES
