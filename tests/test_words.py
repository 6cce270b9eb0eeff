"""The catalogue: every sentence in both languages, nothing said without one."""

import ast
import re
import string
from collections.abc import Iterator

from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from display.voice import call, spell
from display.words.catalogue import Part, catalogue, fit, say

SOURCES = [
    p.read_text() for d in ("controller", "drivers", "display", "web") for p in (ROOT / d).rglob("*.py")
]
PAGES = [p.read_text() for p in (ROOT / "web" / "templates").glob("*.html")]


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_sentence_stands_in_both_languages_with_the_same_blanks() -> None:
    for code, texts in catalogue().items():
        assert set(texts) == {"zh", "en"}, code
        assert blanks(texts["zh"]) == blanks(texts["en"]), code


def test_every_code_that_the_program_uses_has_a_sentence() -> None:
    known = catalogue()
    used: set[str] = set()
    for group, pattern in (
        ("", r"say\(\s*\"(\w+\.\w+)\""),
        ("refused.", r"Refused\(\s*\"(\w+)\""),
        ("fault.", r"DeviceFault\(\s*\"(\w+)\""),
        ("fault.", r"report\(\"(?:down|degraded)\", \"(\w+)\""),
        ("check.", r"(?:self|draft)\.wrong\((?:path|place|\(.*?\)), \"(\w+)\""),
        ("start.", r"(?:CannotStart|NotYet)\(\s*\"(\w+)\""),
    ):
        found = {f"{group}{code}" for source in SOURCES + PAGES for code in re.findall(pattern, source)}
        assert found, f"the program has no {pattern} any more"
        used |= found
    families = {code for code in used if code.endswith("_")}  # "status.state_" ~ state
    assert "status.state_" in families
    missing = used - families - known.keys()
    assert missing == set()
    assert all(any(code.startswith(family) for code in known) for family in families)
    for state in ("starting", "up", "degraded", "down"):
        assert f"status.state_{state}" in known
    for answer in ("printing", "pending", "unconfirmed", "failed"):
        assert f"status.paper_{answer}" in known


GROUPS = {
    "Refused": "refused",
    "CannotStart": "start",
    "NotYet": "start",
    "CannotCopy": "status",
    "wrong": "check",
}


def refusals() -> Iterator[tuple[str, set[str]]]:
    """Every code that stands where the program says no, with the names of the arguments it brings."""
    for path in (file for room in ("controller", "web") for file in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
            if name not in GROUPS or any(word.arg is None for word in node.keywords):
                continue
            said = [one.value for one in node.args if isinstance(one, ast.Constant)]
            if said and isinstance(said[-1], str):
                yield f"{GROUPS[name]}.{said[-1]}", {str(word.arg) for word in node.keywords}


def test_whoever_says_no_brings_all_that_the_sentence_fills_in() -> None:
    found = list(refusals())
    assert len(found) > 90
    for code, brought in found:
        for lang, text in catalogue()[code].items():
            assert set(re.findall(r"{(\w+)", text)) <= brought, (code, lang)


class Unspeakable:
    """What no sentence can be filled in with."""

    def __format__(self, spec: str) -> str:
        raise OverflowError


def test_what_fails_while_speaking_is_said_as_its_code() -> None:
    for code, texts in catalogue().items():
        for lang, text in texts.items():
            for odd in (Unspeakable(), 1 << 20_000, Part("check.type", {}), ("a", 1)):
                said = say(code, lang, **dict.fromkeys(blanks(text), odd))
                assert said == code or not isinstance(odd, Unspeakable) or not blanks(text)
            assert say(code, lang) == (code if blanks(text) else text)


def test_a_sentence_within_a_sentence_is_in_its_language_and_a_pair_is_none() -> None:
    kind = Part("check.kind_list", {})
    assert say("check.type", "en", kind=kind, value=5) == "should be a list [ ], is 5"
    assert "('/dev/x', 1)" in say("check.double_place", "en", value=("/dev/x", 1), other="a")


def test_a_ticket_number_is_spelled_figure_by_figure() -> None:
    assert spell("A023") == "A零二三"
    assert call("B110", "12") == "请B一一零号，到12号窗口。请B一一零号，到12号窗口"
    assert call("B110", "12", "en") == "Number B 1 1 0, window 12. Number B 1 1 0, window 12"
    assert call("B110", "12", form="short") == "B一一零，到12号窗口"


@given(
    code=st.sampled_from([code for code in catalogue() if code.startswith("sign.")]),
    number=st.from_regex(r"[A-Z]([0-9]{3}|1[0-9]{3})|[A-Z]T[0-9]{2}", fullmatch=True),
    window=st.integers(1, 99).map(str),
    time=st.from_regex(r"(1?[0-9]|2[0-3]):[0-5][0-9]", fullmatch=True),
    width=st.integers(96, 160),
    lang=st.sampled_from(["zh", "en"]),
)
def test_every_text_fits_every_sign(
    code: str, number: str, window: str, time: str, width: int, lang: str
) -> None:
    room = width // 8
    text = fit(code, room, lang, ticket=number, window=window, time=time)
    assert sum(1 if c.isascii() else 2 for c in text) <= room
    for said in (number, window, time):  # what the sentence names stands there whole
        assert said in text or said not in say(code, lang, ticket=number, window=window, time=time)


def test_a_wide_sign_shows_the_long_form_and_a_narrow_one_a_short_one() -> None:
    told = {"ticket": "A023", "window": "3"}
    assert fit("sign.call", 16, **told) == "请A023到3号窗口"
    assert fit("sign.call", 12, **told) == "请A023到3号"
    assert fit("sign.call", 10, **told) == "A023 3号"


def test_every_knob_of_every_machine_has_its_word() -> None:
    knobs = set()
    for source in (path.read_text() for path in (ROOT / "drivers" / "sim").glob("*.py")):
        for line in re.findall(r"knobs(?:: tuple\[str, \.\.\.\])? = \((.*)\)", source):
            knobs |= set(re.findall(r'"(\w+)"', line))
    assert len(knobs) > 10
    assert {f"twin.knob_{knob}" for knob in knobs} <= catalogue().keys()


HANZI = r"[\u3400-\u9fff]"
# Said to nobody: what a probe of the voice is given; the class of an element; a word to the browser.
NOT_SAID = {"三", "keys digits", "use strict"}


def in_python(source: str) -> list[str]:
    """String literals with hanzi, but for docstrings and the two languages of --help."""
    tree, spared = ast.parse(source), set[ast.AST]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            spared.add(node.value)
        elif isinstance(node, ast.FunctionDef) and node.name == "main":
            spared.update(ast.walk(node))
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in spared]
    return [str(node.value) for node in texts if re.search(HANZI, str(node.value))]


