"""Every fault knob of every machine: what comes over the wire, or what people see, is another thing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from wait import until

from controller.simulated.simulation import MACHINES
from drivers.base.link import Link
from drivers.sim.keypad import Keypad
from drivers.sim.unit_ff68 import Unit
from drivers.sim.wire import Machine, Wire

# What each is asked, with the source of its frames.
ASKED = {
    "printer_escpos": "10 04 01 10 04 02 10 04 03 10 04 04 1d 72 01",  # devices.md §2.1, §2.4
    "callunit_modbus": "01 01 00 00 00 08 3d cc",  # devices.md §6.2: FC01
    "power_modbus": "01 01 00 00 00 08 3d cc",
    "sign_modbus": "01 03 00 00 00 02 c4 0b",  # devices.md §6.2: FC03
    # devices.md §7.2
    "sign_onbon": "a5 " * 8 + "fe ff 00 80 00 00 00 00 00 00 fe 02 05 00 a3 10 01 00 00 75 dc 5a",
    "sign_max7219": "0c 01 " * 4 + "0f 01 " * 4,  # devices.md §7.5: awake, every lamp lit
    "voice_command": "e4 bd a0 e5 a5 bd 0a",
    "voice_clips": "e4 bd a0 e5 a5 bd 0a",
    "power_cec": b"--to 0 --image-view-on\n--to 0 --give-device-power-status\n".hex(),
    "power_dpms": b"--output HDMI-A-1 --on\n\n".hex(),
    # devices.md §7.1, with even parity in the eighth bit
    "sign_profile": bytes(
        byte | byte.bit_count() % 2 << 7
        for byte in bytes.fromhex(
            "00 00 00 00 00 01 5a 30 30 02 41 41 1b 20 62 41 30 30 31 20 33 03 30 32 34 39 04"
        )
    ).hex(),
    "callunit_keypad": "",
    "callunit_profile": "",
}
KNOBS = [(name, knob) for name, make in MACHINES.items() for knob in make({"address": 1}).knobs]


def observed(wire: Wire, machine: Machine, asked: str) -> tuple[bytes, dict[str, object]]:
    """What it answers and shows when it is asked, or when its key is pressed."""
    link = Link(wire.url, 115200)
    if isinstance(machine, Keypad | Unit):
        machine.tap("next")
        wire.poke()
    else:
        link.write(bytes.fromhex(asked))
    answer = link.read(2000, 0.15)
    link.close()
    return answer, machine.face()


@pytest.mark.parametrize(("name", "knob"), KNOBS)
def test_a_turned_knob_is_noticed(name: str, knob: str, tmp_path: Path) -> None:
    make: Callable[..., Machine] = MACHINES[name]
    ill, well = make({"address": 1}), make({"address": 1})
    wires = [Wire(tmp_path / "ill", ill), Wire(tmp_path / "well", well)]
    setattr(ill, knob, type(getattr(ill, knob))(1))
    asked, silence = ASKED[name], (b"", make({"address": 1}).face())
    right = until(lambda: (seen := observed(wires[1], well, asked)) != silence and seen)
    assert observed(wires[0], ill, asked) != right
    for wire in wires:
        wire.unplug()


@pytest.mark.parametrize(("noise", "same"), [(0, True), (3, False)])
def test_noise_on_the_wire_changes_bytes(tmp_path: Path, noise: int, same: bool) -> None:
    machine = MACHINES["callunit_modbus"]({"address": 1})
    wire = Wire(tmp_path / "bus", machine)
    wire.noise = noise
    answer, _ = observed(wire, machine, "01 02 00 00 00 08 79 cc")  # devices.md §6.2: FC02
    wire.unplug()
    assert (answer == bytes.fromhex("01 02 01 00 a1 88")) is same
