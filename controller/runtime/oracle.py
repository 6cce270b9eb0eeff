"""The forecast in a process of its own, so that no press ever waits for it: the parent of
forecast/oracle.py."""

import logging
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

from controller.hall.moment import Now
from controller.runtime.child import Asked, Child
from controller.settings.schema import Settings

log = logging.getLogger("hallqueue.oracle")
Figures = Mapping[str, Mapping[str, float]]
PACE, OLD, AGAIN = 2.0, 120.0, 30.0  # s: between questions, until figures vanish, after a death


class Oracle(Child):
    """Asks for a forecast whenever something is new; `tell` hears every answer."""

    longest = OLD  # on a busy machine, as it gives way to everybody

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
            with self._alive("controller.forecast.oracle") as process:
                self._talk(process)
            if not self._over.wait(AGAIN):
                log.warning("the forecast ended by itself; it begins again")

    def _talk(self, process: Asked) -> None:
        said = self._first
        while not self._over.is_set():
            self._news.clear()
            now = self._now()
            found = self._ask(process, said + pickle.dumps(now).hex())
            if found is None:
                return
            self._latest, said = (now.mono, found), ""
            self._tell(found)
            self._over.wait(PACE)
            self._news.wait(OLD / 2)
