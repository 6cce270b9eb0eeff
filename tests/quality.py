"""docs/quality.md: what each part of `make torture` counted when it last ran, on which commit."""

import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "quality.md"


def summed(counted: Iterable[str]) -> list[str]:
    """What the tests counted, those that counted the same thing in parts together."""
    sums: Counter[str] = Counter()
    for said in counted:
        number, _, rest = said.partition(" ")
        whole = number.replace(",", "").isdecimal()
        sums[rest if whole else said] += int(number.replace(",", "")) if whole else 0
    return sorted(f"{number:,} {rest}" if number else rest for rest, number in sums.items())


def rewritten(page: str, part: str, counted: Sequence[str], commit: str, date: str) -> str:
    """The page with another row for this part."""
    start = f"| `make torture-{part}` | "
    lines = page.splitlines()
    (row,) = (n for n, line in enumerate(lines) if line.startswith(start))
    lines[row] = f"{start}{'; '.join(counted)} | {commit} | {date} |"
    return "\n".join(lines) + "\n"


def write(part: str, counted: Sequence[str], page: Path = PAGE) -> None:
    git = ["git", "-C", str(ROOT), "describe", "--always", "--exclude=*", "--dirty=, changed"]
    commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    date = f"{datetime.now(UTC):%Y-%m-%d}"  # noqa: TID251 - the day on which it ran
    page.write_text(rewritten(page.read_text(), part, counted, commit, date))
