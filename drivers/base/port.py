"""One thread for one wire: it opens, gives every device on it its turn, and opens it again."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from drivers.base.bugs import Bugs
from drivers.base.device import Device, DeviceFault
from drivers.base.link import Link, LinkLost

log = logging.getLogger("hallqueue.drivers")
# s that a wire may take to open or close: a name that no server knows, the last bytes of a tty (30 s each).
OPENING = 40.0


class Port:
    """One thread for one wire and all devices on it: opens, reopens, takes turns, marks faults.

    It says when it will be heard of again at the latest (`awaited`, monotonic): each of its steps has its
    longest time. Whoever looks after it gives it up when it is later, and starts its successor.

    A device's fault stays with the device; a lost wire marks all its members. Anything else is
    a bug of a driver or of what opens the wire: logged once with its traceback, tried again, and the
    others go on. That also holds for what no Exception is: a library may want to end the program.
    """

    def __init__(self, url: str, baudrate: int, devices: Sequence[Device], retry: float) -> None:
        """Empty `url`: no wire. `retry`: longest pause in seconds between attempts to open one."""
        self._again = partial(Port, url, baudrate, retry=retry)
        self._open = partial(Link, url, baudrate)
        self._link: Link | None = None
        self._before: Port | None = None  # the hanging one whose place it takes
        self.devices, self._retry = devices, retry
        self._awake, self._stopping, self._afresh = threading.Event(), False, False
        self._poked: set[Device] = set()
        self._bugs = Bugs(log)
        for device in devices:
            device.wake, device.reopen = partial(self._poke, device), self.reopen
        self.thread = threading.Thread(target=self._run, name=f"port {devices[0].name}", daemon=True)
        self.awaited = float("inf")
        self.start = self.thread.start

    def stop(self) -> None:
        self._stopping = True
        self._awake.set()
        if self.thread.ident:  # it was started
            self.thread.join(timeout=5.0)

    def abandon(self) -> None:
        """Give it up, as it hangs: what it and its devices still do reaches nobody. Returns at once."""
        for device in self.devices:
            device.gone = True
        self._stopping = True
        self._awake.set()

    def successor(self, devices: Sequence[Device]) -> "Port":
        """The port that takes its place with new `devices`, and first closes what this one holds: a tty, a
        pin or a sound card lets only one in."""
        port = self._again(devices)
        port._before = self
        return port

    def _release(self) -> None:
        """Close link and devices from another thread than its own, which hangs."""
        if self._link:
            self._link.close()
        self._each(lambda device: device.close())

    def _expect(self, seconds: float) -> None:
        self.awaited = time.monotonic() + seconds

    def _poke(self, device: Device) -> None:
        self._poked.add(device)
        self._awake.set()

    def reopen(self) -> None:
        """Close the wire and open it again; from any thread."""
        self._afresh = True
        self._awake.set()

    def _run(self) -> None:
        pause = 0.05
        while not self._stopping:
            try:
                self._expect(OPENING)
                if self._before:
                    before, self._before = self._before, None
                    before._release()
                self._link = link = self._open()
                try:
                    pause = 0.05
                    self._serve(link)
                finally:
                    self._expect(OPENING)
                    link.close()
            except BaseException as error:  # noqa: BLE001 - whatever an opening raises, the port goes on
                code = error.code if isinstance(error, LinkLost) else "bad_wire"
                if isinstance(error, LinkLost) or self._stopping:
                    log.debug("%s: %s", self.thread.name, error)
                else:
                    self._bugs.tell(f"{self.thread.name}: a bug in what opens its wire", error)
                self._each(lambda device: device.lost())
                for device in self.devices:
                    device.report("down", code)
                pause = min(pause * 2, self._retry)
                self._rest(pause)
                self._awake.clear()
        self._each(lambda device: device.close())

    def _serve(self, link: Link) -> None:
        due = dict.fromkeys(self.devices, 0.0)
        attached: set[Device] = set()
        self._afresh = False
        while not self._stopping:
            self._awake.clear()
            if self._afresh:
                raise LinkLost(OSError("somebody asked to open it again"))
            for device in self.devices:
                if self._stopping:
                    return
                if device in self._poked or due[device] <= time.monotonic():
                    # Forgotten before the turn: a poke during the turn asks for another one.
                    self._poked.discard(device)
                    pause = self._turn(device, link, attached)
                    due[device] = time.monotonic() + pause
            self._rest(max(0.0, min(due.values()) - time.monotonic()))

    def _rest(self, seconds: float) -> None:
        self._expect(seconds)
        self._awake.wait(seconds)

    def _turn(self, device: Device, link: Link, attached: set[Device]) -> float:
        """One turn of one device; seconds to its next one. Only LinkLost goes through."""
        try:
            self._expect(device.longest)
            if device not in attached:
                device.attach(link)
                attached.add(device)
                self._expect(device.longest)
            pause = device.turn(link)
            if device.health.state in ("starting", "down"):
                device.report("up")
            return pause
        except DeviceFault as fault:
            device.report("down", fault.code)
            return fault.again
        except LinkLost:
            raise
        except BaseException as error:  # noqa: BLE001 - where a driver's bug ends
            self._bug(device, error)
            return 5.0

    def _each(self, act: Callable[[Device], None]) -> None:
        """Do `act` to every device; a bug in one keeps none of the others from it."""
        for device in self.devices:
            try:
                self._expect(device.longest)
                act(device)
            except BaseException as error:  # noqa: BLE001 - where a driver's bug ends
                self._bug(device, error)

    def _bug(self, device: Device, error: BaseException) -> None:
        if device.gone:
            return  # its wire was closed under its feet
        self._bugs.tell(f"{device.name}: a bug in its driver", error)
        device.report("down", "bug")
