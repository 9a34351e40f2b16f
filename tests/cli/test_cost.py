"""``robustill cost``: what it prints of ours and of the published code, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from robustill.cost import forward_macs
from robustill.models import create_model
from robustill.teachers import load_teacher
from tests.small import archive, command


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


class Said:
    """What the command prints, or the sentence with which it refuses."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: object) -> str:
        assert command("cost", *words) == 0
        return self.capsys.readouterr().out

    def refusing(self, *words: object) -> str:
        assert command("cost", *words) == 2
        return self.capsys.readouterr().err


def rows(text: str) -> list[list[str]]:
    """The cells of the table, by network and phase."""
    lines = [line for line in text.splitlines() if line.startswith((" attack, ", " outer step, "))]
    return [re.split("  +", line.strip())[1:] for line in lines]


@pytest.mark.parametrize(
    ("method", "table", "sums"),
    [
        (
            "RSLAD() + IGDM(alpha=10)",
            ["10 10 10 10", "1 0 1 0", "3 3_full 4 4_full", "2 0 3 0"],
            "57.2 student forwards, 69.6 in IGDM's code: -17.8 %.",
        ),
        (
            "AdaAD() + IGDM(alpha=70)",
            ["10 10 10 10", "10 10 10 10", "2 2_full 4 4_full", "2 0 4 0"],
            "232.8 student forwards, 257.6 in IGDM's code: -9.6 %.",
        ),
        (
            "PGDAT()",
            ["10 10 11 10_full", "0 0 0 0", "1 1_full 2 1_full", "0 0 0 0"],
            "23.0 student forwards, 35.0 in robust_overfitting: -34.3 %.",
        ),
        (
            "IAD2()",
            ["10 10 10 10", "0 0 0 0", "2 2_full 2 2_full", "1 0 2 0", "1 0 1 0"],
            "44.8 student forwards, 54.2 in the authors' code: -17.3 %.",
        ),
        (
            "RSLAD() + DirectGradient(alpha=1)",
            ["10 10", "1 1", "2 2_full_and_1_double", "0 0"],
            "47.8 student forwards. No published code of this method with these terms to compare with.",
        ),
    ],
)
def test_passes_and_their_sum(method: str, table: list[str], sums: str, said: Said) -> None:
    text = said(method)
    assert [[cell.replace(" ", "_") for cell in row] for row in rows(text)] == [row.split() for row in table]
    assert sums in text and text.startswith(method)


def test_what_the_published_code_makes_besides(said: Said) -> None:
    assert "What theirs makes besides: T(x) again, S(x + δ) beside S(x')." in said("RSLAD() + IGDM(alpha=10)")
    text = said("RSLAD()")
    assert "35.4 student forwards, 35.4 in the authors' code: +0.0 %." in text and "besides" not in text


def test_before_a_methods_beginning(said: Said) -> None:
    early, late = "32.4 student forwards, 45.8 in the authors' code", "44.8 student forwards, 48.8 in the authors' code"
    assert early in said("IAD()", "--progress", 0.3) and late in said("IAD()")


def test_another_attack_and_ratio(said: Said) -> None:
    attack = "PGD(budget=Linf(8/255), steps=2, step_size=2/255)"
    text = said("RSLAD()", "--attack", attack, "--teacher-ratio", 1)
    assert "11.0 student forwards" in text  # 2 + 2, 2 + 2·2 and one of the teacher
    assert "the teachers' passes 1 times as much" in text
    assert "The published code attacks with PGD: compare with" in said("RSLAD()", "--attack", "FGSM(budget=Linf(0.1))")


@pytest.mark.parametrize(("words", "size"), [([], 32), (["--data", "demo"], 28)], ids=["", "demo"])
def test_a_ratio_of_two_networks(words: list[str], size: int, said: Said) -> None:
    """ARD: 23 student passes and a teacher's. Both networks see images of the teacher's channels."""
    x = torch.zeros(1, 1, size, size)
    ratio = forward_macs(load_teacher("demo"), x) / forward_macs(create_model("small_cnn", 10, in_channels=1), x)
    text = said("ARD()", "--teacher", "demo", "--student", "small_cnn", *words)
    assert f"{23 + ratio:.1f} student forwards, {26 + ratio:.1f} in the authors' code" in text
    assert f"the teachers' passes {ratio:.3g} times as much" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--teacher", "demo"], "takes two networks, --teacher and --student. Found: --teacher alone."),
        (["--student", "resnet18", "--data", "demo"], "Found: --student and --data alone."),
        (["--teacher_ratio", "2", "--teacher", "demo"], "Found: both, --teacher too."),
        (["--teacher_ratio", "-1"], "must be a finite number of at least 0. Found: -1.0."),
        (["--progress", "0"], r"--progress must lie in \(0, 1\], 1 being the last epoch. Found: 0.0."),
        (["--progress", "1.5"], "Found: 1.5."),
        (["--teacher", "nobody", "--student", "resnet18"], "A teacher is one of demo,"),
        (["--teacher", "demo", "--student", "resnet"], "resnet"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_ratio_is_refused(words: list[str], message: str, said: Said) -> None:
    error = said.refusing("RSLAD()", *words)
    assert error.startswith("robustill cost: error: ") and error.count("\n") == 1
    assert re.search(message, error), error


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("RSLAD() + IGDM(alpha=-1)", "IGDM requires a finite alpha of at least 0. Found: -1."),
        ("RSLAD() + IGDM(alpha=1, beta=0, gamma=0)", "that are not both 0. Found: beta=0, gamma=0."),
        ("AdaAD(adversarial_weight=1.5)", r"an adversarial_weight .λ. in \[0, 1\] .* Found: adversarial_weight=1.5"),
        ("ARD(temperature=0)", "a positive temperature. Found: .*temperature=0."),
        ("IAD(begin=60)", r"IAD requires a begin in \[0, 1\), .* Found: 60, past the last epoch"),
        ("AdaIAD(begin=1)", "Found: 1, past the last epoch"),
        ("RSLAD(terms=(PGDAT(),))", r"Found: PGDAT\(\). A method has an attack of its own"),
    ],
)
def test_a_method_with_a_wrong_setting_is_refused(method: str, message: str, said: Said) -> None:
    error = said.refusing(method)
    assert re.search(message, error), error


def test_the_method_is_no_flag(said: Said) -> None:
    assert "method is given by itself, not as --method. Usage: " in said.refusing("--method", "RSLAD()")


def test_a_teacher_that_does_not_fit_the_data_is_refused(said: Said, tmp_path: Path) -> None:
    data = archive(tmp_path / "d.npz", classes=4)
    error = said.refusing("RSLAD()", "--teacher", "demo", "--student", "small_cnn", "--data", data)
    assert "Teacher and data must have the same classes" in error
