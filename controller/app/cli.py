"""`hallqueue <verb>`: the command line. Bad usage and refusals exit with status 2; what may pass by
itself exits with 75 (EX_TEMPFAIL), and is worth another try."""

import argparse
import logging
import os
import sqlite3
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

from controller.app import copies, proofs, serving, technician, what_if
from controller.app.console import located, tell, told
from controller.journal import backup
from controller.journal.files import CannotStart, NotYet
from controller.settings.reader import Mistakes


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="hallqueue", description="排队叫号 - the queue and display controller of a service hall"
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def argument(name: str, help: str, **more: Any) -> tuple[str, dict[str, Any]]:
        return name, {"help": help, **more}

    folder = Path(os.environ.get("STATE_DIRECTORY", "var"))
    data = argument("--data", "folder of the journal (%(default)s)", type=Path, default=folder)
    file = argument("file", "hall.toml", type=Path, metavar="FILE")
    bind = argument("--bind", "web address (%(default)s)", default="127.0.0.1")
    port = argument("--port", "web port (%(default)s)", type=int, default=8080)
    device = argument("device", "its name in hall.toml", metavar="DEVICE")
    ticket = argument("ticket", "its number, such as A021", metavar="TICKET")
    before = argument("before", "only this one", metavar="BEFORE", nargs="?", default="")
    moment = argument("time", "2026-10-08 09:41", metavar="TIME", type=datetime.fromisoformat)
    on = argument("--day", "2026-10-08 (the newest)", default="")
    newest = argument("day", "2026-10-08 (the newest)", metavar="DAY", nargs="?", default="")
    monday = argument("--date", "%(default)s", type=date.fromisoformat, default="2026-11-23")
    seed = argument("--seed", "another is another day (%(default)s)", type=int, default=1)
    much = argument("--load", "of what all windows can do (%(default)s)", type=what_if.positive, default=1.0)
    opens = argument("--open", "a window that opens later", action="append", default=[], metavar="4=9:00")
    folder_ = argument("folder", "of the backup", metavar="FOLDER", type=Path)
    drill = argument("--drill", "only try it, aside (演练)", action="store_true")
    hall_ = (file, data, bind, port)
    for verb, act, text, *arguments in (
        ("run", serving.run, "run the hall on its real devices (按 hall.toml 运行)", *hall_),
        (
            "simulate",
            serving.run,
            "run the same hall with simulated devices and the twin page (模拟运行)",
            *hall_,
        ),
        (
            "safe",
            serving.stand_in,
            "while the hall cannot run, send everybody to the desk (应急告示)",
            *hall_,
        ),
        ("check", technician.check, "name every mistake of a hall.toml (检查配置)", file),
        (
            "devices",
            technician.list_devices,
            "list what is plugged in, with its stanza for hall.toml (列出已插设备)",
        ),
        (
            "doctor",
            technician.examine,
            "test every device of a hall.toml and this machine (体检)",
            file,
            data,
        ),
        (
            "bundle",
            technician.pack,
            "what a helper needs to see, zipped; nothing private (打包诊断资料)",
            *hall_,
        ),
        (
            "record",
            technician.record,
            "record one device's wire, until Ctrl-C (录下一个设备的通信)",
            file,
            device,
        ),
        ("replay", technician.replay, "play a recording to the real driver (把录音放给驱动)", file),
        (
            "day",
            what_if.simulate_day,
            "a whole day by dice: what if? (模拟一天)",
            file,
            monday,
            seed,
            much,
            opens,
        ),
        ("passcode", technician.one_time, "a one-time code for the technician (技师一次性口令)", data),
        ("backup", copies.copy, "copy the journal to a folder now (立即备份)", folder_, data),
        ("restore", copies.bring_back, "bring a backup back (从备份恢复)", folder_, drill, data),
        ("verify", copies.verify_journal, "check every seal of the journal (核对流水)", data),
        (
            "why",
            proofs.why,
            "who came before a ticket, and the proof (为什么他在前面)",
            ticket,
            before,
            on,
            data,
        ),
        ("trail", proofs.trail, "a ticket's whole life (一张号的经过)", ticket, on, data),
        ("at", proofs.then, "the hall as it was at a time (当时的大厅)", moment, data),
        ("report", proofs.report, "the day's account and every overtaking (当日公平报告)", newest, data),
    ):
        verb_parser = verbs.add_parser(verb, help=text, description=text)
        verb_parser.set_defaults(act=act)
        for name, settings in arguments:
            verb_parser.add_argument(name, **settings)
    options = parser.parse_args()
    os.umask(0o077)  # what a hall keeps is its own
    # Before python-escpos is imported: it calls logging.basicConfig itself.
    level = logging.INFO if options.act in (serving.run, serving.stand_in) else logging.CRITICAL
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    logging.captureWarnings(True)
    status = 2
    try:
        status = options.act(options)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head`: who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes the rest as it ends
        status = 0
    except (CannotStart, backup.CannotCopy) as error:
        group = "start" if isinstance(error, CannotStart) else "status"
        tell(f"{group}.{error.code}", **error.arguments)
        status = os.EX_TEMPFAIL if isinstance(error, NotYet) else 2
    except sqlite3.Error as error:
        tell("start.no_journal", detail=error)
    except Mistakes as mistakes:
        for mistake in mistakes.found:
            print(told(located(options.file, mistake)))
    except OSError as error:
        tell("start.no_file", file=error.filename or "-", detail=error.strerror or error)
    sys.exit(status)


if __name__ == "__main__":
    main()
