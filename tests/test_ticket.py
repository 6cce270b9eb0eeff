"""The ticket on paper: every form through the real driver, and what the simulated printer drew of it."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import zxingcpp
from conftest import EXAMPLE, MONDAY, Hall
from PIL import Image
from wait import until

from controller.hall.commands import TakeTicket
from controller.hall.decide import decide
from controller.hall.events import Ticket
from controller.hall.state import State, evolve
from controller.runtime.clock import FakeClock
from controller.settings.reader import Mistakes, parse
from controller.settings.schema import ON_TICKET, Settings
from display.paper import ticket
from drivers.base.load import load
from drivers.base.paper import Line
from drivers.base.port import Port
from drivers.printer_escpos import Driver
from drivers.sim.printer import Printer
from drivers.sim.wire import Wire

DOTS = 8  # a millimetre
LINK = '\n[web]\nlink = "http://192.168.1.5:8080"\n'
RICH = (
    EXAMPLE.read_text().replace(
        "[service.A]\n", '[service.A]\nmaterials = ["身份证", "社保卡", "户口本", "一寸照片"]\n'
    )
    + LINK
)
TOLD = {"low": 900.0, "mid": 1200.0, "high": 1700.0}


def issued(plan: Settings, **more: bool) -> tuple[State, Ticket]:
    state, now = State(), FakeClock(MONDAY).now()
    for event in decide(plan, state, TakeTicket("A", "hall", actor="test", **more), now):
        state = evolve(state, event)
    return state, state.tickets["A001"]


def whole(large: bool) -> tuple[Line, ...]:
    """A ticket with everything on it."""
    plan = parse(RICH.encode(), load)
    state, mine = issued(plan, large=large)
    return ticket.lines(plan, state, mine, TOLD, "k" * 22)


def printed(content: tuple[Line, ...], width: int, mode: str, folder: Path) -> Printer:
    """What the machine made of `content`, sent by the real driver."""
    machine, answers = Printer(width), list[str]()
    wire = Wire(folder / f"p{width}{mode}", machine)
    driver = Driver("printer", width=width, mode=mode, every=0.05)  # type: ignore[arg-type]
    port = Port(wire.url, 921_600, [driver], 0.1)
    port.start()
    driver.print(lambda: ticket.page(content, width, mode, "gbk"), answers.append)
    until(lambda: answers == ["confirmed"])
    port.stop()
    wire.unplug()
    return machine


def codes(paper: Image.Image) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(paper.convert("L"))]


def tallest(paper: Image.Image) -> float:
    """Millimetres of the tallest run of rows with ink: the number."""
    best = run = 0
    for y in range(paper.height):
        dark = paper.crop((0, y, paper.width, y + 1)).getextrema() != (255, 255)
        run = run + 1 if dark else 0
        best = max(best, run)
    return best / DOTS


@pytest.fixture(params=[False, True], ids=["normal", "large"])
def large(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("width", [576, 384])
def test_every_form_comes_out_as_it_was_drawn_and_its_code_can_be_read(
    tmp_path: Path, width: int, large: bool
) -> None:
    content = whole(large)
    wanted = ticket.picture(content, width)
    paper = printed(content, width, "raster", tmp_path).papers[0]
    assert paper.crop((0, 0, *wanted.size)).tobytes() == wanted.tobytes(), "dot for dot"
    assert codes(paper) == ["http://192.168.1.5:8080/t/" + "k" * 22]
    # Without the QR code, whose rows have no gap, the number is what stands highest.
    figures = tallest(ticket.picture(tuple(line for line in content if not line.qr), width))
    assert figures >= {(576, False): 17, (384, False): 10.5, (576, True): 21, (384, True): 14}[width, large]


@pytest.mark.parametrize("width", [576, 384])
def test_a_slow_printers_text_is_as_wide_as_its_paper_and_has_the_code(
    tmp_path: Path, width: int, large: bool
) -> None:
    content = whole(large)
    rows = ticket.page(content, width, "text", "gbk").lines
    machine = printed(content, width, "text", tmp_path)
    assert codes(machine.papers[0]) == ["http://192.168.1.5:8080/t/" + "k" * 22]
    said = [row for row in rows if not row.qr]
    # The machine clips what is wider, so every character that came out is one that fitted.
    assert [row for row in machine.texts[0].split("\n") if row] == [row.text for row in said]
    for row in said:
        assert sum(12 if c.isascii() else 24 for c in row.text) * row.scale <= width, row
    assert "A001" in machine.texts[0]


@pytest.mark.parametrize("number", ["A001", "W888", "A1000", "AT01"])
@pytest.mark.parametrize("width", [576, 384])
def test_a_number_is_one_line_and_never_cut(number: str, width: int, large: bool) -> None:
    row = ticket.picture((Line(number, 4 + large),), width)
    ink = Image.eval(row.convert("L"), lambda dot: 255 - dot).getbbox()
    assert ink
    assert ink[0] > 0
    assert ink[2] < width
    rows = row.crop((0, ink[1], width, ink[3])).convert("L")
    assert all(rows.crop((0, y, width, y + 1)).getextrema()[0] == 0 for y in range(rows.height)), "one line"


def test_a_line_is_cut_between_words_and_behind_a_comma() -> None:
    content = (Line("社保 Social insurance", 3), Line("请备好：身份证、社保卡、户口本", 2))
    rows = ticket.page(content, 384, "text", "gbk").lines
    said = ["社保", "Social", "insurance", "请备好：身份证、", "社保卡、户口本"]
    assert [row.text for row in rows] == said


def test_it_names_the_first_three_materials_and_invents_none() -> None:
    plan = parse(RICH.encode(), load)
    state, mine = issued(plan)
    assert "请备好：身份证、社保卡、户口本…" in [line.text for line in ticket.lines(plan, state, mine)]
    bare = ticket.lines(plan, state, replace(mine, service="B"))
    assert not any("请备好" in line.text for line in bare)


def test_it_says_how_many_come_before_and_how_long_that_may_take(plan: Settings) -> None:
    state, mine = issued(plan)
    said = [line.text for line in ticket.lines(plan, state, mine, TOLD)]
    assert said[said.index("前面还有 0 人") + 1] == "估计等候：15～30分钟"
    assert not [line for line in ticket.lines(plan, state, mine) if "等候：" in line.text], "nobody knows"


def test_a_hall_without_an_address_for_phones_prints_no_code(plan: Settings) -> None:
    state, mine = issued(plan)
    content = ticket.lines(plan, state, mine, TOLD, "k" * 22)
    assert not any(line.qr or "扫码" in line.text for line in content)


def test_a_hall_can_change_the_layout(tmp_path: Path) -> None:
    own = '\n[ticket]\nlayout = """\n# ours\n4 {number}\n2 {mark}\n-1 欢迎来到{hall}\n1 {time}\n"""\n'
    plan = parse((RICH + own).encode(), load)
    state, mine = issued(plan)
    assert [line.text for line in ticket.lines(plan, state, mine)] == [
        "A001",
        "欢迎来到泷水塘社区为民服务中心",
        "取号时间 2026-11-23 08:00",
    ]
    large = ticket.lines(plan, state, replace(mine, large=True, prints=2))
    assert [line.text for line in large] == ["A001", "补打 第2份", "取号时间 2026-11-23 08:00"]


