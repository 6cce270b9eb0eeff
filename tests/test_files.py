"""hall.toml by mutation: whatever becomes of it, `check` ends with 0 or 2 and a sentence, and what it lets
pass starts."""

import random
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from test_refused import opened
from test_settings import TEXT, spoken

from controller.app import technician
from controller.settings.reader import Mistakes
from controller.settings.schema import Mistake

# Where a file can be wrong: other signs, other values, other keys, lines that go or come twice.
SIGNS = [*"\"'“”‘’=＝,，:：[]{}#.-_+ \t\n\\/0123456789", "\0", "\x1b", "\u202e", "\ufeff", "é", "社", "😀"]
VALUES = (
    *('""', '"A"', '"1"', '"sign1"', '"unit1"', '"8:00-11:30"', '"11:30-8:00"', '"/dev/null"'),
    *(
        '"socket://127.0.0.1:9"',
        '"socket://127.0.0.1"',
        '"usb://0416:5011"',
        '"lp:/dev/usb/lp0"',
        '"exec:true"',
    ),
    *(
        "0",
        "1",
        "-1",
        "2",
        "16",
        "17",
        "99",
        "300",
        "65536",
        "1e308",
        "nan",
        "inf",
        "-0.0",
        "0.5",
        f"1{'0' * 400}",
    ),
    *("true", "false", "[]", "{}", '["A"]', '["A", "A"]', "[1]", '["8:00-9:00"]', "{ A = 17 }", "{ Z = 4 }"),
    *("2026-10-01", "8:00:00", "1979-05-27T07:32:00Z", "0x7fffffffffffffffffff", "[[[[]]]]", '"{x}"', '"{"'),
)
RICH = f"""{TEXT}
[policy]
calls = 3
end = "carry"
no_show_seconds = 0
[web]
link = "http://192.168.1.5:8080"
[words]
"board.notice" = {{ zh = "取号后请到休息区" }}
[group.people]
name = "民政"
[device.pad]
driver = "callunit_keypad"
url = "/dev/input/by-path/x-event-kbd"
window = "2"
[device.tv]
driver = "power_cec"
[device.relay]
driver = "power_gpio"
pin = 4
[device.figure]
driver = "sign_modbus"
url = "socket://192.168.1.61:502"
address = 9
framing = "tcp"
window = "3"
[device.alpha]
driver = "sign_profile"
profile = "alpha"
url = "socket://192.168.1.62:4001"
window = "4"
"""


def mutated(dice: random.Random) -> str:
    lines = RICH.split("\n")
    told = [number for number, line in enumerate(lines) if line and line[0] != "#"]
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        at = dice.choice(told)
        line = lines[at]
        match dice.randrange(7):
            case 0:
                place = dice.randrange(len(line) + 1)
                lines[at] = line[:place] + dice.choice(SIGNS) + line[place + dice.randrange(2) :]
            case 1 | 2 | 3:
                lines[at] = f"{line.partition('=')[0]}= {dice.choice(VALUES)}"
            case 4:
                lines[at] = ""
            case 5:
                lines[at] = f"{line}\n{lines[dice.choice(told)]}"
            case 6:
                lines[at] = line.replace(
                    *dice.choice((("1", "2"), ("A", "B"), ("window", "kiosk"), ("sign", "unit")))
                )
    return "\n".join(lines)


def checked(text: str, file: Path) -> int:
    """The status of `check`; 2 comes with a sentence a mistake."""
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    found: tuple[Mistake, ...] = ()
    try:
        technician.check(Namespace(file=file))
    except Mistakes as mistakes:
        found = mistakes.found or (Mistake(0, "", "", {}),)
    assert all(map(spoken, found))
    return 2 if found else 0


@pytest.mark.slow
def test_every_mutated_file_is_right_or_told_in_words_and_what_passes_starts(
    files: int, tmp_path: Path, counted: Callable[[str], None]
) -> None:
    """Of what passes one in so many starts, as a simulated hall: five hundred of a hundred thousand."""
    dice = random.Random(files)
    refused, right = 0, []
    for _ in range(files):
        text = mutated(dice)
        if checked(text, tmp_path / "hall.toml"):
            refused += 1
        else:
            right.append(text)
    assert min(refused, len(right)) > files / 8, "dice that are worth throwing"
    starts = dice.sample(right, max(1, files // 200))
    for number, text in enumerate(starts):
        with opened(text, tmp_path / f"{number}") as house:
            assert house.engine.plan.refused == ()
    counted(f"{files:,} files, {len(right):,} of them right")
    counted(f"{len(starts):,} halls started")
