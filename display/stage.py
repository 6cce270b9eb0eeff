"""The stage: the one `match` from events to devices. Runs in the engine's thread; only posts."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import Any, Protocol, runtime_checkable

from controller.hall import calendar
from controller.hall.commands import CloseKiosk, Command, OpenKiosk, ReportPaper, ReportTest, TakeTicket, Tick
from controller.hall.events import (
    HallFrozen,
    HeldCalled,
    KioskClosed,
    KioskOpened,
    Ticket,
    TicketCalled,
    TicketIssued,
    TicketRecalled,
    TicketReprinted,
    TicketsStopped,
    WindowEvent,
)
from controller.hall.moment import Now
from controller.hall.outcome import Outcome, Refused
from controller.hall.state import State, seen_at
from controller.settings.schema import Settings
from display import voice
from display.paper import ticket
from display.screens import levels
from display.screens.levels import lights_on, lit, sign
from display.voice import call, emergency, is_called
from display.words.catalogue import refusal, say
from drivers.base.device import Device
from drivers.base.kinds import Switch
from drivers.base.mailboxes import Sentence
from drivers.base.paper import Line, Page, Tray

log = logging.getLogger("hallqueue.stage")
ACTOR = "stage"
TEST = 5.0  # s that a test stands on a sign
STALE = 15.0  # s after which nobody waits for the answer to his press any more


@runtime_checkable
class Printer(Protocol):
    width: int
    mode: str
    encoding: str

    def print(self, page: Callable[[], Page], receipt: Callable[[str], None]) -> None: ...


@runtime_checkable
class Voice(Protocol):
    def say(self, sentence: Sentence) -> None: ...


@runtime_checkable
class Shows(Protocol):
    def show(self, *shown: Any) -> None: ...


@runtime_checkable
class CallUnit(Protocol):
    def show(self, lamp: str) -> None: ...
    def refuse(self) -> None: ...


class Stage:
    """Shows to every device what concerns it. `submit` takes what devices answer to the hall. What a device
    was told and what is noted of it are one step, whichever thread does it: engine, watch or a page."""

    def __init__(
        self,
        plan: Settings,
        devices: Mapping[str, Device],
        submit: Callable[[Command], object],
        now: Callable[[], Now],
    ) -> None:
        self._plan, self._devices, self._submit, self._now = plan, devices, submit, now
        self._state = State()  # the newest, for sentences that wait
        self._broken = False  # the journal takes nothing
        self._tests = 0.0  # when all devices are asked how their test went (monotonic)
        self.foreseen: Callable[[], Mapping[str, Mapping[str, float]]] = dict
        self._told: set[str] = set()  # kiosks that the hall was told are out of order
        self.muted = frozenset[str]()  # voices that somebody silenced, until the next start
        self._lock = Lock()  # of the two below and of `muted`; devices only post while it is held
        self._tested: dict[str, float] = {}  # until when a device shows its test (monotonic)
        self._ill: set[str] = set()  # devices of which that cannot be worked out
        # What each device was told last; by its object, as another one has not been told anything.
        self._shown: dict[str, tuple[Device, tuple[Any, ...]]] = {}
        self._trays = {name: Tray(device) for name, device in devices.items() if isinstance(device, Printer)}

    def start(self, state: State) -> None:
        """After a start: nobody knows whether paper under way came out, nor which printers are
        well; every level output is shown again."""
        for number, held in state.tickets.items():
            if held.paper in ("printing", "pending"):
                self._report(state.day, number, "unconfirmed")
        for name in self._plan.kiosk:
            self._submit(CloseKiosk(name, "starting", actor=ACTOR))
        self._levels(state)

    def health(self, device: Device) -> None:
        """A printer's health decides whether its kiosks may hand out tickets."""
        for name, kiosk in self._plan.kiosk.items():
            if kiosk.printer != device.name:
                continue
            if device.health.state in ("up", "degraded"):
                self._submit(OpenKiosk(name, actor=device.name))
            else:
                self._submit(CloseKiosk(name, device.health.code, actor=device.name))

    def succeed(self, device: Device) -> None:
        """A driver hung, and `device` has taken its place: it gets the pages that nobody has begun. All else
        is shown to it with the next look."""
        if isinstance(device, Printer) and (tray := self._trays.get(device.name)):
            tray.hand_over(device)

    def listen(self, command: Command, outcome: Outcome, state: State) -> None:
        """The engine's listener; also of each Tick, as time alone changes lamps and signs. Whatever goes
        wrong with a sentence or a page, every device still shows what is true."""
        self._state = state
        try:
            self._hear(command, outcome, state)
        finally:
            self._levels(state)

    def _hear(self, command: Command, outcome: Outcome, state: State) -> None:
        if isinstance(command, Tick):
            self._morning(state)
        if isinstance(outcome, Refused):
            self._broken = outcome.code == "journal"
            self._refused(command, outcome)
            return
        self._broken = self._broken and not outcome
        if any(isinstance(event, WindowEvent) for event in outcome):
            self._tested.clear()  # what is true now is more urgent
        for event in outcome:
            match event:
                case TicketIssued(ticket=number, screen=False) | TicketReprinted(ticket=number):
                    self._print(state, state.tickets[number], getattr(command, "token", ""))
                case TicketCalled() | TicketRecalled() | HeldCalled():
                    it, to = event.ticket, event.window
                    self._speak(partial(call, it, to), partial(is_called, it, to), to)
                case HallFrozen(reason=why):
                    self._speak(partial(emergency, why), lambda now: now.frozen == why, urgent=True)
                case KioskClosed(kiosk=name, reason=reason) if reason != "starting":
                    if name not in self._told:  # once, though one fault may turn into another
                        self._speak(partial(say, "voice.kiosk_closed"), lambda now: name in now.kiosks)
                    self._told.add(name)
                case TicketsStopped():
                    self._speak(partial(say, "voice.kiosk_closed"), lambda now: now.stopped != "")
                case KioskOpened(kiosk=name):
                    self._told.discard(name)

    def _morning(self, state: State) -> None:
        """Before the opening every device shows that it works; what is ill then stands on the status page."""
        now = self._now()
        if self._tests:
            if time.monotonic() >= self._tests:
                ill = {d.name: d.health.code for d in self._devices.values() if d.health.state != "up"}
                self._submit(ReportTest(ill, actor=ACTOR))
                self._tests = 0.0
        elif now.trusted and not state.tested and calendar.before_opening(self._plan, now.wall):
            for name, device in self._devices.items():
                if not isinstance(device, Printer):  # its paper is for visitors; it is asked all the time
                    self.test(name, now)
            self._tests = time.monotonic() + 2 * TEST

    def _levels(self, state: State) -> None:
        now = self._now()
        state = seen_at(state, now)
        for name, device in self._devices.items():
            try:
                level = self._level(name, device, state, now)
                with self._lock:
                    self._tell(name, device, level)
                self._ill.discard(name)
            except Exception:  # this device's alone: the others show what is true
                if name not in self._ill:
                    log.exception("nobody can say what %s should show", name)
                self._ill.add(name)

    def _tell(self, name: str, device: Device, level: tuple[Any, ...]) -> None:
        # Told once: a device shows it again by itself after its wire was lost.
        told = (device, level)
        if level and told != self._shown.get(name) and time.monotonic() >= self._tested.get(name, 0.0):
            if isinstance(device, Switch):
                device.power(*level)
            elif isinstance(device, Shows):
                device.show(*level)
            self._shown[name] = told

    def _level(self, name: str, device: Device, state: State, now: Now) -> tuple[Any, ...]:
        """What a device shows as long as nothing changes; empty if it shows nothing."""
        place, plan = self._plan.device[name], self._plan
        if isinstance(device, Switch):
            return (lights_on(plan, state, now.wall),)
        if not isinstance(device, Shows):
            return ()
        if place.kiosk:
            return (lit(plan, state, place.kiosk),)
        if place.window and isinstance(device, CallUnit):
            return ("fault" if self._broken else levels.lamp(plan, state, place.window),)
        if place.window and getattr(device, "numbers", False):
            return (state.window(place.window).ticket,)
        room = getattr(device, "columns", 16)
        return sign(plan, state, place.window, now.wall, room) if place.window else ()

    def _print(self, state: State, issued: Ticket, token: str) -> None:
        # A slip was written by hand, and a kiosk may have left the plan: any printer will do.
        kiosk = self._plan.kiosk.get(issued.kiosk) or next(iter(self._plan.kiosk.values()))
        report = partial(self._report, state.day, issued.number)
        if not (tray := self._trays.get(kiosk.printer)):
            report("failed")
            return
        content = ticket.lines(self._plan, state, issued, self.foreseen().get(issued.service), token)
        # Drawn by the printer's thread: a picture takes longer than everything else here.
        lengths: list[int] = []

        def draw() -> Page:
            page = self._page(content, kiosk.printer)
            lengths.append(page.millimetres)
            return page

        # No paper was used for what failed, nor yet for what waits.
        on_paper = ("confirmed", "unconfirmed")
        tray.print(draw, lambda answer: report(answer, sum(lengths) * (answer in on_paper)))

    def wait(self, command: Command | None) -> None:
        """The journal takes its time over `command`: lamps say that presses were heard, and who pressed
        a ticket button is asked for patience. Called from outside the engine's thread, which waits."""
        with self._lock:
            for name, device in self._devices.items():
                place, shown = self._plan.device[name], self._shown.get(name)
                if isinstance(device, CallUnit) and shown != (device, ("off",)):
                    self._shown.pop(name, None)
                    device.show("wait")
                elif place.kiosk and isinstance(device, Shows):
                    self._shown.pop(name, None)
                    device.show(frozenset())
        asking = self._plan.device.get(command.actor) if command else None
        if asking and asking.kiosk:
            until = time.monotonic() + TEST
            self._speak(partial(say, "voice.wait"), lambda now: time.monotonic() < until)

    def mute(self, name: str, on: bool) -> None:
        """Silence a voice, or let it speak again; from any thread."""
        with self._lock:
            self.muted = self.muted | {name} if on else self.muted - {name}

    def slip(self, text: str) -> None:
        """A message on the paper of every kiosk's printer."""
        for name in {kiosk.printer for kiosk in self._plan.kiosk.values()}:
            if tray := self._trays.get(name):
                tray.print(partial(self._slip, text, name), lambda answer: None)

    def test(self, name: str, now: Now) -> None:
        """Let a device show that it works; from any thread. Nothing of it is counted."""
        with self._lock:
            self._tested[name] = time.monotonic() + TEST
            self._shown.pop(name, None)
            self._show_test(name, now)

    def _show_test(self, name: str, now: Now) -> None:
        device, place = self._devices[name], self._plan.device[name]
        match device:
            case Printer():
                text = say("test.slip", device=name, time=f"{now.wall:%H:%M}")
                self._trays[name].print(partial(self._slip, text, name), lambda answer: None)
            case Voice():
                device.say(Sentence(say("test.voice"), volume=max(place.volume.values(), default=100)))
            case CallUnit():
                device.refuse()
            case Shows() if place.kiosk:
                device.show(frozenset(self._plan.service))
            case Shows():
                device.show("888" if getattr(device, "numbers", False) else say("test.sign"))

    def _slip(self, text: str, printer: str) -> Page:
        return self._page(tuple(Line(row) for row in text.splitlines()), printer)

    def _page(self, rows: tuple[Line, ...], printer: str) -> Page:
        """Drawn for the object that prints it, in whose thread this runs."""
        device = self._devices[printer]
        assert isinstance(device, Printer)
        return ticket.page(rows, device.width, device.mode, device.encoding)

    def _report(self, day: str, number: str, answer: str, millimetres: int = 0) -> None:
        self._submit(ReportPaper(day, number, answer, millimetres, actor=ACTOR))

    def _refused(self, command: Command, outcome: Refused) -> None:
        asking, window = self._plan.device.get(command.actor), getattr(command, "window", "")
        if isinstance(command, TakeTicket) and asking and asking.kiosk:
            until = time.monotonic() + STALE
            self._speak(partial(refusal, outcome), lambda now: time.monotonic() < until)
        elif window:
            for name, device in self._devices.items():
                if self._plan.device[name].window == window and isinstance(device, CallUnit):
                    device.refuse()

    def _speak(
        self, text: Callable[..., str], holds: Callable[[State], bool], window: str = "", urgent: bool = False
    ) -> None:
        """By every voice of the hall, or by those whose zone has `window`, each in its language and as
        loud as at this hour; what is urgent as loud as it ever is. What has a `window` is a call."""
        hour = f"{self._now().wall:%H:%M}"
        for name, device in self._devices.items():
            place, lang = self._plan.device[name], "en" if getattr(device, "voice", "")[:2] == "en" else "zh"
            volume = max(place.volume.values(), default=100) if urgent else voice.volume(place.volume, hour)
            deaf = name in self.muted or not volume or (window and place.zone and window not in place.zone)
            if isinstance(device, Voice) and not deaf:
                short = text(lang, "short") if window else ""
                device.say(Sentence(text(lang), short, lambda: holds(self._state), urgent, volume))
