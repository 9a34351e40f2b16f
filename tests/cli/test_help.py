"""What ``--help`` of each verb says, and how it reads."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from robustill.cli import VERBS
from robustill.run import Run
from tests.small import command


def helped(verb: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert command(verb, "--help") == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = helped(verb, capsys)
    assert text.startswith(f"usage: robustill {verb} ")
    assert max(map(len, text.splitlines())) <= 80
    for ugly in ("type:", "<class", "Literal", "Union", "null)", "False)", "default: None", "Namespace", "\b", "shtab"):
        assert ugly not in text, ugly


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "list"])
def test_every_flag_says_what_it_is_for(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = re.sub(r"\s+", " ", helped(verb, capsys).partition("options:")[2])
    for name, said in re.findall(r"(--\w+)(?: [A-Z_]+| \{[\w,]+\})? (.*?)(?= -\w|$)", text):
        assert len(said) > 8 and said[0] in "abcdefghijklmnopqrstuvwxyzCPU1", (name, said)


def test_every_setting_of_a_run_is_a_flag_of_train(capsys: pytest.CaptureFixture[str]) -> None:
    text = helped("train", capsys)
    for field in fields(Run):
        assert f"  --{field.name} " in text, field.name


def test_defaults_are_shown_where_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    text = re.sub(r"\s+", " ", helped("train", capsys))
    for default in (
        "epochs N",
        "(default: 30)",
        "(default: PGDAT())",
        "(default: 0)",
        "(default: auto)",
        "must be given",
    ):
        assert default in text


def test_the_lists_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = helped("list", capsys)
    for name in ("methods", "attacks", "models", "data", "teachers", "recipes"):
        assert name in text
