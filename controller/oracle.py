"""The forecast in a process of its own, so that no press ever waits for it: parent and child.

The child reads the journal, and the time from its standard input; it holds no clock and writes nothing.
"""

import json
import logging
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean

from controller.child import Asked, Child, ask
from controller.forecast import Forecaster
from controller.hall.events import DayOpened
from controller.hall.moment import Now
from controller.journal.store import read
from controller.settings.schema import Settings

log = logging.getLogger("hallqueue.oracle")
Figures = Mapping[str, Mapping[str, float]]
PACE, OLD, AGAIN = 2.0, 120.0, 30.0  # s: between questions, until figures vanish, after a death
EVENTS = 10_000  # of the journal, from which it learns
ENOUGH = 10  # visitors after whom it says how wrong it is


class Oracle(Child):
    """Asks for a forecast whenever something is new; `tell` hears every answer."""

    def __init__(self, plan: Settings, path: Path, now: Callable[[], Now], tell: Callable[[Figures], None]):
        super().__init__("oracle")
        self._first, self._now, self._tell = f"{pickle.dumps(plan).hex()} {path}\n", now, tell
        self._latest: tuple[float, Figures] = (float("-inf"), {})

    def figures(self) -> Figures:
        """By service: low, mid, high and finish in seconds from now, and the errors so far. Empty when
        they are old: no figure is better than a false one."""
        asked, found = self._latest
        return found if self._now().mono - asked < OLD else {}

    def _run(self) -> None:
        self._news.wait()
        while not self._over.is_set():
            with self._alive("controller.oracle") as process:
                self._talk(process)
            if not self._over.wait(AGAIN):
                log.warning("the forecast ended by itself; it begins again")

    def _talk(self, process: Asked) -> None:
        said = self._first
        while not self._over.is_set():
            self._news.clear()
            now = self._now()
            found = ask(process, said + pickle.dumps(now).hex())
            if found is None:
                return
            self._latest, said = (now.mono, found), ""
            self._tell(found)
            self._over.wait(PACE)
            self._news.wait(OLD / 2)


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
