"""The documents say what is true: targets, verbs and links exist, both languages say the same."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT

READMES = ["README.md", "README.zh.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text()


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_and_verb_in_the_readme_exists(name: str) -> None:
    targets = set(re.findall(r"^([\w-]+):", text("Makefile"), re.M))
    assert set(re.findall(r"\bmake ([\w-]+)", text(name))) <= targets
    usage = subprocess.run(
        [sys.executable, "-m", "controller.app.cli", "--help"], capture_output=True, text=True, check=True
    ).stdout
    verbs = set(re.findall(r"^    (\w+)", usage, re.M))
    assert set(re.findall(r"bin/hallqueue (\w+)", text(name))) == verbs


def test_both_languages_name_the_same_commands() -> None:
    english, chinese = (set(re.findall(r"(?:make|bin/hallqueue) [a-z]+", text(name))) for name in READMES)
    assert english == chinese


def test_make_alone_lists_every_target() -> None:
    listed = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True).stdout
    phony = re.findall(r"^\.PHONY: (.*)", text("Makefile"), re.M)[0].split()
    assert {f"make {target}" for target in phony if target != "list"} <= set(
        re.findall(r"make [\w-]+", listed)
    )


@pytest.mark.parametrize(
    "name", [str(p.relative_to(ROOT)) for p in ROOT.glob("**/*.md") if ".venv" not in str(p)]
)
def test_every_link_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", text(name)):
        if "://" not in link:
            assert (ROOT / name).parent.joinpath(link).exists(), link


def test_the_tour_names_files_and_functions_that_exist() -> None:
    source = "".join(
        p.read_text() for d in ("controller", "drivers", "display", "web") for p in (ROOT / d).rglob("*.py")
    )
    for path in re.findall(r"`((?:controller|drivers|display|web|tests)/[\w/]+\.\w+)`", text("docs/tour.md")):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"`(?:\w+\.)?(_?\w+)`", text("docs/tour.md")):
        assert name in source, name
