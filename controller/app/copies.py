"""Verbs about what is kept: verify, backup, restore."""

import argparse

from controller.app.console import speak
from controller.journal import backup
from controller.journal.store import state_in
from controller.journal.verify import verify
from controller.runtime.clock import SystemClock


def verify_journal(options: argparse.Namespace) -> int:
    path = backup.journal_in(options.data)
    count, broken = verify(path)
    print(speak("start.verify_broken" if broken else "start.verify_ok", count=count, row=broken))
    if not broken:
        state_in(path)  # seals say that nothing was changed, not that a hall can be started on it
    return 2 if broken else 0


def copy(options: argparse.Namespace) -> int:
    backup.journal_in(options.data)
    options.folder.mkdir(parents=True, exist_ok=True)
    print(speak("backup.done", rows=backup.checked_copy(options.data, options.folder), folder=options.folder))
    return 0


def bring_back(options: argparse.Namespace) -> int:
    if options.drill:
        today = f"{SystemClock('Asia/Shanghai', None).now().wall:%Y-%m-%d}"
        print(speak("backup.drilled", rows=backup.drill(options.folder, options.data, today)))
    else:
        rows, aside = backup.restore(options.folder, options.data)
        print(speak("backup.restored", rows=rows, data=options.data, folder=options.folder))
        if aside:
            print(speak("backup.aside", aside=aside))
    return 0
