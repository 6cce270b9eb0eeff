"""The ticket printer on real wires: what came over them, what is on paper, what was promised."""

import random
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
import usb.backend.libusb1
from PIL import Image, ImageChops
from usb_bus import UsbBus
from wait import until

from display.paper import ticket
from drivers.base.link import Link
from drivers.base.paper import Line, Page
from drivers.base.port import Port
from drivers.printer_escpos import Driver, frame
from drivers.sim.printer import Printer
from drivers.sim.wire import Machine, Wire

QUESTIONS = b"\x10\x04\x01\x10\x04\x02\x10\x04\x03\x10\x04\x04"  # devices.md §2.1
FRAGMENT = 64 * 72  # bytes of 64 rows of 576 dots
Wired = Callable[[Machine], "Bench"]
serial = pytest.mark.parametrize("wired", ["serial"], indirect=True)  # the wire makes no difference
TICKET = Page((Line("政务服务大厅"), Line("A001", 3), Line("前面 2 人")))


def picture(seed: int, rows: int = 100) -> Image.Image:
    """Noise, without the byte that begins real-time commands."""
    dots = random.Random(seed).randbytes(72 * rows).replace(b"\x10", b"\x11")
    return Image.frombytes("1", (576, rows), dots, "raw", "1;I")


def same(paper: Image.Image, image: Image.Image) -> bool:
    return paper.crop((0, 0, *image.size)).tobytes() == image.tobytes()


