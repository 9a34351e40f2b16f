"""``robustill teacher check``: its table, its sentences and its exit status."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from robustill.models import save_model
from robustill.teachers import PRESETS
from robustill.teachers.presets import CIFAR10, RAW, Constants
from tests.small import command
from tests.teachers.blocks import CLEAN, TEXT, blocks, model, world
from tests.teachers.checkpoints import saved, tiny_preset


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return world(tmp_path_factory.mktemp("blocks") / "blocks.npz")


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A file with a preset, as it should be."""
    return published(monkeypatch, tmp_path, RAW)


def published(monkeypatch: pytest.MonkeyPatch, folder: Path, constants: Constants) -> str:
    preset = tiny_preset(architecture=TEXT, constants=constants, clean=100 * CLEAN, autoattack=55.0, pgd=60.0)
    monkeypatch.setitem(PRESETS, preset.key, preset)
    return f"file:{saved(folder / 'blocks.pt', blocks())}?preset={preset.key}"


def test_a_sound_teacher(teacher: str, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("teacher", "check", teacher, "--data", data, "--full") == 0
    said = capsys.readouterr()
    assert said.err == ""
    rows = {line[:20].strip(): re.split("  +", line[20:].strip()) for line in said.out.splitlines()}
    assert rows["clean"] == ["90.00 % (85.1 to 93.4)", "90.00 %"]
    assert rows["PGD-20"] == ["60.00 % (53.1 to 66.5)", "60.00 %"]
    assert rows["AutoAttack"] == ["55.00 %"]
    assert rows["remainder, noise"][1] == rows["remainder, attack"][1] == "at most 0.05"
    assert rows["images"] == [f"200 of {data}", "the preset cifar10/Tiny2024"]
    assert rows["network"] == [f"{TEXT}, 113 parameters"] and rows["pixels"] == ["taken as they are, in [0, 1]"]
    assert re.fullmatch(r"\S+ s a forward, \S+ s a step of an attack, batch 128", rows["time"][0])
    assert re.fullmatch(r"0\.0 MiB of weights, \d\.\d MiB kept for a backward", rows["memory"][0])
    assert said.out.endswith("\nAs expected.\n")


def test_something_wrong_is_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = published(monkeypatch, tmp_path, CIFAR10)
    assert command("teacher", "check", text, "--data", data, "--full") == 1
    said = capsys.readouterr().out
    assert re.search(r"\nWRONG: Clean accuracy is \S+ % \(.*; by the preset cifar10/Tiny2024 it is 90\.00%\.\n", said)
    assert "\nWRONG: With raw pixels (no mean, no std) clean accuracy would be 90.0%.\n" in said
    assert "As expected" not in said and "\n  pixels" not in said and "mean (0.4914, 0.4822, 0.4465)" in said


def test_of_an_unknown_teacher_there_is_a_note(tmp_path: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    save_model(tmp_path, model())
    assert command("teacher", "check", f"file:{tmp_path}", "--data", data, "--samples", "50", "--batch-size", "20") == 0
    said = capsys.readouterr().out
    assert f"note: Nothing is known of its accuracy on {data}" in said and said.endswith("\nNothing wrong was found.\n")
    assert f"50 of {data}" in said and "batch 20" in said


def test_the_shipped_teacher_is_as_expected(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("teacher", "check", "demo", "--data", "demo", "--samples", "40") == 0
    said = capsys.readouterr().out
    assert "As expected." in said and "88.15 %" in said and "its evaluation" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Missing: teacher"),
        (["chek", "demo"], "The action must be check, as in robustill teacher check demo --data demo. Found: 'chek'."),
        (["check"], "Missing: teacher"),
        (["check", "demo"], "Missing: .*data"),
        (["check", "demmo", "--data", "demo"], "A teacher is one of demo, .*Found: 'demmo'"),
        (["check", "demo", "--data", "demmo"], "A dataset must be one of"),
        (
            ["check", "demo", "--data", "demo", "--samples", "0"],
            "between 1 and all 2000 images of the split; asked for 0",
        ),
        (["check", "demo", "--data", "demo", "--budget", "Linf(8)"], r"Found: 8\. Did you mean Linf\(8/255\)\?"),
        (["check", "demo", "--data", "demo", "--batch_size", "0"], "batch_size must be at least 1. Found: 0."),
        (["check", "demo", "--data", "demo", "--device", "tpu"], "device must be auto, cpu or"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_exit_status_2(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("teacher", *words) == 2
    said = capsys.readouterr().err
    assert said.startswith("robustill teacher: error: ") and said.count("\n") == 1
    assert re.search(message, said), said