def test_every_name_that_a_layout_may_use_is_filled_in() -> None:
    own = "".join(f"1 {name}=[{{{name}}}]\n" for name in ON_TICKET)
    plan = parse(f'{RICH}\n[ticket]\nlayout = """\n{own}"""\n'.encode(), load)
    state, mine = issued(plan)
    lines = ticket.lines(plan, state, replace(mine, prints=2), TOLD, "k" * 22)
    said = "\n".join(line.text for line in lines)
    for name in ON_TICKET:
        assert re.search(rf"^{name}=\[[^\]]", said, re.M), name


@pytest.mark.parametrize("line", ["5 {number}", "{number}", "2 {nummer}", "1 {number.x}", "1 {", "qr{link}"])
def test_a_wrong_layout_is_named_by_its_line(line: str) -> None:
    own = f'\n[ticket]\nlayout = """\n4 {{number}}\n{line}\n"""\n'
    with pytest.raises(Mistakes) as wrong:
        parse((EXAMPLE.read_text() + own).encode(), load)
    (found,) = wrong.value.found
    assert (found.key, found.code, found.arguments["value"]) == ("ticket.layout", "layout", line)


def test_the_code_on_the_paper_opens_the_tickets_page_and_so_does_that_of_a_copy(
    start_hall: Callable[..., Hall],
) -> None:
    hall = start_hall(EXAMPLE.read_text() + LINK)
    hall.take("A")
    machine = hall.machine("printer")
    until(lambda: machine.printed == 1)
    hall.ask("tickets/A001/reprint")
    until(lambda: machine.printed == 2)
    for paper in machine.papers:
        (link,) = codes(paper)
        assert link.startswith("http://192.168.1.5:8080/t/")
        assert "A001" in hall.page(link.removeprefix("http://192.168.1.5:8080"))
    assert codes(machine.papers[0]) != codes(machine.papers[1])
