"""How messages speak."""

from __future__ import annotations

import pytest

from robustill.wording import brief, in_a_line, in_words, printable, unknown_setting


def test_types_in_words() -> None:
    assert in_words(int | None) == "a whole number or null"
    assert [in_words(kind) for kind in (list, dict, bool)] == ["a list", "keys with values", "true or false"]


def test_a_long_value_loses_its_middle_and_a_short_one_nothing() -> None:
    assert brief("8/255") == "'8/255'" and brief([0, 1]) == "[0, 1]" and brief(10**30) == "1" + "0" * 30
    assert len(brief("x" * 10_000)) <= 160 and "..." in brief("x" * 10_000)
    nested: list[object] = []
    nested.append(nested)
    assert brief(nested) == "[[[[...]]]]"
    wide: list[object] = ["x"]
    for _ in range(40):
        wide = [wide] * 40  # 40 to the 40th texts
    assert len(brief(wide)) < 1000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Öl, 数, δ", "Öl, 数, δ"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\udcff", r"a\udcff"),
        ("a\u202eb", r"a\u202eb"),
    ],
    ids=ascii,
)
def test_what_moves_a_cursor_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_message_is_one_line() -> None:
    assert in_a_line("first\n   second\tthird") == "first second third"
    assert in_a_line(f"a {'x' * 300} b") == f"a {'x' * 120}...{'x' * 20} b"


def test_the_nearest_name() -> None:
    assert unknown_setting("epoch", ["epochs", "seed"]) == "There is no setting 'epoch'. Did you mean 'epochs'?"
    assert unknown_setting("zzz", ["epochs", "seed"]) == "There is no setting 'zzz'. Known: epochs, seed."