def in_page(source: str) -> list[str]:
    """Words between tags, or in an attribute that people read, which no expression made."""
    literals = [
        text for code in re.findall(r"{[{%].*?[}%]}", source, re.S) for text in re.findall(HANZI, code)
    ]
    plain = re.sub(r"<!--.*?-->|{{.*?}}|{%.*?%}", "", source, flags=re.S)
    shown = re.findall(r">([^<]*)(?=<)", f">{plain}<")
    shown += re.findall(r'\s(?:title|alt|placeholder|aria-label)="([^"]*)"', plain)
    return literals + [text.strip() for text in shown if re.search(rf"[A-Za-z]{{2}}|{HANZI}", text)]


def in_script(source: str) -> list[str]:
    """String literals with hanzi, or with two English words."""
    token = r"/\*.*?\*/|//[^\n]*|(\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`)"
    texts = [text[1:-1] for text in re.findall(token, source, re.S) if text]
    return [text for text in texts if re.search(rf"{HANZI}|[A-Za-z]{{2}} +[A-Za-z]{{2}}", text)]


def files(folder: str, ending: str) -> list[str]:
    return [path.read_text() for path in sorted((ROOT / folder).glob(f"**/*{ending}"))]


def test_no_public_sentence_stands_outside_the_catalogue() -> None:
    found = [text for source in SOURCES for text in in_python(source)]
    found += [text for page in [*PAGES, *files("display/words/answers", ".txt")] for text in in_page(page)]
    found += [text for script in files("web/static", ".js") for text in in_script(script)]
    assert [text for text in found if text not in NOT_SAID] == []


def test_the_scan_finds_a_sentence_of_each_kind() -> None:
    assert in_python('"""文档"""\n# 注释\ntold = f"{number}号请进"') == ["号请进"]
    assert in_page('<p title="{{ say("a.b") }}">{{ say("a.b") }}</p>') == []
    assert in_page("<p>{{ code }} 请稍候</p><b>Please wait</b>") == ["请稍候", "Please wait"]
    assert in_page('<img alt="二维码"><p>{{ "好" if code else say("a.b") }}</p>') == ["好", "二维码"]
    assert in_script('// 注释 "不算"\nat("x").textContent = "请稍候" + `Please wait`') == [
        "请稍候",
        "Please wait",
    ]
    assert in_script('word("wait"); make("li", { className: "done" })') == []
