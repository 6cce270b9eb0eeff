"""Lit buttons on pins: one press for one finger, whatever the contact does."""

import threading
import time
from collections.abc import Iterator

import gpiozero
import pytest
from pigpiod import Pigpiod
from wait import until

from drivers.base.link import Link
from drivers.base.port import Port
from drivers.buttons_gpio import DOWN, UP, Driver
from drivers.sim.gpio import Pins


class Panel:
    """A panel of two buttons, its driver on its port."""

    def __init__(self, pins: Pins, state: str = "up") -> None:
        self.pins = pins
        self.driver = Driver("buttons", {"A": 17, "B": 27}, {"A": 5, "B": 6}, stuck=0.3)
        self.presses: list[str] = []
        self.driver.emit = lambda press: self.presses.append(press.key)
        self.port = Port("", 0, [self.driver], 1.0)
        self.port.start()
        until(lambda: self.driver.health.state == state)


@pytest.fixture
def pins() -> Pins:
    return Pins()


@pytest.fixture
def panel(pins: Pins) -> Iterator[Panel]:
    panel = Panel(pins)
    yield panel
    panel.port.stop()


@pytest.mark.parametrize("bounces", [0, 5, 50])
def test_a_bouncing_contact_gives_one_press(panel: Panel, bounces: int) -> None:
    panel.pins.bounces = bounces
    panel.pins.press(17)
    until(lambda: panel.presses == ["A"])
    panel.pins.release(17)
    panel.pins.press(27)
    until(lambda: panel.presses == ["A", "B"])


def test_a_spike_is_no_press(panel: Panel) -> None:
    panel.pins.press(17)
    panel.pins.release(17)
    panel.pins.press(27)
    until(lambda: panel.presses)
    assert panel.presses == ["B"]


def test_a_press_that_is_over_before_a_busy_machine_looks_is_a_press(pins: Pins) -> None:
    driver, presses = Driver("buttons", {"A": 17}), []
    driver.emit = lambda press: presses.append(press.key)
    driver.attach(Link("", 0))
    pins.press(17)
    over = threading.Event()
    threading.Timer(0.04, pins.release, [17]).start()  # a finger of 40 ms
    threading.Timer(0.12, over.set).start()
    assert over.wait(5.0)
    driver.turn(Link("", 0))
    driver.close()
    assert presses == ["A"]


def test_a_button_held_at_the_start_is_no_press(pins: Pins) -> None:
    pins.press(17)
    panel = Panel(pins)
    panel.pins.press(27)
    until(lambda: panel.presses)
    assert panel.presses == ["B"]
    panel.port.stop()


def test_a_stuck_button_is_reported_and_the_other_one_works(panel: Panel) -> None:
    panel.pins.press(17)
    until(lambda: (panel.driver.health.state, panel.driver.health.code) == ("degraded", "stuck_button"))
    panel.pins.press(27)
    until(lambda: panel.presses == ["A", "B"])
    panel.pins.release(27)
    panel.pins.release(17)
    until(lambda: panel.driver.health.state == "up")


def test_the_lamps_of_the_shown_keys_shine_and_no_others(panel: Panel) -> None:
    panel.driver.show(frozenset("A"))
    until(lambda: panel.pins.lit(5))
    assert not panel.pins.lit(6)
    panel.driver.show(frozenset())
    until(lambda: not panel.pins.lit(5))


def test_the_edge_itself_wakes_the_port(panel: Panel) -> None:
    start = time.monotonic()
    panel.pins.press(17)
    until(lambda: panel.presses)
    # Sooner than the look that the driver takes once a second anyway.
    assert DOWN <= time.monotonic() - start < 0.5


def test_a_press_whose_edge_was_lost_counts_once_it_is_stable(pins: Pins) -> None:
    driver, presses = Driver("buttons", {"A": 17}), []
    driver.emit = presses.append
    driver.attach(Link("", 0))
    until(lambda: driver.turn(Link("", 0)) == 1.0)
    long_ago = time.monotonic() + 2 * DOWN
    until(lambda: time.monotonic() > long_ago)
    pins.lose_edges(17)
    pins.press(17)
    assert driver.turn(Link("", 0)) < UP, "soon again"
    assert not presses
    until(lambda: driver.turn(Link("", 0)) == 1.0)
    assert len(presses) == 1
    driver.close()


