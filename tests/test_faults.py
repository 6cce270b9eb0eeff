"""The page of faults names tests that there are, and every planted fault has its row."""

import re

from conftest import ROOT
from faults import PLANTS, ROWS


def test_every_row_of_the_page_has_a_test() -> None:
    rows = (ROOT / "docs" / "faults.md").read_text().count("\n| ") - 1
    assert len(ROWS) == rows >= 25
    for _, test in ROWS:
        file, _, name = test.partition("::")
        assert re.search(rf"^def {name}\(", (ROOT / "tests" / file).read_text(), re.M), test


def test_every_planted_fault_has_its_row_and_its_place() -> None:
    assert {test.partition("::")[2] for mark, test in ROWS if mark} == PLANTS.keys()
    assert len(PLANTS) >= 10
    for place, right, _ in PLANTS.values():
        assert (ROOT / place).read_text().count(right) == 1
