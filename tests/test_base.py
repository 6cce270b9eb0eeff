"""The base of all drivers: a bug, a fault and a lost wire stay where they belong."""

import builtins
import importlib.metadata
import itertools
import socket
import sys
import threading
import types
from pathlib import Path
from typing import Any

import pytest
import serial
from wait import until

from drivers.base.device import Device, DeviceFault
from drivers.base.link import Link
from drivers.base.load import load
from drivers.base.mailboxes import Fleeting, Latest, Sentence
from drivers.base.port import Port
from drivers.sim.wire import Machine, Wire


class Echo(Machine):
    def feed(self, data: bytes) -> bytes:
        return data


class Toy(Device):
    """Asks its machine for an echo; its owner makes it fail."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.turns, self.trouble = 0, None

    trouble: Exception | None

    def turn(self, link: Link) -> float:
        self.turns += 1
        if self.trouble:
            raise self.trouble
        link.write(b"x")
        if link.read(1, 1.0) != b"x":
            raise DeviceFault("silent", 0.01)
        return 0.01


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Wire, Toy, Toy, Port]:
    wire = Wire(tmp_path / "wire", Echo())
    wire.unplug()
    one, two = Toy("one"), Toy("two")
    return wire, one, two, Port(wire.url, 9600, [one, two], 0.05)


def test_a_device_that_comes_late_works(pair: tuple[Wire, Toy, Toy, Port]) -> None:
    wire, one, two, port = pair
    port.start()
    until(lambda: one.health.code == two.health.code == "cable")
    wire.plug()
    until(lambda: one.health.state == two.health.state == "up")
    port.stop()
    wire.unplug()


def test_a_bug_in_one_driver_is_logged_once_and_the_other_goes_on(
    pair: tuple[Wire, Toy, Toy, Port], caplog: pytest.LogCaptureFixture
) -> None:
    wire, one, two, port = pair
    wire.plug()
    one.trouble = ZeroDivisionError("oh")
    port.start()
    until(lambda: two.turns > 5)
    assert (one.health.state, one.health.code) == ("down", "bug")
    one.wake()
    until(lambda: one.turns > 1)
    port.stop()
    wire.unplug()
    assert sum("a bug in its driver" in record.message for record in caplog.records) == 1


def test_a_bug_whose_text_varies_is_logged_once(
    pair: tuple[Wire, Toy, Toy, Port], caplog: pytest.LogCaptureFixture
) -> None:
    wire, one, _, port = pair
    wire.plug()

    class Counting(Exception):
        numbers = itertools.count()

        def __str__(self) -> str:
            return f"at {next(self.numbers)}"

        __repr__ = __str__

    one.trouble = Counting()
    port.start()
    for turns in range(1, 20):
        one.wake()
        until(lambda turns=turns: one.turns > turns)  # type: ignore[misc]
    port.stop()
    wire.unplug()
    assert sum("a bug in its driver" in record.message for record in caplog.records) == 1


class Stubborn:
    """What pyserial finds for the url `stubborn://`: a wire that raises as long as it is told to."""

    trouble: BaseException | None = None

    class Serial(serial.SerialBase):  # type: ignore[misc]
        def open(self) -> None:
            if Stubborn.trouble:
                raise Stubborn.trouble
            self._near, self._far = socket.socketpair()

        def _reconfigure_port(self) -> None:
            pass

        def write(self, data: bytes) -> int:
            return self._near.send(data) and self._far.send(self._far.recv(512))

        def read(self, size: int = 1) -> bytes:
            return self._near.recv(size)

        def close(self) -> None:
            if hasattr(self, "_near"):
                self._near.close()
                self._far.close()


def made(kind: type[BaseException]) -> BaseException:
    """One of that kind; some ask for arguments."""
    try:
        return kind("oh")
    except TypeError:
        return kind(*("utf-8", b"x", 0, 1, "oh")[: 5 if kind is UnicodeDecodeError else 0])


# Whatever Python has: also those that are no Exception, as a library may end the program or a task.
KINDS = sorted(
    (kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, BaseException)),
    key=lambda kind: kind.__name__,
)


def test_whatever_a_wire_raises_while_it_opens_is_told_with_its_cure_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package: Any = types.ModuleType("wires_of_tests")
    package.protocol_stubborn = Stubborn
    monkeypatch.setitem(sys.modules, "wires_of_tests", package)
    monkeypatch.setitem(sys.modules, "wires_of_tests.protocol_stubborn", Stubborn)  # type: ignore[arg-type]
    monkeypatch.setattr(serial, "protocol_handler_packages", ["wires_of_tests"])
    toy = Toy("toy")
    Stubborn.trouble = NotImplementedError("write_timeout")  # as rfc2217:// does
    port = Port("stubborn://", 9600, [toy], 0.01)
    port.start()
    until(lambda: toy.health.code == "bad_wire")
    assert len(KINDS) > 50
    for kind in KINDS:
        try:
            Stubborn.trouble = made(kind)
        except TypeError:
            continue  # an exception that is made of others
        toy.reopen()
        code = "cable" if issubclass(kind, OSError) else "bad_wire"
        until(lambda code=code: toy.health.code == code)  # type: ignore[misc]
        Stubborn.trouble = None
        toy.wake()
        until(lambda: toy.health.state == "up")
    port.stop()


def test_a_fault_is_said_once_and_its_recovery_once(pair: tuple[Wire, Toy, Toy, Port]) -> None:
    wire, one, _, port = pair
    wire.plug()
    said: list[str] = []
    one.on_health = lambda device: said.append(device.health.state)
    one.trouble = DeviceFault("silent", 0.01)
    port.start()
    until(lambda: one.turns > 5)
    one.trouble = None
    until(lambda: one.health.state == "up")
    port.stop()
    wire.unplug()
    assert said == ["down", "up"]


def test_unplugging_again_and_again_leaks_no_thread(pair: tuple[Wire, Toy, Toy, Port]) -> None:
    wire, one, _, port = pair
    port.start()
    wire.plug()
    until(lambda: one.health.state == "up")
    before = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        wire.unplug()
        until(lambda: one.health.state == "down")
        wire.plug()
        until(lambda: one.health.state == "up")
    after = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    assert after == before
    port.stop()
    wire.unplug()


def test_level_outputs_keep_only_the_newest_and_show_it_again_on_demand() -> None:
    box: Latest[str] = Latest()
    box.put("a")
    box.put("b")
    assert (box.take(), box.take()) == ("b", None)
    box.put("b")
    assert box.take() is None
    box.again()
    assert box.take() == "b"


def call(number: str, holds: bool = True) -> Sentence:
    return Sentence(f"{number}, {number}", number, lambda: holds)


def said(box: Fleeting, now: float) -> str | None:
    """What is said at a moment; at full volume."""
    next_one = box.take(now)
    assert next_one is None or next_one[1] == 100
    return next_one and next_one[0]


def test_a_call_is_said_at_length_and_in_short_while_others_wait() -> None:
    box = Fleeting()
    box.put(call("A001"), 0.0)
    assert said(box, 0.0) == "A001, A001"
    box.put(call("A002"), 1.0)
    box.put(call("A003"), 2.0)
    assert [said(box, 3.0), said(box, 7.0), said(box, 11.0)] == ["A002", "A003, A003", None]


def test_a_call_that_waited_over_six_seconds_is_short() -> None:
    box = Fleeting()
    for waited, form in ((6.0, "A001, A001"), (6.1, "A001")):
        box.put(call("A001"), 10.0)
        assert said(box, 10.0 + waited) == form


def test_an_announcement_is_never_shortened_and_an_urgent_one_comes_first() -> None:
    box = Fleeting()
    for sentence in (call("A001"), Sentence("closed"), Sentence("leave", urgent=True)):
        box.put(sentence, 0.0)
        assert box.urgent() == sentence.urgent
    assert [said(box, 9.0) for _ in range(4)] == ["leave", "A001", "closed", None]
    assert not box.urgent()


def test_what_is_no_longer_true_is_dropped_and_shortens_nothing() -> None:
    box = Fleeting()
    box.put(call("A001", holds=False), 0.0)
    box.put(call("A002"), 1.0)
    assert [said(box, 1.0), said(box, 1.0)] == ["A002, A002", None]


def test_what_waits_and_is_said_anew_is_said_once() -> None:
    box = Fleeting()
    for number in ("A001", "A002", "A001"):
        box.put(call(number), 0.0)
    assert [said(box, 0.0), said(box, 0.0), said(box, 0.0)] == ["A002", "A001, A001", None]


def test_while_nobody_takes_the_oldest_are_forgotten() -> None:
    box = Fleeting()
    for number in range(1000):
        box.put(call(f"{number:03}"), 0.0)
    assert said(box, 0.0) == "900"


def test_an_unknown_driver_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(LookupError) as unknown:
        load("printer_espos")
    assert unknown.value.args[1] == "printer_escpos"


def test_an_installed_driver_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = importlib.metadata.EntryPoint("printer_other", "drivers.base.device:Device", "hallqueue.drivers")
    monkeypatch.setattr("drivers.base.load.entry_points", lambda group: [entry])
    assert load("printer_other") is Device
