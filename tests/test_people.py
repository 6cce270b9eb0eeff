"""people.json: whatever stands in it, the hall starts, and a file that is none is set aside."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.journal.people import People, passcode

NONE = (
    *("null", "5", '"x"', "[]", "[" * 100_000, "", "{", "一", '{"clerks": []}'),
    *('{"technician": 5}', '{"clerks": {"1001": 5}}', '{"devices": {"a": null}}'),
    *('{"sessions": {"a": []}}', '{"sessions": 0}'),
)
KEYS = ["technician", "clerks", "devices", "sessions"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("text", NONE)
def test_a_file_of_people_that_is_none_is_set_aside(text: str, tmp_path: Path) -> None:
    (tmp_path / "people.json").write_text(text)
    people = People(tmp_path)
    assert people.clerks == []
    assert (tmp_path / "people.broken").read_text() == text
    assert people.is_clerk("1001", people.pin("1001")), "and a new one begins"


@settings(max_examples=40)
@given(kept=ANYTHING | st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, ANYTHING)))
def test_whatever_stands_in_it_everybody_is_asked_and_nobody_let_in(
    kept: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("people")
    (folder / "people.json").write_text(json.dumps(kept))
    people = People(folder)
    assert not people.is_technician("")
    assert not any(people.is_clerk(clerk, "000000") for clerk in people.clerks)
    assert all(isinstance(place, str) for place in people.devices.values())
    assert all(isinstance(session, dict) for session in people.sessions.values())


@pytest.mark.parametrize("code", [b"\xff\xfe", b"", b"5", b"$argon2id$", b"\0" * 100_000, None])
def test_a_damaged_one_time_code_opens_nothing_and_a_new_one_takes_its_place(
    code: bytes | None, tmp_path: Path
) -> None:
    people, file = People(tmp_path), tmp_path / "passcode"
    file.mkdir() if code is None else file.write_bytes(code)
    assert not people.is_code("12345678")
    assert not people.redeem("", "a passphrase of mine")
    if file.is_dir():
        file.rmdir()
    assert people.redeem(passcode(tmp_path), "a passphrase of mine")
    assert people.is_technician("a passphrase of mine")
