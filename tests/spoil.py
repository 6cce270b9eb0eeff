"""Spoils the rules and the journal, one place at a time, and sees whether a test notices: `make mutants`.

    spoil.py [PART...]   only these parts; each takes at most 40 minutes on two cores

What nobody noticed is written to mutants/PART.txt.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RULES = "test_hall test_rules test_refusals test_tables test_histories test_calendar"
# The name of a part -> the files that are spoiled, the tests that should notice.
PARTS: dict[str, tuple[str, str]] = {
    "decide": (
        "hall/decide hall/outcome hall/moment hall/record hall/commands hall/bounds",
        f"{RULES} test_clock test_values",
    ),
    "days": ("hall/days", RULES),
    "windows": ("hall/windows", RULES),
    "tickets": ("hall/tickets hall/line", f"{RULES} test_proof"),
    "keys": ("hall/keys hall/calendar", "test_keys test_calendar test_clock test_rules test_tables"),
    "state": ("hall/state hall/events", f"{RULES} test_card"),
    "store": ("journal/store journal/files", "test_store test_tables test_proof"),
    "rows": (
        "journal/rows journal/kinds journal/upcasts journal/verify",
        "test_rows test_golden test_store test_tables",
    ),
    "backup": ("journal/backup", "test_backup"),
    "people": ("journal/people", "test_access"),
}
# Those that take seconds each, for every mutant.
SLOW = (
    "test_hall.py::test_random_interleavings_are_fair",
    "test_hall.py::test_clerks_pressing_at_the_same_moment_never_get_the_same_ticket",
    "test_histories.py::test_any_history_is_fair_whole_and_adds_up",
    "test_histories.py::test_rush_days_are_fair_and_add_up",
    "test_proof.py::test_a_checker_confirms_every_reason_over_random_days",
    "test_rules.py::test_after_the_day_the_displays_go_off",
    "test_store.py::test_on_a_full_card_calls_go_on_and_tickets_stop_until_there_is_room",
)


def spoiled(part: str) -> list[str]:
    return [f"controller/{name}.py" for name in PARTS[part][0].split()]


def judges(part: str) -> list[str]:
    return [f"tests/{name}.py" for name in PARTS[part][1].split()]


def prepare(part: str) -> Path:
    """A folder with what git has of this one, and mutmut's settings for the part."""
    folder = ROOT / "mutants" / part
    shutil.rmtree(folder, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    slow = [f"--deselect=tests/{name}" for name in SLOW if f"tests/{name.partition('::')[0]}" in judges(part)]
    own = {
        "only_mutate": spoiled(part),
        "pytest_add_cli_args_test_selection": judges(part),
        "pytest_add_cli_args": ["-n", "0", *slow],
    }
    head = "[tool.mutmut] # make mutants\n"
    text = (folder / "pyproject.toml").read_text()
    assert text.count(head) == 1
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in own.items())
    (folder / "pyproject.toml").write_text(text.replace(head, head + lines))
    return folder


def fate_of(line: str) -> tuple[str, str]:
    """The name of a mutant that was not killed, and what became of it."""
    name, _, fate = line.strip().partition(": ")
    return name, fate


def run(part: str) -> None:
    """One line of what was counted."""
    folder = prepare(part)
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    here = {**os.environ, "PYTHONPATH": ""}

    def told(*words: str) -> str:
        done = subprocess.run(
            [mutmut, *words], cwd=folder, env=here, capture_output=True, text=True, check=True
        )
        return done.stdout

    subprocess.run([mutmut, "run"], cwd=folder, env=here, check=True)
    told("export-cicd-stats")
    counted = json.loads((folder / "mutants" / "mutmut-cicd-stats.json").read_text())
    left = [name for name, fate in map(fate_of, told("results").splitlines()) if fate != "timeout"]
    (ROOT / "mutants" / f"{part}.txt").write_text("\n".join(told("show", name) for name in left))
    noticed = counted["killed"] + counted["timeout"]
    print(f"{part}: {counted['total']} spoiled places, {noticed} noticed; see mutants/{part}.txt", flush=True)


def main() -> None:
    for part in sys.argv[1:] or PARTS:
        run(part)


if __name__ == "__main__":
    main()
