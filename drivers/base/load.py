"""Finds the driver that hall.toml names: a file of ours, or an installed package."""

import importlib
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path

from drivers.base.device import Device


def load(driver: str) -> type[Device]:
    """The class behind `driver = "..."`: `Driver` in `drivers/<driver>.py`, or an installed
    entry point of the group hallqueue.drivers. Imported on first use only.

    Raises LookupError with the name and the nearest one that exists, or all."""
    here = [file.stem for file in Path(__file__).parents[1].glob("*_*.py") if file.stem[0] != "_"]
    found: type[Device]
    if driver in here:
        found = importlib.import_module(f"drivers.{driver}").Driver
        return found
    installed = {entry.name: entry for entry in entry_points(group="hallqueue.drivers")}
    if driver not in installed:
        near = get_close_matches(driver, [*here, *installed], 1, 0.4) or sorted([*here, *installed])
        raise LookupError(driver, ", ".join(near))
    found = installed[driver].load()
    return found
