"""A relay on one of the Pi's pins that cuts the power of TVs and signs after work.

Maturity: sketch.
"""

from typing import Annotated, Any

from drivers.base.device import DeviceFault
from drivers.base.kinds import Switch
from drivers.base.link import Link
from drivers.base.options import PIN


class Driver(Switch):
    """`pin`: BCM; `closed_at_high`: False for the many boards whose relay closes at low."""

    wired = False
    longest = 10.0  # the first import of gpiozero

    def __init__(self, name: str, pin: Annotated[int, PIN], closed_at_high: bool = True) -> None:
        super().__init__(name)
        self._pin, self._high = pin, closed_at_high
        self._part: Any = None

    def attach(self, link: Link) -> None:
        import gpiozero

        if self._part:
            return  # the port was opened again, the pin is ours still
        try:
            # As it is: a start of the hall must not switch the TVs off and on.
            self._part = gpiozero.OutputDevice(self._pin, active_high=self._high, initial_value=None)
        except (gpiozero.BadPinFactory, gpiozero.PinUnknownPi, OSError) as error:
            raise DeviceFault("no_gpio", again=5.0) from error
        except Exception as error:  # lgpio's own errors share no other base
            raise DeviceFault("device_busy", again=5.0) from error

    def turn(self, link: Link) -> float:
        if (on := self.wanted.take()) is not None:
            self._part.value = on
        return 60.0

    def close(self) -> None:
        if self._part:
            self._part.close()