def test_closed_pins_can_be_taken_again_by_the_same_process(pins: Pins) -> None:
    for _ in range(2):
        panel = Panel(pins)
        panel.pins.press(27)
        until(lambda p=panel: p.presses == ["B"])
        panel.port.stop()
        panel.pins.release(27)


@pytest.mark.parametrize(
    ("held", "named", "goes_on"),
    [(17, "A = 17", "B"), (27, "B = 27", "A"), (5, "A = 5", "A"), (6, "B = 6", "B")],
)
def test_a_pin_that_something_else_holds_is_named_and_the_others_go_on(
    pins: Pins, held: int, named: str, goes_on: str
) -> None:
    pins.held.add(held)
    panel = Panel(pins, "degraded")
    assert (panel.driver.health.code, panel.driver.health.detail) == ("busy_pins", named)
    pins.press({"A": 17, "B": 27}[goes_on])
    until(lambda: panel.presses == [goes_on])
    panel.driver.show(frozenset("AB"))
    until(lambda: [pin for pin in (5, 6) if pin != held and not pins.lit(pin)] == [])
    panel.port.stop()


def test_a_pin_that_comes_free_is_taken(pins: Pins) -> None:
    pins.held.add(27)
    driver, presses = Driver("buttons", {"A": 17, "B": 27}), []
    driver.emit = lambda press: presses.append(press.key)
    driver.again = 0.0
    driver.attach(Link("", 0))
    driver.turn(Link("", 0))
    assert driver.health.state == "degraded"
    pins.held.clear()
    driver.turn(Link("", 0))
    driver.turn(Link("", 0))
    assert driver.health.state == "up"
    pins.press(27)
    until(lambda: driver.turn(Link("", 0)) and presses == ["B"])
    driver.close()


def test_pins_that_are_all_held_are_a_red_line_until_they_come_free(pins: Pins) -> None:
    pins.held |= {17, 27}
    panel = Panel(pins, "down")
    assert panel.driver.health.code == "device_busy"
    pins.held.clear()
    until(lambda: panel.driver.wake() or panel.driver.health.state == "up")
    panel.port.stop()


def test_a_pin_named_twice_is_named_and_given_back(pins: Pins) -> None:
    driver = Driver("buttons", {"A": 17}, {"A": 17})
    port = Port("", 0, [driver], 1.0)
    port.start()
    until(lambda: (driver.health.code, driver.health.detail) == ("busy_pins", "A = 17"))
    port.stop()
    Panel(pins).port.stop()


def test_a_machine_without_pins_is_a_red_line_not_a_dead_hall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "native")
    driver = Driver("buttons", {"A": 17})
    port = Port("", 0, [driver], 1.0)
    port.start()
    until(lambda: driver.health.state == "down")
    assert driver.health.code == "no_gpio"
    port.stop()


def test_buttons_on_another_pi_press_and_light_and_come_back(pins: Pins) -> None:
    pi = Pigpiod()
    driver = Driver("buttons", {"A": 17}, {"A": 5}, host=pi.host)
    presses: list[str] = []
    driver.emit = lambda press: presses.append(press.key)
    port = Port("", 0, [driver], 0.1)
    port.start()
    until(lambda: driver.health.state == "up")
    driver.show(frozenset("A"))
    until(lambda: pi.levels[5])
    pi.drive(17, 0)
    until(lambda: presses == ["A"])
    pi.drive(17, 1)
    pi.stop()
    until(lambda: driver.health.state == "down")
    driver.show(frozenset())
    pi.start()
    until(lambda: driver.wake() or driver.health.state == "up")
    until(lambda: not pi.levels[5])
    pi.drive(17, 0)
    until(lambda: presses == ["A", "A"])
    port.stop()
    pi.stop()


def test_another_pi_that_does_not_answer_is_named() -> None:
    driver = Driver("buttons", {"A": 17}, host="127.0.0.1:1")
    port = Port("", 0, [driver], 0.1)
    port.start()
    until(lambda: driver.health.code == "no_pigpiod")
    port.stop()
