"""The engine: one thread, one inbox, the only writer. Only it holds the clock of the rules."""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from controller.hall.bounds import BAD
from controller.hall.commands import AllowTickets, Command, StopTickets, Tick
from controller.hall.decide import YEARS, decide, refused
from controller.hall.events import Event, TimeConfirmed
from controller.hall.outcome import Outcome, Refused
from controller.hall.state import State, evolve
from controller.journal.store import Store
from controller.runtime.clock import Clock
from controller.settings.schema import Settings

log = logging.getLogger("hallqueue.engine")
PRESSES = 10_000  # press ids remembered; the busiest day has fewer

Listener = Callable[[Command, Outcome, State], None]


class Engine:
    """Owns its thread and, in it, the store. `state` is replaced as a whole: read it anywhere.

    `listeners` hear of every command that changed something or was refused, and of the passing of
    time (Tick), in the engine's thread: they must return at once, and what they raise stays with them.
    """

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
        self._inbox: queue.Queue[tuple[Command, Future[Outcome]] | None] = queue.Queue(1000)
        self.thread = threading.Thread(target=self._run, name="engine")
        self.awaited = float("inf")  # when its loop is heard of again (monotonic)
        self.doing: tuple[Command, float] | None = None  # since when (monotonic)

    def start(self) -> None:
        self.thread.start()

    def busy(self) -> float:
        """For how many seconds it has been at the command that it is doing; any thread may ask."""
        doing = self.doing
        return time.monotonic() - doing[1] if doing else 0.0

    def stop(self) -> None:
        """Everything submitted before is still done."""
        self._inbox.put(None)
        self.thread.join()

    def submit(self, command: Command) -> Future[Outcome]:
        """Post `command`; never blocks. The outcome: its events or a Refused, as a value. A press
        id that has been seen before changes nothing: no events, or the refusal it got."""
        future: Future[Outcome] = Future()
        try:
            self._inbox.put_nowait((command, future))
        except queue.Full:
            future.set_result(Refused("busy"))
        return future

    def _run(self) -> None:
        while True:
            self.doing, self.awaited = None, time.monotonic() + 1.0
            try:
                item = self._inbox.get(timeout=1.0)
            except queue.Empty:
                item = self._deadline(), Future()
            if item is None:
                return
            command, future = item
            self.doing = command, time.monotonic()
            outcome = self._handle(command)
            future.set_result(outcome)
            if outcome or isinstance(command, Tick):
                for listener in self.listeners:
                    try:
                        listener(command, outcome, self.state)
                    except Exception:
                        log.exception("a listener failed at %.300s", command)

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
        except Exception:
            log.exception("a bug in the rules at %.300s", command)
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
