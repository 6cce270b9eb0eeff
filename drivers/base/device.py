"""A device on a wire: its protocol is the driver's, its health and waking are here. Knows no ticket."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers.base.link import Link

log = logging.getLogger("hallqueue.drivers")


class DeviceFault(Exception):
    """This one device is in trouble: `code` names it, its sentence is in display/words.

    `again`: seconds until the device gets its next turn.
    """

    def __init__(self, code: str, again: float = 1.0) -> None:
        super().__init__(code)
        self.code, self.again = code, again


@dataclass(frozen=True, slots=True)
class Health:
    """`state` is starting, up, degraded or down; `code` says why, `detail` what exactly."""

    state: str
    code: str
    detail: str = ""


class Device:
    """A device on a wire. The base owns health and waking; the driver owns protocol and bytes.

    A driver overrides `attach` and `turn`; both run in the port's thread. What the hall calls
    (`show`, `print`, `say`) puts into a mailbox, calls `wake` and returns.
    """

    urls: tuple[str, ...] = ()  # the kinds it can live on (settings/checks.py: URLS); none said: any
    wired = True  # False: needs no wire, so no url in hall.toml opens one
    # s that `attach`, `turn`, `lost` or `close` may take at its worst. Who takes longer hangs: its port is
    # given up, and another object takes this one's place.
    longest = 30.0
    gone = False  # it was given up: whatever it still does reaches nobody

    def __init__(self, name: str) -> None:
        self.name = name
        self.health = Health("starting", "")
        self.since = time.monotonic()  # when its health became what it is
        self.proved = False  # was it ever well?
        self.on_health: Callable[[Device], None] = lambda device: None
        self.wake: Callable[[], None] = lambda: None
        self.reopen: Callable[[], None] = lambda: None  # close its wire and open it again

    def attach(self, link: Link) -> None:
        """The wire is there (again): forget what was assumed, show everything once more."""

    def turn(self, link: Link) -> float:
        """Do what is due; seconds to the next turn. Raises DeviceFault or LinkLost."""
        raise NotImplementedError

    def lost(self) -> None:
        """The wire broke while this device may have been in the middle of something."""

    def close(self) -> None:
        """The hall stops; give back what is no wire."""

    def report(self, state: str, code: str = "", detail: str = "") -> None:
        """Say a fault once and the recovery once."""
        if not self.gone and self.health != (health := Health(state, code, detail)):
            if health.state != self.health.state:
                self.since = time.monotonic()
            self.health, self.proved = health, self.proved or state == "up"
            level = logging.INFO if state == "up" else logging.WARNING
            log.log(level, "%s: %s", self.name, " ".join(filter(None, (state, code, detail))))
            try:
                self.on_health(self)
            except Exception:
                log.exception("%s: who hears of its health failed", self.name)
