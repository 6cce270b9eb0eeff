"""What a device is: with keys, a sign, a switch."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drivers.base.device import Device
from drivers.base.link import Link
from drivers.base.mailboxes import Latest, Pages

# With the boot id and the start's monotonic time a press id never comes twice.
_RUN = f"{Path('/proc/sys/kernel/random/boot_id').read_text()[:8]}-{time.monotonic_ns():x}"


@dataclass(frozen=True, slots=True)
class Press:
    """A key of a device went down. `id` is never used twice, also over restarts; `number`: the
    digits that were typed before the key."""

    device: str
    key: str
    id: str
    number: str = ""


class Button(Device):
    """A device with keys. Emits presses; the receiver of `emit` must return at once."""

    _serial = itertools.count(1)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.emit: Callable[[Press], None] = lambda press: None

    def press(self, key: str, number: str = "") -> None:
        if not self.gone:
            self.emit(Press(self.name, key, f"{self.name}:{_RUN}:{next(self._serial)}", number))


class Sign(Device):
    """Shows the newest text that it was given, and all again when the wire is there again."""

    numbers = False  # True: it is given a ticket's number alone, no sentence
    columns = 16  # half as wide as a hanzi

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.text = Pages()

    def show(self, *pages: str) -> None:
        self.text.turn(pages)
        self.wake()

    def attach(self, link: Link) -> None:
        self.text.again()


class Switch(Device):
    """Switches displays on with the hall and off after work."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.wanted: Latest[bool] = Latest()

    def power(self, on: bool) -> None:
        self.wanted.put(on)
        self.wake()
