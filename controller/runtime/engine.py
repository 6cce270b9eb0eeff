"""The engine: one thread, one inbox, the only writer. Only it holds the clock of the rules."""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress

from controller.hall.bounds import BAD
from controller.hall.commands import AllowTickets, Command, StopTickets, Tick
from controller.hall.decide import YEARS, decide, refused
from controller.hall.events import Event, TimeConfirmed
from controller.hall.outcome import Outcome, Refused
from controller.hall.state import State, evolve
from controller.journal.store import Store
from controller.runtime.clock import Clock
from controller.settings.schema import Settings
from drivers.base.bugs import Bugs

log = logging.getLogger("hallqueue.engine")
PRESSES = 10_000  # press ids remembered; the busiest day has fewer
TICK = 1.0  # s from one look at the clock to the next, however many commands come
BEHIND = 5.0  # s that a command may wait; a card may take two for one write
ONLY_BUGS = 3  # bugs in a row, and it answers nothing else

Listener = Callable[[Command, Outcome, State], None]


class Engine:
    """Owns its thread and, in it, the store. `state` is replaced as a whole: read it anywhere.

    `listeners` hear of every command that changed something or was refused, and of the passing of
    time (Tick), in the engine's thread: they must return at once, and what they raise stays with them.
    """

    patience = 10.0  # s that a page waits for an outcome; a card may take two for one write

    def __init__(self, plan: Settings, store: Store, clock: Clock) -> None:
        self.plan, self.clock, self._store = plan, clock, store
        self.state = store.state()
        store.keep_reserve()
        said = store.newest("TimeConfirmed")
        # Before there were bounds any year was taken.
        if isinstance(said, TimeConfirmed) and said.wall.year in YEARS:
            clock.confirm(said.wall, said.at)
        self.listeners: list[Listener] = []
        self.trouble = ""  # why the journal takes nothing, in SQLite's words
        self._seen: dict[str, Outcome] = dict.fromkeys(store.presses(PRESSES), ())
        # With the moment at which each came (monotonic).
        self._inbox: queue.Queue[tuple[Command, Future[Outcome], float] | None] = queue.Queue(1000)
        self._came = float("inf")  # when that came which it is doing
        self._bugs, self._in_a_row = Bugs(log), {True: 0, False: 0}  # of Ticks, of all others
        self.thread = threading.Thread(target=self._run, name="engine")
        self.awaited = float("inf")  # when its loop is heard of again (monotonic)
        self.doing: tuple[Command, float] | None = None  # since when (monotonic)

    def start(self) -> None:
        self.thread.start()

    def busy(self) -> float:
        """For how many seconds it has been at the command that it is doing; any thread may ask."""
        doing = self.doing
        return time.monotonic() - doing[1] if doing else 0.0

    @property
    def ill(self) -> str:
        """dead; bugs, if it answers nothing else; behind, if who asks waits for seconds; empty if it is
        well. Any thread may ask."""
        if not self.thread.is_alive():
            return "dead"
        if max(self._in_a_row.values()) >= ONLY_BUGS:
            return "bugs"
        return "behind" if time.monotonic() > self._came + BEHIND else ""

    def stop(self) -> None:
        """Everything submitted before is still done."""
        self._inbox.put(None)
        self.thread.join()

    def submit(self, command: Command) -> Future[Outcome]:
        """Post `command`; never blocks. The outcome: its events or a Refused, as a value. A press
        id that has been seen before changes nothing: no events, or the refusal it got."""
        future: Future[Outcome] = Future()
        try:
            self._inbox.put_nowait((command, future, time.monotonic()))
        except queue.Full:
            future.set_result(Refused("busy"))
        return future

    def ask(self, command: Command) -> Outcome:
        """Submit `command` and wait for what comes of it, in the thread of a page. What has no answer in time
        may still be done, and is Refused as late."""
        try:
            return self.submit(command).result(self.patience)
        except TimeoutError:
            return Refused("late")

    def _run(self) -> None:
        tick = time.monotonic() + TICK
        while True:
            now = time.monotonic()
            self.doing, self._came, self.awaited = None, float("inf"), now + TICK
            if now >= tick:
                tick = now + TICK
                self._do(self._deadline(), Future(), now)
                continue
            try:
                item = self._inbox.get(timeout=tick - now)
            except queue.Empty:
                continue
            if item is None:
                return
            self._do(*item)

    def _do(self, command: Command, future: Future[Outcome], came: float) -> None:
        """Handle a command that came at `came`, and tell its outcome; whatever is raised stays here."""
        self.doing, self._came = (command, time.monotonic()), came
        kind = type(command).__name__
        outcome: Outcome = Refused("bug")
        try:
            outcome = self._handle(command)
        except BaseException as error:  # noqa: BLE001 - the thread on which all stand goes on
            self._bugs.tell(f"a bug in the engine at {kind}", error)
        bug = isinstance(outcome, Refused) and outcome.code == "bug"
        ticks = isinstance(command, Tick)
        self._in_a_row[ticks] = self._in_a_row[ticks] + 1 if bug else 0
        with suppress(InvalidStateError):  # who asked may have gone
            future.set_result(outcome)
        if outcome or ticks:
            for listener in self.listeners:
                try:
                    listener(command, outcome, self.state)
                except BaseException as error:  # noqa: BLE001 - it stays with the listener
                    self._bugs.tell(f"a listener failed at {kind}", error)

    def _deadline(self) -> Command:
        """Deadlines are commands that the engine gives itself."""
        if self.state.stopped and self._store.keep_reserve():
            return AllowTickets(actor="clock")
        return Tick(actor="clock")

    def _handle(self, command: Command) -> Outcome:
        """What comes of a command. Whatever goes wrong is an answer to who asked, never the thread's end."""
        try:
            if command.press in self._seen:
                return self._seen[command.press]
            now, refusal = self.clock.now(), None
            try:
                events = decide(self.plan, self.state, command, now)
            except Refused as why:
                refusal, events = why, refused(command, why, now)
            self._make_true(events)
        except (sqlite3.Error, OSError) as error:
            answer = self._recover(error)
            full = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL  # Python's own have no code
            if full and self._store.spend_reserve():
                # Calls go on in the room that was kept; who holds a ticket is served.
                self.submit(StopTickets("disk_full", actor="clock"))
                return self._handle(command)
            return answer
        except Exception as error:  # noqa: BLE001 - a bug in a rule refuses one press
            self._bugs.tell(f"a bug in the rules at {type(command).__name__}", error)
            return Refused("bug")
        self._remember(command.press, refusal or ())
        return refusal or tuple(events)

    def _make_true(self, events: Sequence[Event]) -> None:
        """Fold, then write, then publish: what cannot be folded is never written. Raises sqlite3.Error."""
        state = self.state
        for event in events:
            state = evolve(state, event)
        if events:
            self._store.append(events)
            self.trouble = ""
        self.state = state
        for event in events:
            if isinstance(event, TimeConfirmed):
                self.clock.confirm(event.wall, event.at)

    def _remember(self, press: str, outcome: Outcome) -> None:
        # What is beyond all bounds, perhaps the id itself, is refused again as well.
        if press and not (isinstance(outcome, Refused) and outcome.code in BAD):
            self._seen[press] = outcome
            if len(self._seen) > PRESSES:
                del self._seen[next(iter(self._seen))]

    def _recover(self, error: Exception) -> Outcome:
        # What a failed commit left on the disk is unknown: read it again before going on.
        if not self.trouble:
            log.error("the journal takes nothing: %s", error)
        self.trouble = str(error)
        try:
            self._store.reopen()
            self.state = self._store.state()
        except (sqlite3.Error, OSError, Refused):
            log.debug("the journal cannot be read again yet", exc_info=True)
        return Refused("journal")
