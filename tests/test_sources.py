"""What a comment or a page cites can be looked up in the repository.

A source is cited by its page and sections: `(devices.md §2.1, §2.4)`. A page of docs/sources names its own
sections alone, `§2.1`. Standards are cited without the sign: "V1.0b, section 3.1.3".
"""

import re
from collections.abc import Iterator, Set
from pathlib import Path

import pytest
from conftest import ROOT

DOCS = ROOT / "docs"
SOURCES = DOCS / "sources"
HERE = Path(__file__).name  # its false citations are meant
ROOMS = ("controller", "display", "docs", "drivers", "examples", "packaging", "systemd", "tests", "web")
INSTALLED = "/usr/share/doc/hallqueue/"  # where the package lays README.md and docs
PAGE = re.compile(r"[\w./-]*\w\.md\b")
SECTION = re.compile(r"§(\d+(?:\.\d+)*)")
CITATION = re.compile(r"([\w-]+\.md) (§\d+(?:\.\d+)*(?:, §\d+(?:\.\d+)*)*)")
HEADING = re.compile(r"^##+ (\d+(?:\.\d+)*) ", re.M)


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that is text, in the rooms and on top."""
    rooms = (path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file())
    for path in (*rooms, *ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"):
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        if path.name != HERE:
            yield path, text


def sections(page: Path) -> list[str]:
    """The numbers of a page's headings; none of a page that is not there."""
    return HEADING.findall(page.read_text("utf-8")) if page.exists() else []


def exists(page: str, folder: Path) -> bool:
    """Is a page that a file in `folder` mentions in the repository?"""
    places = (ROOT, folder, DOCS, SOURCES)
    return any((place / page.removeprefix(INSTALLED)).exists() for place in places)


def mistakes(text: str, folder: Path, own: Set[str] = frozenset(), whole: bool = True) -> list[str]:
    """What `text`, of a file in `folder`, cites and nobody can look up. `own`: the sections of the page
    itself; `whole`: a source is never mentioned without its section."""
    wrong = [page for page in PAGE.findall(text) if not exists(page, folder)]
    for page, cited in CITATION.findall(text):
        there = sections(SOURCES / page)
        wrong += [f"{page} §{number}" for number in SECTION.findall(cited) if number not in there]
    rest = CITATION.sub("", text)
    wrong += [f"§{number}" for number in SECTION.findall(rest) if number not in own]
    if whole:
        wrong += [page for page in PAGE.findall(rest) if sections(SOURCES / page)]
    return wrong


def test_what_is_cited_can_be_looked_up() -> None:
    wrong = {}
    for path, text in texts():
        own = set(sections(path)) if path.parent == SOURCES else set()
        if found := mistakes(text, path.parent, own, whole=path.suffix != ".md"):
            wrong[str(path.relative_to(ROOT))] = found
    assert not wrong


def test_no_two_sections_of_a_source_have_one_number() -> None:
    for page in SOURCES.glob("*.md"):
        assert len(sections(page)) == len(set(sections(page))), page.name


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("# nobody.md says so", ["nobody.md"]),
        ("# five lamps (hall.md §4.99)", ["hall.md §4.99"]),
        ("# two bits (devices.md §2.1, §77)", ["devices.md §77"]),
        ("# no source (faults.md §1)", ["faults.md §1"]),
        ("# three bits (§2.1)", ["§2.1"]),
        ("# as in limits.md", ["limits.md"]),
        ("# the lamp (hall.md §4.5); see docs/faults.md and README.md", []),
    ],
)
def test_a_false_citation_is_named(text: str, named: list[str]) -> None:
    assert mistakes(text, ROOT / "drivers") == named
