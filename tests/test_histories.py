"""Random histories of every operation, under clocks that stop, jump and reboot; judged from the journal."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import EXAMPLE, MONDAY
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from judge import Hall, judge

from controller.hall import windows
from controller.hall.commands import (
    AtWindow,
    CallHeld,
    CallNext,
    Cancel,
    ChangeServices,
    Command,
    Complete,
    ConfirmTime,
    CutOff,
    Freeze,
    Hold,
    LiftCutOff,
    NoShow,
    OfTicket,
    Park,
    Pause,
    Recall,
    RecordSlips,
    Reinstate,
    Resume,
    SignIn,
    Start,
    TakeTicket,
    Tick,
    Transfer,
    Unfreeze,
    Unpark,
)
from controller.hall.decide import decide
from controller.hall.events import (
    Event,
    HeldCalled,
    TicketCancelled,
    TicketHeld,
    TicketMissed,
    TicketParked,
    TicketRecalled,
    TicketReinstated,
    TicketReleased,
    TicketTransferred,
)
from controller.hall.outcome import Refused
from controller.hall.state import State, account, evolve
from controller.journal.store import Store
from controller.runtime.clock import FakeClock
from controller.settings.reader import parse
from controller.settings.schema import Settings
from drivers.base.load import load

TEXT = EXAMPLE.read_text().replace('services = ["A", "D"]', 'services = ["A", "D"]\nprefers = ["A"]')
PLAN = parse(TEXT.encode(), load)
PUBLISHED = Hall({name: w.services for name, w in PLAN.window.items()}, {"1": ("A",)})

window = st.sampled_from("1234")
service = st.sampled_from("AABBCD")
ticket = st.builds("{}{:03}".format, service, st.integers(1, 12))


def by(kind: type[Command], **values: st.SearchStrategy[object]) -> st.SearchStrategy[Command]:
    return st.builds(kind, actor=st.just("1001"), **values)


take = by(
    TakeTicket,
    service=service,
    kiosk=st.just("hall"),
    care=st.booleans(),
    test=st.sampled_from([False] * 9 + [True]),
    reason=st.sampled_from(["", "", "elderly"]),
)
call = by(CallNext, window=window)
sign_in = st.builds(lambda w, n: SignIn(w, f"100{n}", actor=f"100{n}"), window, window)
OPERATIONS = st.one_of(
    *(take,) * 8,
    *(call,) * 8,
    *(sign_in,) * 3,
    by(CallNext, window=window, number=ticket | st.just("AT01"), reason=st.sampled_from(["special", "x"])),
    *(by(kind, window=window) for kind in AtWindow.__subclasses__() if kind not in (SignIn, ChangeServices)),
    *(by(kind, window=window) for kind in (Hold, Recall, NoShow, Recall, NoShow)),
    *(by(kind, ticket=ticket, window=window | st.just("")) for kind in OfTicket.__subclasses__()),
    *(by(kind, window=window) for kind in OfTicket.__subclasses__()),
    by(Reinstate, ticket=ticket),
    by(Transfer, window=window, to=window),
    by(Transfer, ticket=ticket, service=service),
    by(ChangeServices, window=window, services=st.lists(service, max_size=3).map(tuple)),
    by(Pause, window=window, reason=st.sampled_from(["lunch", "?"]), minutes=st.integers(-5, 30)),
    by(Freeze, reason=st.sampled_from(["power", "?"])),
    *(by(Unfreeze),) * 2,
    by(RecordSlips, service=service, last=st.integers(0, 20), served=st.integers(0, 5)),
    by(CutOff, service=service, finish=st.just(MONDAY)),
    by(LiftCutOff, service=service, reason=st.sampled_from(["", "few"])),
    by(ConfirmTime, wall=st.just(MONDAY + timedelta(hours=1)), sure=st.booleans()),
    st.just(Tick(actor="clock")),
)
# What the clocks do before the next operation: minutes that pass, and now and then something odd.
WAITS = st.one_of(
    *(st.floats(0.05, 20),) * 12, st.sampled_from(["trust", "doubt", "reboot", "back", "evening", "morning"])
)


def summary(state: State) -> str:
    """What people would notice of a state, a line each."""
    lines = [f"{state.day} open={state.open} done={state.done} {account(state)}"]
    lines += [
        f"{t.number} {t.service} {t.state} {t.window} {t.place:.0f} {t.credit:.0f} {t.paper}"
        for t in state.tickets.values()
    ]
    lines += [
        f"window {name}: {w.clerk} {w.ticket} {w.paused} {w.calls}" for name, w in state.windows.items()
    ]
    lines += [f"call {call.ticket} {call.window}" for call in state.calls]
    return "\n".join(lines)


class Life:
    """A hall that is asked anything at any time."""

    def __init__(self, plan: Settings) -> None:
        self.plan, self.clock, self.state = plan, FakeClock(MONDAY), State()
        self.events: list[Event] = []

    def wait(self, what: float | str) -> None:
        now = self.clock.now()
        match what:
            case "trust" | "doubt":
                self.clock.trusted = what == "trust"
            case "reboot":
                trusted, self.clock = self.clock.trusted, FakeClock(now.wall)
                self.clock.trusted = trusted
            case "back":
                self.clock.move(now.wall - timedelta(minutes=90))
            case "evening" | "morning":
                hour = 19 if what == "evening" else 8
                self.clock.move((now.wall + timedelta(days=what == "morning")).replace(hour=hour, minute=0))
            case float():
                self.clock.advance(minutes=what)

    def ask(self, command: Command) -> bool:
        before = self.state
        try:
            events = decide(self.plan, self.state, command, self.clock.now())
        except Refused:
            assert self.state == before, "a refusal changed something"
            return False
        for happened in events:
            self.state = evolve(self.state, happened)
        self.events += events
        return True

    def step(self, happened: Event) -> State:
        return evolve(self.state, happened)

    def judged(self, path: Path, published: Hall = PUBLISHED) -> int:
        """The judge's verdict on the journal, whose replay must be this very state."""
        store = Store(path)
        if self.events:
            store.append(self.events)
        state = State()
        for happened in store.today():
            state = evolve(state, happened)
        store.close()
        assert state == self.state, "replay is not life"
        return judge(path, published)


