"""What the pages look at."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from controller.runtime.engine import Engine
from controller.runtime.keeper import Keeper
from display.screens.board import board
from display.stage import Stage
from drivers.base.device import Device
from drivers.base.inventory import Inventory
from web.access.guard import Access

COPYING = 60.0  # s that a copy may take; without it the card holds everything, too
LATELY = 20  # things that happened, on the status page
PARTS = ("templates/board.html", "static/board.js", "static/board.css")
LOOK = b"".join(files("web").joinpath(part).read_bytes() for part in PARTS)


@dataclass(slots=True)
class House:
    """The running hall. `notes`: red lines (code, arguments); `screens`: boards there; `coming`: a
    changed hall.toml that waits for the next business day; `restart`: read it now; `lately`: when what
    happened, newest first, as a sentence in the language that is asked for; `late`: the threads that
    stand still."""

    engine: Engine
    devices: Mapping[str, Device]
    access: Access
    stage: Stage
    keeper: Keeper
    folder: Path
    notes: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    watch: Inventory | None = None
    screens: Callable[[], int] = lambda: 0
    late: Callable[[], list[str]] = list
    foreseen: Callable[[], Mapping[str, Mapping[str, float]]] = dict
    coming: str = ""
    restart: Callable[[], None] = lambda: None
    lately: deque[tuple[datetime, Callable[[str], str]]] = field(default_factory=lambda: deque(maxlen=LATELY))

    @property
    def off(self) -> str:
        """When the day was done (17:52), if the mains may be switched off: what is still being copied is
        waited for. Empty if they may not."""
        state, now = self.engine.state, self.engine.clock.now()
        copying = 0.0 < self.keeper.age < COPYING
        return f"{state.last.wall:%H:%M}" if state.done and state.last and now.trusted and not copying else ""


def on_screens(house: House) -> dict[str, Any]:
    """What boards show; `look`: another one after an upgrade or with another hall.toml, which may have
    sentences of its own: then they load their page anew."""
    engine = house.engine
    shown = board(engine.plan, engine.state, engine.clock.now(), house.foreseen())
    return {**shown, "look": sha256(LOOK + engine.plan.text.encode()).hexdigest()[:12]}
