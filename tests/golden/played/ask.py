"""Asks the command line about the played day: `python ask.py MODULE DATA`, the module that has its main().

How answers.txt was made, in a checkout of 61c65b9: `python .../ask.py controller.cli .../played`.
"""

import importlib
import os
import sys

TICKETS = ("A001", "A005", "A010", "A018", "B003", "B007", "C002", "C010", "D001", "D022")
TIMES = ("2026-11-30 09:00", "2026-11-30 11:29", "2026-11-30 12:30", "2026-11-30 16:00", "2026-11-30 20:00")
ASKED = (
    *(("why", ticket) for ticket in TICKETS),
    *(("trail", ticket) for ticket in TICKETS),
    *(("at", moment) for moment in TIMES),
    ("report",),
    ("verify",),
)


def ask(module: str, data: str) -> None:
    main = importlib.import_module(module).main
    for lang in ("zh", "en"):
        os.environ["LC_ALL"] = lang
        for words in ASKED:
            print("$", *words)
            sys.argv = ["hallqueue", *words, "--data", data]
            try:
                main()
            except SystemExit as end:
                print("status", end.code)


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    ask(*sys.argv[1:])
