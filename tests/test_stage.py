"""The stage shows every device what is true, whatever becomes of the others."""

import pytest
from tables import IN, PLAN, Scene

from controller.hall.commands import Command, Tick
from controller.runtime.ports import build
from display.stage import Stage


class Blind(Exception):
    """What a sign of a test raises."""


def test_a_device_whose_level_cannot_be_worked_out_leaves_the_others_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    devices, said = build(PLAN), list[Command]()
    shows: list[str] = []

    def blind(*level: object) -> None:
        raise Blind

    for name, device in devices.items():
        if hasattr(device, "show"):
            device.show = blind if name == "sign1" else lambda *level, name=name: shows.append(name)
    scene = Scene().ask(*IN)
    stage = Stage(PLAN, devices, said.append, scene.clock.now)
    stage.start(scene.state)
    for _ in range(3):
        stage.listen(Tick(actor="clock"), (), scene.state)
    assert {"sign2", "unit1", "buttons"} <= set(shows)
    assert [record.name for record in caplog.records] == ["hallqueue.stage"], "said once"