class Tape(Printer):
    """A printer that also keeps what came over the wire, and does `act` after `at` job bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.heard, self.at = b"", 0
        self.act: Callable[[], None] = lambda: None

    def feed(self, data: bytes) -> bytes:
        self.heard += data
        start = self.heard.find(b"\x1b@")
        here = len(data) - (len(self.heard) - start - self.at)
        if not self.at or start < 0 or here > len(data):
            return super().feed(data)
        answer, self.at = super().feed(data[:here]), 0
        self.act()
        return answer + (b"" if self.deaf else super().feed(data[here:]))

    def asked_again(self) -> None:
        """Until the driver has had two more occasions to change its mind."""
        before = len(self.heard)
        until(lambda: len(self.heard) >= before + 2 * len(QUESTIONS))


class Bench:
    """A driver, its port, a wire and a printer."""

    def __init__(self, wire: Wire | UsbBus, url: str, printer: Machine) -> None:
        self.wire, self.printer = wire, printer
        self.driver = Driver("printer", every=0.05, patience=0.4)
        self.said: list[tuple[str, str]] = []
        self.driver.on_health = lambda d: self.said.append((d.health.state, d.health.code))
        self.port = Port(url, 921600, [self.driver], 0.1)
        self.port.start()
        # A hall that was killed may have left half a page: the driver begins with a clean-up.
        until(lambda: "starting" not in (self.driver.health.state, self.driver.health.code))
        if isinstance(printer, Tape):
            printer.heard, self.said[:] = QUESTIONS, [("up", "")]

    def print(self, page: Page | Image.Image) -> list[str]:
        """What the receipt hears, as it comes."""
        answers: list[str] = []
        page = page if isinstance(page, Page) else Page((), page)
        self.driver.print(lambda: page, answers.append)
        return answers

    def health(self, state: str, code: str = "") -> None:
        until(lambda: (self.driver.health.state, self.driver.health.code) == (state, code))

    def turn(self, knob: str, value: bool) -> None:
        setattr(self.printer, knob, value)
        self.wire.poke()

    def close(self) -> None:
        self.port.stop()
        self.wire.unplug()


@pytest.fixture(params=["serial", "network", "usb", "lp"])
def wired(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wired]:
    benches: list[Bench] = []

    def make(printer: Machine) -> Bench:
        wire: Wire | UsbBus
        if request.param == "usb":
            wire, url = UsbBus(printer), "usb://0416:5011"
            monkeypatch.setattr(usb.backend.libusb1, "get_backend", lambda *_, **__: wire)
        else:
            wire = Wire(None if request.param == "network" else tmp_path / "printer", printer)
            # The kernel's /dev/usb/lp0 is a file to read and write, as a pty is.
            url = f"lp:{wire.url}" if request.param == "lp" else wire.url
        benches.append(Bench(wire, url, printer))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture
def tape() -> Tape:
    return Tape()


@pytest.fixture
def bench(wired: Wired, tape: Tape) -> Bench:
    return wired(tape)


@serial
def test_a_text_ticket_is_the_bytes_of_the_manual(bench: Bench, tape: Tape) -> None:
    answers = bench.print(TICKET)
    until(lambda: answers == ["confirmed"])
    job = tape.heard[tape.heard.index(b"\x1b@") :]
    assert job.startswith(
        bytes.fromhex("1b40 1c26 1b6101")  # devices.md §1.6: ESC @, FS &, ESC a 1
        + bytes.fromhex("1d2100 d5fecef1b7fecef1b4f3ccfc0a")  # devices.md §1.7: 政务服务大厅
        + bytes.fromhex("1d2122 413030310a")  # devices.md §1.7: triple size, A001
        + bytes.fromhex("1d2100 c7b0c3e6203220c8cb0a")  # GBK: 前面 2 人
        + bytes.fromhex("1d2100 1c2e")  # devices.md §1.6: FS .
        + bytes.fromhex("1b6406 1d5601")  # devices.md §1.7: cut("PART")
        + bytes.fromhex("1d7201")  # devices.md §2.4: GS r 1
    )
    assert tape.heard[: tape.heard.index(b"\x1b@")].endswith(QUESTIONS)


@serial
def test_a_picture_is_small_raster_fragments(bench: Bench, tape: Tape) -> None:
    answers = bench.print(picture(1))
    until(lambda: answers == ["confirmed"])
    job = tape.heard[tape.heard.index(b"\x1b@") :]
    assert job.startswith(bytes.fromhex("1b40 1d763000 4800 4000"))  # devices.md §1.7: 72 bytes, 64 rows
    rest = job[2 + 8 + FRAGMENT :]
    assert rest.startswith(bytes.fromhex("1d763000 4800 2400"))
    assert rest[8 + 36 * 72 :].startswith(bytes.fromhex("1b6406 1d5601 1d7201"))


def test_a_picture_comes_out_dot_for_dot(bench: Bench, tape: Tape) -> None:
    answers = bench.print(picture(1))
    until(lambda: answers == ["confirmed"])
    assert same(tape.papers[0], picture(1))
    assert tape.texts == [""]


@serial
def test_text_comes_out_as_the_chinese_that_was_sent(bench: Bench, tape: Tape) -> None:
    answers = bench.print(TICKET)
    until(lambda: answers == ["confirmed"])
    assert tape.texts == ["政务服务大厅\nA001\n前面 2 人"]
    assert tape.papers[0].getbbox() is not None


@serial
def test_text_carries_no_commands_and_no_question_marks(bench: Bench, tape: Tape) -> None:
    answers = bench.print(Page((Line("王\x1b@\x10\x04\x01\n镕?𠮷"),)))
    until(lambda: answers == ["confirmed"])
    assert tape.texts == ["王@镕?□"]


@serial
def test_real_time_commands_in_a_picture_reach_no_printer(bench: Bench, tape: Tape) -> None:
    dots = bytearray(picture(1).tobytes("raw", "1;I"))
    for at, trap in ((100, b"\x10\x04\x01"), (300, b"\x10\x05\x02"), (500, b"\x10\x14\x08")):
        dots[at : at + 3] = trap
    image = Image.frombytes("1", (576, 100), bytes(dots), "raw", "1;I")
    answers = bench.print(image)
    until(lambda: answers == ["confirmed"])
    job = tape.heard[tape.heard.index(b"\x1b@") : tape.heard.index(b"\x1d\x72\x01")]
    assert not any(trap in job for trap in (b"\x10\x04", b"\x10\x05", b"\x10\x14"))
    changed = ImageChops.logical_xor(tape.papers[0].crop((0, 0, 576, 100)), image)
    assert changed.histogram()[255] == 3  # a dot each


def test_one_bit_wrong_on_the_wire_is_one_dot_wrong_on_paper(tmp_path: Path) -> None:
    printer = Printer()
    wire = Wire(tmp_path / "printer", printer)
    wire.plug()
    wire.noise = 4000
    Link(wire.url, 921600).write(frame(Page((), picture(1)), cutter=True))
    until(lambda: printer.papers)
    wire.unplug()
    wrong = ImageChops.logical_xor(printer.papers[0].crop((0, 0, 576, 100)), picture(1))
    assert wrong.histogram()[255] == 1


@serial
def test_pages_come_out_in_order(bench: Bench, tape: Tape) -> None:
    answers = [bench.print(Page((Line(f"A00{n}"),))) for n in range(1, 6)]
    until(lambda: answers == [["confirmed"]] * 5)
    assert tape.texts == ["A001", "A002", "A003", "A004", "A005"]


@serial
def test_near_end_degrades_and_prints(bench: Bench) -> None:
    bench.turn("near_end", True)
    bench.health("degraded", "near_end")
    answers = bench.print(TICKET)
    until(lambda: answers == ["confirmed"])
    bench.turn("near_end", False)
    bench.health("up")


@serial
@pytest.mark.parametrize("fault", ["paper_out", "cover_open"])
def test_a_page_behind_a_fault_waits_and_prints_once(bench: Bench, tape: Tape, fault: str) -> None:
    bench.turn(fault, True)
    bench.health("down", fault)
    answers = bench.print(TICKET)
    until(lambda: answers == ["pending"])
    assert b"\x1b@" not in tape.heard
    bench.turn(fault, False)
    until(lambda: answers == ["pending", "confirmed"])
    bench.health("up")
    assert tape.printed == 1
    assert bench.said == [("up", ""), ("down", fault), ("up", "")]


@pytest.mark.parametrize(("fault", "at"), [("paper_out", 5), ("cover_open", 4000)])
def test_a_fence_answered_late_confirms(bench: Bench, tape: Tape, fault: str, at: int) -> None:
    tape.at, tape.act = at, lambda: setattr(tape, fault, True)
    first, second = bench.print(picture(1)), bench.print(picture(2))
    until(lambda: (first, second) == (["pending"], ["pending"]))
    assert same(tape.current, picture(1).crop((0, 0, 576, max(0, at - 10) // 72)))
    bench.turn(fault, False)
    until(lambda: first == second == ["pending", "confirmed"])
    assert [same(paper, picture(n)) for n, paper in enumerate(tape.papers, 1)] == [True, True]


@serial
def test_a_printer_switched_off_with_a_page_leaves_it_unconfirmed(bench: Bench, tape: Tape) -> None:
    tape.at, tape.act = 4000, lambda: setattr(tape, "paper_out", True)
    answers = bench.print(picture(1))
    until(lambda: answers == ["pending"])
    tape.power_cycle()
    bench.turn("paper_out", False)
    until(lambda: answers == ["pending", "unconfirmed"])
    assert tape.printed == 0
    following = bench.print(TICKET)
    until(lambda: following == ["confirmed"])
    assert tape.texts == ["政务服务大厅\nA001\n前面 2 人"]


@serial
@pytest.mark.parametrize(("knob", "code"), [("deaf", "silent"), ("garbled", "garbled")])
def test_a_page_that_nobody_answers_for_is_unconfirmed(
    bench: Bench, tape: Tape, knob: str, code: str
) -> None:
    tape.at, tape.act = 3000, lambda: setattr(tape, knob, True)
    answers = bench.print(picture(1))
    following = bench.print(TICKET)
    until(lambda: answers == ["unconfirmed"])
    bench.health("down", code)
    until(lambda: following == ["pending"])
    bench.turn(knob, False)
    until(lambda: following == ["pending", "confirmed"])
    assert sum(same(paper, picture(1)) for paper in tape.papers) == (knob == "garbled")
    assert tape.texts[-1].endswith("政务服务大厅\nA001\n前面 2 人")


def test_a_page_taken_while_the_cable_is_out_prints_when_it_is_back(bench: Bench, tape: Tape) -> None:
    bench.wire.unplug()
    answers = bench.print(picture(1))
    until(lambda: answers == ["pending"])
    bench.wire.plug()
    until(lambda: answers == ["pending", "confirmed"])
    assert [same(paper, picture(1)) for paper in tape.papers] == [True]


@pytest.mark.parametrize("at", [3000, 2 + 2 * 8 + 100 * 72 + 6])
def test_a_cable_out_during_a_page_leaves_it_unconfirmed_and_the_next_clean(
    bench: Bench, tape: Tape, at: int
) -> None:
    out = threading.Event()
    tape.at, tape.act = at, lambda: (setattr(tape, "deaf", True), out.set())
    answers, following = bench.print(picture(1)), bench.print(picture(2))
    assert out.wait(5.0)
    bench.wire.unplug()
    until(lambda: answers == ["unconfirmed"] and following == ["pending"])
    tape.deaf = False
    bench.wire.plug()
    until(lambda: following == ["pending", "confirmed"])
    assert same(tape.papers[-1], picture(2))
    assert sum(same(paper, picture(1)) for paper in tape.papers) == (at > 7000)


@serial
def test_a_cable_out_at_every_byte_is_printed_or_flagged_and_never_printed_twice(
    bench: Bench, tape: Tape
) -> None:
    for at in range(1, len(frame(TICKET, cutter=True)) + 1):
        out, before = threading.Event(), tape.printed
        tape.heard, tape.at = b"", at
        tape.act = lambda out=out: (setattr(tape, "deaf", True), out.set())  # type: ignore[misc]
        answers = bench.print(TICKET)
        assert out.wait(5.0), at
        bench.wire.unplug()
        until(lambda a=answers: a[-1:] in (["unconfirmed"], ["confirmed"]))  # type: ignore[misc]
        tape.deaf = False
        bench.wire.plug()
        until(lambda: bench.driver.wake() or bench.driver.health.state == "up")
        until(lambda: bench.driver.wake() or bench.driver.mend == b"")
        whole = [
            text
            for text in tape.texts[len(tape.texts) - (tape.printed - before) :]
            if text.endswith("前面 2 人")
        ]
        assert answers == ["unconfirmed"], at
        assert len(whole) <= 1, at


@serial
def test_the_late_answer_of_a_lost_page_does_not_confirm_the_next(bench: Bench, tape: Tape) -> None:
    tape.at, tape.act = 4000, lambda: setattr(tape, "paper_out", True)
    first = bench.print(picture(1))
    until(lambda: first == ["pending"])
    bench.wire.unplug()
    until(lambda: first == ["pending", "unconfirmed"])
    tape.heard = b""
    bench.wire.plug()
    until(lambda: b"\x1d\x72\x01" in tape.heard)
    tape.heard, tape.at = b"", 3000  # paper out once more, inside the second page
    second = bench.print(picture(2))
    bench.turn("paper_out", False)
    until(lambda: tape.current.height > 20 and tape.paper_out and second == ["pending"])
    tape.asked_again()
    assert second == ["pending"]
    bench.turn("paper_out", False)
    until(lambda: second == ["pending", "confirmed"])
    assert [same(tape.papers[n], picture(m)) for n, m in ((0, 1), (-1, 2))] == [True, True]


class Chatty(Tape):
    """Sends XON and, as if somebody had asked for it, ASB (devices.md §2.2) with every answer."""

    def feed(self, data: bytes) -> bytes:
        answer = super().feed(data)
        return answer and b"\x11\x10\x00\x00\x00" + answer + b"\x14\x00\x03\x00"


@serial
def test_bytes_that_nobody_asked_for_confirm_nothing(wired: Wired) -> None:
    tape = Chatty()
    bench = wired(tape)
    tape.at, tape.act = 4000, lambda: setattr(tape, "paper_out", True)
    answers = bench.print(picture(1))
    until(lambda: answers == ["pending"])
    tape.asked_again()
    assert answers == ["pending"]
    bench.turn("paper_out", False)
    until(lambda: answers == ["pending", "confirmed"])


class Fixed(Machine):
    """Answers DLE EOT 1 to 4 with these bytes, for ever."""

    def __init__(self, replies: str) -> None:
        self.replies = bytes.fromhex(replies)

    def feed(self, data: bytes) -> bytes:
        return bytes(self.replies[n[0] - 1] for n in re.findall(rb"\x10\x04(.)", data))


@serial
@pytest.mark.parametrize(
    ("replies", "code"),  # devices.md §2.1
    [
        ("1a12 1a12", "cutter"),
        ("1a52 5212", "overheated"),
        ("1a52 3212", "error"),
        ("1a12 1212", "offline"),
        ("1a32 127e", "paper_out"),
        ("1a16 1212", "cover_open"),
    ],
)
def test_every_fault_has_its_name(wired: Wired, replies: str, code: str) -> None:
    wired(Fixed(replies)).health("down", code)


@serial
def test_a_page_that_cannot_be_drawn_fails_and_the_next_prints(bench: Bench) -> None:
    first: list[str] = []
    bench.driver.print(lambda: Page((Line("1", scale=99),)), first.append)
    second = bench.print(TICKET)
    until(lambda: first == ["failed"])
    bench.driver.wake()
    until(lambda: second[-1:] == ["confirmed"])


@serial
def test_what_waits_when_the_hall_closes_fails(bench: Bench) -> None:
    bench.turn("paper_out", True)
    bench.health("down", "paper_out")
    answers = [bench.print(TICKET) for _ in range(51)]
    assert answers[50] == ["failed"]  # more than may wait
    until(lambda: all(heard == ["pending"] for heard in answers[:50]))
    bench.port.stop()
    assert answers[:50] == [["pending", "failed"]] * 50
    assert bench.print(TICKET) == ["failed"]


@serial
def test_a_page_inside_the_printer_when_the_hall_closes_is_unconfirmed(bench: Bench, tape: Tape) -> None:
    tape.at, tape.act = 4000, lambda: setattr(tape, "paper_out", True)
    answers = bench.print(picture(1))
    until(lambda: answers == ["pending"])
    bench.port.stop()
    assert answers == ["pending", "unconfirmed"]


@pytest.mark.parametrize(
    ("knob", "replies"),  # devices.md §2.1, §2.4: DLE EOT 1 to 4; GS r 1, silent in a fault
    [
        ("deaf", ""),
        ("paper_out", "1a32127e"),
        ("cover_open", "1a161212"),
        ("near_end", "1212121e03"),
        ("garbled", "4747474755"),
    ],
)
def test_every_knob_changes_the_bytes_on_the_wire(tmp_path: Path, knob: str, replies: str) -> None:
    printer = Printer()
    wire = Wire(tmp_path / "printer", printer)
    wire.plug()
    link = Link(wire.url, 921600)
    link.write(QUESTIONS + b"\x1d\x72\x01")
    assert link.read(5, 1.0) == bytes.fromhex("1212121200")
    setattr(printer, knob, True)
    link.write(QUESTIONS + b"\x1d\x72\x01")
    assert link.read(5, 0.1) == bytes.fromhex(replies)
    wire.unplug()


def test_the_machine_obeys_a_question_inside_a_picture_and_in_two_parts() -> None:
    printer = Printer()
    assert printer.feed(b"\x1d\x76\x30\x00\x48\x00\x01\x00\x55\x10\x04") == b""
    assert printer.feed(b"\x01" + bytes(68)) == b"\x12"
    assert printer.current.height == 1


def test_the_machine_prints_what_it_does_not_know_and_clips_what_is_too_wide() -> None:
    printer = Printer()
    printer.feed(b"\x1d\x28\x48\x06\x00\x30\x30ABCD\n")  # devices.md §2.4: GS ( H, which clones lack
    printer.feed(b"\x1d\x76\x30\x00\x50\x00\x01\x00" + b"\xff" * 80 + b"\x1d\x56\x42\x00")
    assert printer.texts == ["H00ABCD"]
    assert printer.papers[0].width == 576


def acked(path: Path, machine: Tape, ack: Literal["process_id", "none"]) -> tuple[Driver, Port, Wire]:
    wire = Wire(path, machine)
    driver = Driver("printer", mode="text", ack=ack, every=0.05, patience=0.4)
    port = Port(wire.url, 921600, [driver], 0.1)
    port.start()
    until(lambda: driver.health.state == "up")
    return driver, port, wire


def test_a_process_id_confirms_its_own_page_only(tmp_path: Path, tape: Tape) -> None:
    tape.process_ids = True
    driver, port, wire = acked(tmp_path / "p", tape, "process_id")
    first: list[str] = []
    second: list[str] = []
    driver.print(lambda: TICKET, first.append)
    until(lambda: first == ["confirmed"])
    # devices.md §2.4: GS ( H function 48 with four characters behind the page
    assert re.search(rb"\x1d\x28\x48\x06\x00\x30\x30[0-9]{4}", tape.heard)
    tape.paper_out = True
    driver.print(lambda: TICKET, second.append)
    until(lambda: driver.health.code == "paper_out")
    tape.paper_out = False
    until(lambda: second[-1:] == ["confirmed"])
    assert len(tape.texts) == 2
    port.stop()
    wire.unplug()


def test_a_foreign_process_id_confirms_nothing(tmp_path: Path) -> None:
    class Liar(Tape):
        def feed(self, data: bytes) -> bytes:
            return super().feed(data).replace(b"\x37\x22", b"\x37\x229999\x00\x37\x22X")

    liar = Liar()
    liar.process_ids = True
    driver, port, wire = acked(tmp_path / "p", liar, "process_id")
    answers: list[str] = []
    driver.print(lambda: TICKET, answers.append)
    until(lambda: answers)
    assert answers == ["unconfirmed"]
    port.stop()
    wire.unplug()


def test_a_printer_that_tells_nothing_prints_and_is_never_called_confirmed(tmp_path: Path) -> None:
    class Mute(Tape):
        def feed(self, data: bytes) -> bytes:
            super().feed(data)
            return b""

    mute = Mute()
    driver, port, wire = acked(tmp_path / "p", mute, "none")
    answers: list[str] = []
    for _ in range(3):
        driver.print(lambda: TICKET, answers.append)
    until(lambda: len(answers) == 3)
    until(lambda: len(mute.texts) == 3)
    assert answers == ["unconfirmed"] * 3
    assert b"\x10\x04" not in mute.heard, "no question is put to it"
    port.stop()
    wire.unplug()


@pytest.mark.parametrize(("baudrate", "mode"), [(9600, "text"), (115200, "raster")])
def test_a_slow_line_gets_text_and_a_fast_one_pictures(tmp_path: Path, baudrate: int, mode: str) -> None:
    wire = Wire(tmp_path / "p", Printer())
    driver = Driver("printer")
    port = Port(wire.url, baudrate, [driver], 0.1)
    port.start()
    until(lambda: driver.health.state == "up")
    assert driver.mode == mode
    port.stop()
    wire.unplug()


@pytest.mark.parametrize(("encoding", "pictures"), [("gbk", True), ("gb18030", False)])
def test_a_character_that_the_printer_lacks_is_a_picture_of_its_line(
    tmp_path: Path, tape: Tape, encoding: Literal["gbk", "gb18030"], pictures: bool
) -> None:
    tape.gb18030 = encoding == "gb18030"
    wire = Wire(tmp_path / "p", tape)
    driver = Driver("printer", mode="text", encoding=encoding, every=0.05)
    port = Port(wire.url, 921600, [driver], 0.1)
    port.start()
    answers: list[str] = []
    lines = (Line("服务大厅"), Line("㛃女士", 2), Line("A001", 3))  # devices.md §1.6: four bytes
    driver.print(lambda: ticket.page(lines, 576, driver.mode, driver.encoding), answers.append)
    until(lambda: answers == ["confirmed"])
    assert (b"\x1dv0" in tape.heard) == pictures
    assert tape.texts == ["服务大厅\nA001" if pictures else "服务大厅\n㛃女士\nA001"]
    if pictures:
        line = ticket.picture((lines[1],), 576)
        rows = [tape.papers[0].crop((0, y, 576, y + line.height)) for y in range(tape.papers[0].height)]
        assert any(row.tobytes() == line.tobytes() for row in rows), (
            "the picture is on the paper, dot for dot"
        )
    port.stop()
    wire.unplug()


def test_a_port_that_tells_its_status_only_notices_faults_and_confirms_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Mute(Tape):
        def feed(self, data: bytes) -> bytes:
            super().feed(data)
            return b""

    mute = Mute()
    bus = UsbBus(mute)
    monkeypatch.setattr(usb.backend.libusb1, "get_backend", lambda *_, **__: bus)
    driver = Driver("printer", ack="port_status", every=0.05)
    port = Port("usb://0416:5011", 9600, [driver], 0.1)
    port.start()
    until(lambda: driver.health.state == "up")
    mute.paper_out = True
    until(lambda: driver.health.code == "paper_out")
    answers: list[str] = []
    driver.print(lambda: TICKET, answers.append)
    until(lambda: answers == ["pending"])
    mute.paper_out = False
    until(lambda: answers == ["pending", "unconfirmed"])
    until(lambda: len(mute.texts) == 1)
    mute.cover_open = True
    until(lambda: driver.health.code == "error")
    assert b"\x10\x04" not in mute.heard, "no question is put to it"
    port.stop()


def test_a_wire_without_a_port_status_is_named(tmp_path: Path) -> None:
    wire, driver = Wire(tmp_path / "p", Printer()), Driver("printer", ack="port_status")
    port = Port(wire.url, 9600, [driver], 0.1)
    port.start()
    until(lambda: driver.health.code == "no_port_status")
    port.stop()
    wire.unplug()
