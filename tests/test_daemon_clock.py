"""The unmodified daemon on a machine whose clock is wrong, is set, is another one: tests/clockwork.c."""

import mmap
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from conftest import ROOT, needs
from daemon import Daemon, outside
from judge import judge
from wait import until

from controller.hall.events import DayOpened
from controller.journal.files import CannotStart
from controller.journal.store import read

HALL = ZoneInfo("Asia/Shanghai")
NONE, FULL, EMPTY = range(3)  # what is on the socket of the battery
MORNING = datetime(2026, 11, 24, 8, 30, tzinfo=HALL)


class Machine:
    """A machine with a hall on it, whose devices live on when its mains are cut."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.twin, self.file = outside(folder)
        self.file.write_text(self.file.read_text().replace("width = 576", 'mode = "text"'))
        self.data, self._library, self._said = folder / "data", library, folder / "machine"
        self._said.write_bytes(bytes(struct.calcsize("dii40s")))
        with open(self._said, "r+b") as file:
            self._told = mmap.mmap(file.fileno(), 0)
        self.boots = 0

    def tell(self, wall: datetime | None, synced: bool, battery: int = NONE) -> None:
        """What the clock says from now on (None: it goes on), and why it should be believed."""
        boot = f"00000000-0000-0000-0000-{self.boots:012}".encode()
        if wall:
            self._ahead = wall.timestamp() - time.clock_gettime(time.CLOCK_REALTIME)
        self._told[:] = struct.pack("dii40s", self._ahead, synced, battery, boot)

    def boot(self, wall: datetime, synced: bool = False, battery: int = NONE) -> Daemon:
        self.boots += 1
        self.tell(wall, synced, battery)
        return self.again()

    def again(self) -> Daemon:
        """The program starts once more, in the same boot."""
        self.daemon = Daemon(
            self.file, self.data, "env", f"LD_PRELOAD={self._library}", f"CLOCKWORK={self._said}"
        )
        return self.daemon

    def papers(self) -> str:
        return "".join(self.twin.machines["printer"].texts)  # type: ignore[attr-defined]

    def day(self) -> str:
        with suppress(CannotStart):  # between two years there is a moment in which nobody can read
            days = [e.day for _, e in read(self.data / "journal.db") if isinstance(e, DayOpened)]
            return days[-1] if days else ""
        return ""

    def served(self) -> None:
        """Who is at window 1 goes."""
        assert "events" in self.daemon.ask("windows/1/complete")
        self.check()

    def check(self) -> None:
        judge(self.data / "journal.db", {"1": ("A", "D")})

    def call(self) -> str:
        """The number that is called to window 1."""
        self.daemon.ask("windows/1/sign-in", clerk="1001")
        events = self.daemon.ask("windows/1/call-next")["events"]
        return next(str(e["ticket"]) for e in events if e["event"] == "TicketCalled")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("clockwork") / "clockwork.so"
    source = str(ROOT / "tests" / "clockwork.c")
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([needs("gcc"), *flags, "-o", str(built), source, "-ldl"], check=True)
    return built


@pytest.fixture
def machine(tmp_path: Path, library: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, library)
    yield made
    if made.daemon.process.poll() is None:
        made.daemon.kill()
    made.twin.close()


def test_without_a_battery_it_begins_in_1970_and_works_until_the_network_comes(machine: Machine) -> None:
    daemon = machine.boot(datetime(1970, 1, 1, 8, 0, 20, tzinfo=HALL))
    assert "未校准" in daemon.page("/")
    assert daemon.take() == "A001"
    until(lambda: "A001" in machine.papers())
    assert "时钟待校准" in machine.papers(), "no time that would be wrong"
    assert "1970" not in machine.papers()
    machine.tell(MORNING, synced=True)
    until(lambda: machine.day() == "2026-11-24")
    assert "未校准" not in daemon.page("/")
    assert daemon.take() == "A002", "who came before is still in the hall"
    assert machine.call() == "A001"
    machine.served()
    until(lambda: "08:3" in machine.papers())


def test_with_yesterday_evenings_clock_no_day_begins_until_the_network_says_so(machine: Machine) -> None:
    daemon = machine.boot(MORNING, synced=True)
    for _ in range(3):
        daemon.take()
    machine.tell(MORNING.replace(hour=17, minute=40), synced=True)
    daemon.kill()  # the mains; fake-hwclock has saved a quarter to six
    daemon = machine.boot(MORNING.replace(hour=17, minute=45))
    assert "未校准" in daemon.page("/")
    assert machine.day() == "2026-11-24"
    machine.tell(MORNING + timedelta(days=1), synced=True)
    until(lambda: machine.day() == "2026-11-25")
    assert daemon.take() == "A001", "a new day"
    machine.check()


def test_without_a_time_server_the_hall_closes_and_the_day_turns_as_ever(machine: Machine) -> None:
    daemon = machine.boot(MORNING, synced=True)
    daemon.take()
    assert "时间服务器" not in daemon.page("/")
    machine.tell(MORNING.replace(hour=23, minute=59), synced=True)
    until(lambda: daemon.get("/api/v1/hall")["time"] == "23:59")
    machine.tell(None, synced=False)  # it is nine hours since one was heard
    until(lambda: daemon.get("/api/v1/hall")["phase"] != "open")
    assert "联系不上时间服务器" in daemon.page("/")
    assert "No time server has been heard" in daemon.page("/?lang=en")
    assert "未校准" not in daemon.page("/")
    machine.daemon.stop()
    daemon = machine.again()
    assert "联系不上时间服务器" in daemon.page("/"), "a restart of the program is no other boot"
    machine.tell(MORNING + timedelta(days=1), synced=False)
    until(lambda: machine.day() == "2026-11-25")
    daemon.take()
    machine.tell(MORNING + timedelta(days=1), synced=True)
    until(lambda: "时间服务器" not in daemon.page("/"))
    machine.check()


@pytest.mark.parametrize("source", ["network", "said"])
def test_what_was_believed_before_a_restart_is_believed_after_it(machine: Machine, source: str) -> None:
    """Whichever of the two came last."""
    daemon = machine.boot(MORNING.replace(hour=7))
    assert "events" in daemon.ask("hall/confirm-time", wall="2026-11-24T08:31", sure=True)
    until(lambda: machine.day() == "2026-11-24")
    daemon.take()
    if source == "network":
        machine.tell(MORNING.replace(hour=9), synced=True)
        until(lambda: daemon.get("/api/v1/hall")["time"] >= "09:30")
        daemon.take()
        machine.tell(None, synced=False)
    machine.daemon.stop()
    daemon = machine.again()
    assert daemon.get("/api/v1/hall")["time"][:4] == ("09:3" if source == "network" else "08:3")
    assert ("联系不上时间服务器" in daemon.page("/")) is (source == "network")
    assert "未校准" not in daemon.page("/")


def test_the_clock_of_a_pi_5_without_a_battery_proves_nothing(machine: Machine) -> None:
    machine.boot(MORNING, synced=True).take()
    machine.daemon.kill()
    daemon = machine.boot(MORNING.replace(hour=17, minute=45), battery=EMPTY)  # as fake-hwclock saved it
    assert "未校准" in daemon.page("/")
    assert daemon.take() == "A002"
    until(lambda: machine.papers().count("时钟待校准") == 1)
    machine.check()


def test_a_battery_years_ahead_opens_no_day_of_years_to_come(machine: Machine) -> None:
    machine.boot(MORNING, synced=True).take()
    machine.daemon.kill()
    daemon = machine.boot(MORNING + timedelta(days=3652), battery=FULL)
    assert "未校准" in daemon.page("/")
    assert daemon.take() == "A002"
    machine.tell(MORNING + timedelta(days=2), synced=True)
    until(lambda: machine.day() == "2026-11-26")
    machine.check()


def test_a_battery_is_believed_at_once_unless_it_is_before_the_journal(machine: Machine) -> None:
    daemon = machine.boot(MORNING, battery=FULL)
    assert "（时钟电池）" in daemon.page("/")
    daemon.take()
    daemon.kill()
    daemon = machine.boot(MORNING - timedelta(days=400), battery=FULL)  # it ran dry
    assert "未校准" in daemon.page("/")
    assert daemon.take() == "A002"
    assert machine.day() == "2026-11-24"
    daemon.kill()
    daemon = machine.boot(MORNING - timedelta(days=399), battery=FULL)  # after what it has written itself
    assert "未校准" in daemon.page("/")
    assert daemon.take() == "A003", "no calendar of last year locks anybody out"
    machine.check()


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_step_while_somebody_is_served_moves_nobody(machine: Machine, hours: int) -> None:
    daemon = machine.boot(MORNING, synced=True)
    for _ in range(3):
        daemon.take()
    assert machine.call() == "A001"
    daemon.ask("windows/1/start")
    machine.tell(MORNING + timedelta(hours=hours), synced=True)
    until(lambda: f"{8 + hours:02}:3" in daemon.get("/api/v1/hall")["time"])
    assert daemon.take() == "A004"
    machine.served()
    assert machine.call() == "A002"
    assert machine.day() == "2026-11-24"


def test_another_time_zone_at_a_restart_gives_no_number_again(machine: Machine) -> None:
    machine.boot(MORNING, synced=True).take()
    machine.daemon.stop()
    machine.file.write_text(machine.file.read_text().replace("Asia/Shanghai", "Asia/Urumqi"))
    daemon = machine.boot(MORNING + timedelta(minutes=1), synced=True)
    assert daemon.take() == "A002"
    machine.check()


def test_at_midnight_the_queue_is_kept_and_at_four_the_day_turns_once(machine: Machine) -> None:
    daemon = machine.boot(MORNING.replace(hour=23, minute=50), synced=True)
    daemon.take()
    machine.tell(MORNING.replace(hour=0, minute=10) + timedelta(days=1), synced=True)
    until(lambda: daemon.get("/api/v1/hall")["time"] == "00:10")
    assert daemon.take() == "A002"
    assert machine.call() == "A001"
    machine.served()
    machine.tell(MORNING.replace(hour=4, minute=1) + timedelta(days=1), synced=True)
    until(lambda: machine.day() == "2026-11-25")
    machine.check()
    kinds = [type(e).__name__ for _, e in read(machine.data / "journal.db")]
    assert kinds.count("DayClosed") == 1


def test_a_clock_that_jumps_a_month_sends_nobody_home(machine: Machine) -> None:
    daemon = machine.boot(MORNING, synced=True)
    for number in ("A001", "A002", "A003"):
        assert daemon.take() == number
    assert machine.call() == "A001"
    for wall in (
        MORNING + timedelta(days=30),
        MORNING + timedelta(minutes=1),
    ):  # a bad time server, a good one
        machine.tell(wall, synced=True)
        until(lambda wall=wall: machine.day() == f"{wall:%Y-%m-%d}")
        assert daemon.get("/api/v1/hall")["waiting"][0]["count"] == 2
    assert daemon.take() == "A004", "the numbers go on"
    machine.served()
    assert machine.call() == "A002"
    machine.check()


def test_a_day_that_a_wrong_word_opened_turns_back_to_the_people_of_before(machine: Machine) -> None:
    daemon = machine.boot(MORNING, synced=True)
    for number in ("A001", "A002", "A003"):
        assert daemon.take() == number
    assert machine.call() == "A001"
    machine.served()
    daemon.kill()  # the mains, for a minute
    daemon = machine.boot(MORNING)
    assert daemon.ask("hall/confirm-time", wall="2026-12-28T08:40")["error"] == "time_far"
    assert "events" in daemon.ask("hall/confirm-time", wall="2026-12-01T08:40")
    until(lambda: machine.day() == "2026-12-01")
    assert daemon.take() == "A001"
    assert 'name="wall"' in daemon.page("/"), "what somebody said can be put right on the page"
    assert daemon.ask("hall/confirm-time", wall="2026-11-24T08:41")["error"] == "time_trusted"
    assert "events" in daemon.ask("hall/confirm-time", wall="2026-11-24T08:41", sure=True)
    until(lambda: machine.day() == "2026-11-24")
    assert daemon.take() == "A004", "as of this day"
    for number in ("A002", "A003", "A001", "A004"):
        assert machine.call() == number
        machine.served()
    machine.check()
