"""What is plugged in into this machine, each with the stanza that hall.toml could have for it."""

from collections.abc import Iterator
from pathlib import Path


def devices(root: Path = Path("/")) -> Iterator[tuple[str, str]]:
    """What is plugged in: a stable url, and the stanza that hall.toml could have for it."""
    seen: set[Path] = set()
    for pattern, drivers, prefix in (
        # By name first: by-path is for sticks that have no serial number.
        ("dev/serial/by-id/*", ("callunit_modbus", "sign_onbon", "printer_escpos"), ""),
        ("dev/serial/by-path/*", ("callunit_modbus", "sign_onbon", "printer_escpos"), ""),
        ("dev/serial[0-9]", ("callunit_modbus", "sign_onbon", "printer_escpos"), ""),
        ("dev/usb/by-path/*", ("printer_escpos",), "lp:"),  # systemd/72-hallqueue.rules
        ("dev/usb/lp*", ("printer_escpos",), "lp:"),
        ("dev/input/by-path/*-event-kbd", ("callunit_keypad",), ""),
        ("dev/cec/by-path/*", ("power_cec",), "exec:cec-ctl -d"),
        ("dev/cec[0-9]*", ("power_cec",), "exec:cec-ctl -d"),
        ("dev/spidev*", ("sign_max7219",), "spi:"),
    ):
        for path in sorted(root.glob(pattern)):
            if path.resolve() not in seen:
                seen.add(path.resolve())
                url = prefix + "/" + str(path.relative_to(root))
                choice = f"   # {', '.join(drivers[1:])}" if drivers[1:] else ""
                lines = f'[device.NAME]\ndriver = "{drivers[0]}"{choice}\nurl = "{url}"\n'
                yield url, lines
