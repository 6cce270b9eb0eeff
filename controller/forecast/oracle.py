"""The forecast as a process of its own: reads the journal, and the time from its standard input.

It holds no clock and writes nothing; runtime/oracle.py asks it, so that no press ever waits for it.
"""

import json
import pickle
import sys
from pathlib import Path
from statistics import fmean

from controller.forecast.learner import Forecaster
from controller.hall.events import DayOpened
from controller.journal.store import read

EVENTS = 10_000  # of the journal, from which it learns
ENOUGH = 10  # visitors after whom it says how wrong it is


def main() -> None:
    plan, path = sys.stdin.readline().rstrip().split(maxsplit=1)
    forecaster, seen = Forecaster(pickle.loads(bytes.fromhex(plan))), -EVENTS
    for line in sys.stdin:
        for number, event in read(Path(path), seen):
            seen = number
            if forecaster.state.day or isinstance(event, DayOpened):
                forecaster.hear(event)
        bands = forecaster.bands(pickle.loads(bytes.fromhex(line)))
        found = {}
        for service, band in bands.items():
            errors = forecaster.errors[service]
            found[service] = {name: getattr(band, name) for name in band.__slots__}
            if len(errors) >= ENOUGH:
                found[service]["mae"] = fmean(error for error, _ in errors)
                found[service]["coverage"] = fmean(holds for _, holds in errors)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
