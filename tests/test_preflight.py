"""The look at the teachers before a run: what it says of sound ones, of which it warns, and that it refuses none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from robustill.data import in_order
from robustill.models import save_model
from robustill.preflight import preflight
from robustill.prepare import prepare
from robustill.results import Accuracy, RunDirectory
from robustill.setting import Setting
from robustill.teachers.presets import CIFAR10
from tests.small import small_run
from tests.teachers.blocks import model, world
from tests.teachers.test_check import evaluation


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return world(tmp_path_factory.mktemp("blocks") / "blocks.npz")


def setting(data: str, folder: Path, **changes: str) -> Setting:
    """Of a run whose teacher lies in a folder."""
    return prepare(small_run(data, **{"method": "RSLAD()", "teacher": f"file:{folder}", **changes}))


def right(prepared: Setting) -> str:
    """The share of the sample that the teacher of a setting classifies correctly, as it is written."""
    assert prepared.teacher is not None
    x, y = next(in_order(prepared.batches.split.stratified(256, 0), 256))
    return f"{100 * float((prepared.teacher(x).argmax(1) == y).double().mean()):.1f} % ("


def known(folder: Path, data: str, clean: float) -> None:
    """Writes an evaluation beside a teacher."""
    found = Accuracy(adversary="Clean()", n=1000, correct=int(1000 * clean))
    RunDirectory(folder).save_evaluation("model", evaluation(data, clean=found))


def test_without_a_teacher_nothing_is_said(data: str) -> None:
    assert preflight(prepare(small_run(data))) == []


def test_a_sound_teacher(data: str, tmp_path: Path) -> None:
    save_model(tmp_path, model())
    known(tmp_path, data, 0.9)
    prepared = setting(data, tmp_path)
    ((label, text),) = preflight(prepared)
    assert label == "preflight"
    assert text.startswith(f"Of 256 training images the teacher classifies {right(prepared)}")
    found = re.search(r"and of 64 under PGD\(budget=Linf\(8/255\), steps=10, step_size=2/255\) (\S+) %", text)
    assert found and 50 < float(found[1]) < 70


def test_igdm_wants_to_know_whether_it_is_linear(data: str, tmp_path: Path) -> None:
    save_model(tmp_path, model())
    rows = dict(preflight(setting(data, tmp_path, method="RSLAD() + IGDM(alpha=1)")))
    assert rows.keys() == {"preflight", "linearity"}
    assert rows["linearity"].startswith("the teacher's remainder is 0.00") and rows["linearity"].endswith(", 64 images")


def test_less_than_is_known_is_a_warning(data: str, tmp_path: Path) -> None:
    save_model(tmp_path, model(CIFAR10))  # without the normalisation that it wants
    known(tmp_path, data, 0.9)
    ((_, text),) = preflight(setting(data, tmp_path))
    advice = f"See robustill teacher check file:{tmp_path} --data {data}. Of 256 training images"
    assert text.startswith("WARNING: ") and f"By its evaluation it is 90.0% of the test images. {advice}" in text


def test_more_than_is_known_is_none(data: str, tmp_path: Path) -> None:
    save_model(tmp_path, model())
    known(tmp_path, data, 0.7)
    ((_, text),) = preflight(setting(data, tmp_path))
    assert "WARNING" not in text


def test_no_better_than_chance_is_a_warning_and_no_refusal(data: str, tmp_path: Path) -> None:
    dull = model()
    torch.nn.init.ones_(dull.get_parameter("net.linear.weight"))
    save_model(tmp_path, dull)
    prepared = setting(data, tmp_path)
    ((_, text),) = preflight(prepared)
    assert text.startswith(f"WARNING: Clean accuracy is {right(prepared)}")
    assert "), no better than chance (10.0%). See robustill teacher check file:" in text


def test_a_second_teacher_has_a_row_of_its_own(data: str, tmp_path: Path) -> None:
    save_model(tmp_path, model())
    prepared = setting(data, tmp_path, method="IAD2()", natural_teacher=f"file:{tmp_path}")
    rows = preflight(prepared)
    assert [label for label, _ in rows] == ["preflight", "its preflight"]
    assert rows[1][1].startswith(f"Of 256 training images the second teacher classifies {right(prepared)}")
