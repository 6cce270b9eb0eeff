"""People for the simulated hall: visitors who press lit buttons, clerks who look at lamps. They know
neither tickets nor rules, and touch nothing but the twin's machines."""

import random
import threading
import time
from collections.abc import Iterator
from math import log
from typing import Any, Protocol

from controller.runtime.clock import Clock
from controller.settings.schema import Settings
from controller.simulated.day import work

STEP, FINGER = 0.1, 0.7  # real seconds: between looks, and from one key to the next
LOAD, SIGMA, ABSENT = 0.8, 0.7, 0.05  # of what all windows can do; of log-normal visits; who left


class Twin(Protocol):
    """What people can see and press."""

    plan: Settings

    def face(self, name: str) -> dict[str, Any]: ...
    def press(self, device: str, key: str) -> None: ...


class Player:
    """Owns a thread in which everybody acts, by the hall's own clock, until `stop`."""

    def __init__(self, twin: Twin, clock: Clock) -> None:
        self._twin, self._clock, self._dice = twin, clock, random.Random()
        self._over, devices = threading.Event(), twin.plan.device
        self._panels = [name for name, device in devices.items() if "pins" in device.options]
        # Only boxes with lamps tell a clerk anything.
        boxes = [name for name, device in devices.items() if device.driver == "callunit_modbus"]
        visitors = [self._visitors(panel, code) for panel in self._panels for code in self._lit(panel)]
        self._people = [*visitors, *(self._clerk(box, devices[box].window) for box in boxes)]
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        due = dict.fromkeys(self._people, (0.0, 0.0))  # hall's and real second of their next act
        while not self._over.wait(STEP):
            now, real = self._clock.now().mono, time.monotonic()
            for who, (at, free) in due.items():
                if now >= at and real >= free:
                    due[who] = now + next(who), real + FINGER

    def _lit(self, panel: str) -> dict[str, bool]:
        return dict(self._twin.face(panel)["lit"])

    def _visitors(self, panel: str, service: str) -> Iterator[float]:
        """Those who come for one service; yields the seconds until the next one."""
        plan = self._twin.plan
        each = 60 * plan.service[service].minutes / (LOAD * work(plan, service))
        while True:
            yield self._dice.expovariate(1 / each)
            if self._lit(panel).get(service):
                self._twin.press(panel, service)

    def _clerk(self, box: str, window: str) -> Iterator[float]:
        """A clerk with a button box; yields the seconds until they do something again."""
        dice, keys = self._dice, self._twin.plan.window[window].services
        minutes = [self._twin.plan.service[code].minutes for code in keys]
        while True:
            yield dice.uniform(3, 20)
            green, white, _ = self._twin.face(box)["lamps"]
            work_time = any(lit for panel in self._panels for lit in self._lit(panel).values())
            if white and dice.random() < ABSENT:
                for key in ("recall", "recall", "no_show"):
                    yield 16
                    self._twin.press(box, key)
            elif white:
                yield dice.uniform(15, 45)
                self._twin.press(box, "start")
                yield dice.lognormvariate(log(60 * sum(minutes) / len(minutes)) - SIGMA**2 / 2, SIGMA)
                self._twin.press(box, "complete")
            elif green or work_time:
                self._twin.press(box, "next")
                yield 5
                if not work_time and not self._twin.face(box)["lamps"][1]:
                    self._twin.press(box, "sign_out")