def test_any_history_is_fair_whole_and_adds_up(
    tmp_path_factory: pytest.TempPathFactory, times: int, counted: Callable[[str], None]
) -> None:
    # Not shrunk: a history of a hundred steps would take minutes.
    @settings(
        max_examples=20 * times,
        deadline=None,
        suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow],
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    @given(st.lists(st.tuples(WAITS, OPERATIONS), min_size=20, max_size=160))
    def lived(history: list[tuple[float | str, Command]]) -> None:
        fair(tmp_path_factory.mktemp("history") / "journal.db", history)

    lived()
    counted(f"{20 * times:,} histories of any operations, fair, whole and adding up")


def fair(path: Path, history: list[tuple[float | str, Command]]) -> None:
    life = Life(PLAN)
    done = 0
    for wait, command in history:
        life.wait(wait)
        done += life.ask(command)
    event(f"{done * 10 // len(history) * 10} % of what was asked was done")
    life.wait("trust")
    life.wait("morning")
    life.ask(Tick(actor="clock"))
    life.judged(path)


def rush(seed: int, plan: Settings = PLAN, steps: int = 400) -> Life:
    """A busy day in which most of what is asked makes sense."""
    dice, life = random.Random(seed), Life(plan)
    for name in "1234":
        life.ask(SignIn(name, f"100{name}", actor=f"100{name}"))

    def asked() -> Iterator[Command]:
        while True:
            at, name = dice.choice("1234"), f"{dice.choice('ABCD')}{dice.randrange(1, 40):03}"
            yield TakeTicket(dice.choice("ABCD"), "hall", care=dice.random() < 0.3, actor="buttons")
            yield CallNext(at, actor=f"100{at}")
            usual = dice.choice([Start, Complete, Hold, Pause, Resume])
            for kind in dice.choice([(usual,), (Recall, Recall, NoShow)]):
                yield kind(at, actor=f"100{at}")
            of = dice.choice([Park, Unpark, Reinstate, Cancel, CallHeld])
            yield of(window=at, actor=f"100{at}")
            yield of(ticket=name, actor="desk")
            yield Transfer(window=at, to=dice.choice("1234"), actor=f"100{at}")
            yield Transfer(ticket=name, service=dice.choice("ABCD"), actor="desk")

    for _, command in zip(range(steps), asked(), strict=False):
        life.clock.advance(seconds=dice.choice([16, 20, 40]))
        life.ask(command)
    life.wait("morning")
    life.ask(Tick(actor="clock"))
    return life


def test_rush_days_are_fair_and_add_up(tmp_path: Path, times: int, counted: Callable[[str], None]) -> None:
    lives = [rush(seed) for seed in range(5 * times)]
    kinds = {type(happened) for life in lives for happened in life.events}
    expected = {TicketReinstated, TicketHeld, HeldCalled, TicketParked, TicketReleased, TicketMissed}
    assert expected | {TicketTransferred, TicketCancelled, TicketRecalled} <= kinds
    assert sum(life.judged(tmp_path / f"{n}.db") for n, life in enumerate(lives)) > 40 * len(lives)
    counted(f"{len(lives):,} rush days, fair and adding up")


def test_the_judge_catches_an_unfair_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deliberately wrong build: the newest first."""
    fair = windows.line
    monkeypatch.setattr(windows, "line", lambda *asked: fair(*asked)[::-1])
    with pytest.raises(AssertionError, match="came before"):
        rush(1).judged(tmp_path / "journal.db")


def test_the_judge_catches_a_credit_beyond_what_is_published(tmp_path: Path) -> None:
    plan = replace(PLAN, policy=replace(PLAN.policy, care_minutes=60))
    with pytest.raises(AssertionError, match="came before"):
        rush(2, plan).judged(tmp_path / "journal.db")
