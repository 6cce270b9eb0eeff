"""The safe hall: in place of one that cannot run it sends everybody to the desk."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from controller.app.running import tls
from controller.hall.commands import Freeze
from controller.hall.events import HallFrozen
from controller.hall.state import State
from controller.runtime.clock import Clock
from controller.runtime.ports import Generations, build, built, ports
from controller.runtime.watch import Watch
from controller.settings.schema import Device as Stanza
from controller.settings.schema import Hall, Hours, Settings
from display.screens.board import board
from display.stage import Stage
from display.words.catalogue import Part, override
from drivers.base.device import Device
from web.app import closed
from web.server.serve import Server
from web.server.stream import Live

# A hall of which nothing can be read: it has pages, and the voice of this machine's own loudspeaker.
UNKNOWN = Settings(Hall("", ""), Hours(), {}, {}, {}, {"voice": Stanza("voice_command")})


@contextmanager
def standing_in(
    plan: Settings, clock: Clock, listener: socket.socket | None, why: Part | None
) -> Iterator[Callable[[], None]]:
    """In place of a hall that cannot run: pages, signs, lamps and voices send everybody to the desk. It opens
    no journal. Without a `listener` it has no pages; `why`, where it is known, is for the technician. What it
    yields says so once more."""
    override(plan.words)
    devices = build(plan)
    stage = Stage(plan, devices, lambda command: None, clock.now)
    state = State(frozen="fault")
    live = Live(closed(plan, why), lambda: {**board(plan, state, clock.now(), {}), "look": "safe"})

    def announce() -> None:
        frozen = HallFrozen(state.frozen, at=clock.now(), actor="safe", press="")
        stage.listen(Freeze(state.frozen, actor="safe"), (frozen,), state)

    def succeed(device: Device) -> None:
        devices[device.name] = device

    wires = [Generations(port, lambda old: built(plan, old.name), succeed) for port in ports(plan, devices)]
    servers = [Server(live, listener, tls(plan, []))] if listener else []
    watch = Watch(servers, wires, lambda: 0.0, lambda: None)
    parts: list[Generations | Server | Watch] = [*wires, *servers, watch]
    with ExitStack() as stops:
        stops.callback(override, {})
        for part in parts:
            part.start()
            stops.callback(part.stop)
        yield announce
