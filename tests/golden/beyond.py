"""Writes the journals of halls ended by a value without bounds: `python tests/golden/beyond.py 36f695a`.

Once; never again: see README.md beside this file. By the commit's own code, as history.py does it: a Monday
morning with people in the hall, and a pause of so many minutes that the hall could not go on.
"""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parent))

from history import Player, found, written

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
MINUTES = {"pause-10": 9_999_999_999, "pause-401": 10**400}  # by a pad; over the API, 401 digits


def play(folder: Path, minutes: int) -> None:
    """In the version that Python finds: live until the pause, and leave the journal in `folder`."""
    example = Path(sys.modules["controller"].__path__[0]).parent / "examples" / "longshuitang.toml"
    hall: Any = Player(folder, example.read_text())
    hall.boot(MONDAY, trusted=True)
    hall.do("LoadPlan", actor="hall.toml", text=hall.text)
    for name in "123":
        hall.do("SignIn", actor=f"100{name}", window=name, clerk=f"100{name}")
    hall.take("AABBCD")
    hall.do("CallNext", window="1")
    hall.do("Start", window="1")
    hall.clock.advance(seconds=20)
    pause = found("Pause")("3", "fault", minutes, actor="1003")
    asked = hall.engine.submit(pause)
    if minutes < 10**15:
        asked.result()
    else:
        hall.engine.thread.join()  # written, and then it could not be folded
    hall.halt()


def main() -> None:
    if sys.argv[1] == "--play":
        import controller  # noqa: F401 - of the commit that is laid in the working folder

        play(Path(sys.argv[2]), MINUTES[sys.argv[3]])
    else:
        for name in MINUTES:
            into = Path(__file__).parent / "beyond"
            into.mkdir(exist_ok=True)
            written(sys.argv[1], into, __file__, name)
            (into / f"{sys.argv[1]}.db").rename(into / f"{name}.db")


if __name__ == "__main__":
    main()
