"""A hall's own sentences: `[words]` of hall.toml counts wherever people read or hear, and nowhere else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import EXAMPLE, Hall
from playwright.sync_api import Browser, expect
from test_cli import hallqueue
from wait import until

from controller.settings.reader import Mistakes, parse
from display.voice import spell
from display.words.catalogue import catalogue, say, written
from drivers.base.load import load

TEXT = EXAMPLE.read_text().replace("width = 576", 'width = 576\nmode = "text"')
OWN = (
    TEXT
    + """
[words]
"board.nobody" = { zh = "请先到导办台" }
"kiosk.choose" = { zh = "您想办什么？", en = "What is it today?" }
"ticket.windows" = { zh = "请到 {windows} 号窗口旁坐下" }
"sign.free" = { zh = "您好 {window}号" }
"voice.call" = { zh = "{spelled}号的朋友，{window}号窗口有请" }
"voice.letters" = { zh = "洞,幺" }
"status.take" = { en = "Paper?" }
"twin.voice" = { zh = "喇叭" }
"desk.missed" = { zh = "" }
"refused.nobody_waiting" = { zh = "歇一会儿吧" }
"""
)


def mistakes(own: str) -> list[tuple[int, str, str, dict[str, object]]]:
    """What is wrong with `own` below [words]; lines counted from there."""
    with pytest.raises(Mistakes) as found:
        parse(f"{TEXT}\n[words]\n{own}".encode(), load, written())
    before = TEXT.count("\n") + 2
    return [(m.line - before, m.key, m.code, dict(m.arguments)) for m in found.value.found]


def test_an_unknown_code_is_told_with_the_nearest_right_one() -> None:
    ((line, key, code, told),) = mistakes('"board.to" = { zh = "去" }\n"board.notise" = { zh = "x" }')
    assert (line, key, code) == (2, "words.board.notise", "unknown")
    assert told["nearest"] == "board.notice"


def test_a_code_without_quotes_is_told() -> None:
    assert ("words.board", "unknown") in [found[1:3] for found in mistakes('board.notice = { zh = "x" }')]


def test_a_language_that_there_is_not_is_told() -> None:
    ((line, key, code, told),) = mistakes('"board.to" = { ch = "去" }')
    assert (line, key, code, told["nearest"]) == (1, "words.board.to.ch", "unknown", "zh")


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        ("{tickets}到{window}", "{tickets}"),
        ("{ticket.__class__}", "{"),
        ("{ticket!r}", "{"),
        ("{}", "{}"),
        ("{0}", "{0}"),
        ("{{ticket}}", "{"),
        ("}", "}"),
    ],
)
def test_a_blank_that_the_sentence_does_not_fill_in_is_told_with_those_it_does(text: str, blank: str) -> None:
    found = mistakes(f'"sign.call" = {{ zh = "{text}" }}')
    assert ("words.sign.call.zh", "blank", blank) in [
        (key, code, told["value"]) for _, key, code, told in found
    ]
    assert {str(told["known"]) for *_, told in found} == {"{ticket} {window}"}


def test_check_says_it_in_plain_words(tmp_path: Path) -> None:
    file = tmp_path / "hall.toml"
    file.write_text(OWN + '"board.titel" = { zh = "叫号" }\n"board.title" = { zh = "{x}" }\n')
    done = hallqueue("check", file, lang="zh_CN.UTF-8")
    lines = file.read_text().splitlines()
    assert done.returncode == 2
    first, second = done.stdout.splitlines()
    assert first.startswith(
        f"{file}:{len(lines) - 1}: words.board.titel: “board.titel”这里不认识，是不是“board.title”"
    )
    assert second.startswith(f"{file}:{len(lines)}: words.board.title.zh: {{x}} 在这句话里没有")
    file.write_text(OWN + '"check.ok" = { zh = "没毛病" }\n')
    assert hallqueue("check", file, lang="zh_CN.UTF-8").stdout == "没毛病\n"


def test_a_halls_own_sentences_count_on_pages_paper_signs_and_by_voice(
    start_hall: Callable[..., Hall], browser: Browser
) -> None:
    hall = start_hall(OWN)
    page = browser.new_page()
    page.goto(f"{hall.url}/board")
    expect(page.locator("#nobody")).to_contain_text("请先到导办台")
    expect(page.locator("#nobody")).to_contain_text(written()["board.nobody"]["en"])
    page.goto(f"{hall.url}/kiosk")
    expect(page.locator("h2")).to_have_text("您想办什么？")
    page.click("#lang")
    expect(page.locator("h2")).to_have_text("What is it today?")
    page.goto(f"{hall.url}/twin")
    expect(page.locator("#hall")).to_contain_text("喇叭")
    page.goto(f"{hall.url}/?lang=en")
    expect(page.locator("#take h2")).to_have_text("Paper?")
    page.close()
    assert hall.ask("windows/3/sign-in", clerk="1003")["events"]
    until(lambda: hall.machine("sign3").text == "您好 3号")
    assert hall.refused("windows/3/call-next")["message"] == "歇一会儿吧"
    number = hall.take("A")
    until(lambda: hall.machine("printer").printed == 1)
    assert "号窗口旁坐下" in hall.machine("printer").texts[0]
    assert number == "A001"
    hall.call("3")
    until(lambda: "A洞洞幺号的朋友，3号窗口有请" in hall.machine("voice").spoken)


def test_the_next_hall_speaks_as_ever(start_hall: Callable[..., Hall]) -> None:
    own = start_hall(OWN)
    assert say("sign.free", window="3") == "您好 3号"
    own.stop()
    assert catalogue() == written()
    start_hall(folder="other")
    assert say("sign.free", window="3") == written()["sign.free"]["zh"].format(window="3")


def test_a_short_list_of_spoken_figures_leaves_the_others_as_they_are(
    start_hall: Callable[..., Hall],
) -> None:
    start_hall(OWN)
    assert spell("A012") == "A洞幺2"
