"""The protocol: that what is said of a run is true of it, and that saying it changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from robustill.attacks import PGD, Attack, Linf, Uniform
from robustill.component import Component, in_full
from robustill.expression import parse
from robustill.methods.rslad import RSLAD
from robustill.models import count_parameters
from robustill.objectives import IGDM, Method
from robustill.prepare import prepare
from robustill.profile import profile
from robustill.protocol import protocol
from robustill.setting import Setting
from robustill.train import train
from robustill.training import EMA, SGD, MultiStep
from tests.small import archive, assert_same, small_run, tensors


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return archive(tmp_path_factory.mktemp("data") / "d.npz")


@pytest.fixture(scope="module")
def teacher(data: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    run = small_run(data, student="SmallCNN(width=4)", epochs=1)
    return f"run:{train(run, tmp_path_factory.mktemp('teacher')).path}"


def told(setting: Setting) -> dict[str, str]:
    rows = protocol(setting)
    assert len(dict(rows)) == len(rows) and all(text for _, text in rows)
    return dict(rows)


def test_a_run_without_a_teacher(data: str) -> None:
    setting = prepare(small_run(data, epochs=3))
    rows = told(setting)
    assert "teacher" not in rows
    assert rows["data"].endswith("160 training, 40 validation and 40 test images, 4 classes, 1x8x8, pixels in [0, 1]")
    assert f"SmallCNN(width=2), {count_parameters(setting.student)} parameters" in rows["student"]
    assert "takes raw pixels" in rows["student"]
    assert rows["attack"].startswith("PGD(budget=Linf(8/255), steps=2, step_size=4/255), from Uniform(clip=True)")
    assert rows["attack"].endswith("student in eval mode")
    assert rows["BatchNorm"].endswith("in the order x'")
    assert rows["length"] == "3 epochs of 4 steps, batch 48"
    assert "PGD(budget=Linf(8/255), steps=10, step_size=2/255) on 40 held-out training images" in rows["selection"]
    assert rows["precision"].startswith("float32 on cpu, CPU threads: 1")
    # 2 steps of forward and backward to the input, one forward and one full backward
    assert rows["cost"] == "7.0 student forwards an image and step"
    assert rows["seed"] == "0"


def test_a_distillation(data: str, teacher: str) -> None:
    setting = prepare(small_run(data, method="RSLAD() + IGDM(alpha=10)", teacher=teacher, average="EMA(decay=0.9)"))
    rows = told(setting)
    assert setting.teacher is not None
    assert rows["teacher"].startswith(f"{teacher}: SmallCNN(width=4), {count_parameters(setting.teacher):,} parameters")
    assert "RSLAD(" in rows["method"] and "IGDM(" in rows["method"] and "scale=0.1" in rows["method"]
    assert rows["BatchNorm"].endswith("in the order x', x, x-1δ")
    assert "weight average: EMA(decay=0.9)" in rows["optimizer"] and "momentum=0.9" in rows["optimizer"]
    ratio = setting.teacher_ratio
    assert ratio > 2
    # student: 2 + 2 in the attack, 3 and 2·3 in the outer step; teacher: T(x) for the attack, 2 more after it
    assert (
        rows["cost"]
        == f"{13 + 3 * ratio:.1f} student forwards an image and step, a teacher's forward counting {ratio:.1f}"
    )


def test_training_on_images_as_they_are(data: str) -> None:
    assert told(prepare(small_run(data, attack="Clean()")))["attack"] == "none: the images stay as they are"


@pytest.mark.parametrize(
    "attack", ["FGSM(budget=L2(1))", "VMIFGSM(budget=L2(1))", "PGD(budget=L2(1), step_size=1, start=Zero())"]
)
def test_an_attack_from_the_image_itself(attack: str, data: str) -> None:
    assert ", from the image itself, student in" in told(prepare(small_run(data, attack=attack)))["attack"]


def test_a_schedule_for_a_longer_run_is_warned_of(data: str) -> None:
    warning = "WARNING: made for a longer run than epochs=3: the learning rate never falls"
    for schedule, late in (
        ("MultiStep(milestones=(3, 5))", True),
        ("MultiStep(milestones=(2, 5))", False),
        ("Cosine(warmup=4)", True),
        ("OneCycle()", False),
    ):
        rows = told(prepare(small_run(data, epochs=3, schedule=schedule)))
        assert (warning in rows["optimizer"]) == late, schedule


def test_nothing_held_out(data: str) -> None:
    rows = told(prepare(small_run(data, validation=0)))
    assert rows["selection"] == "the last epoch; nothing is held out"
    assert "200 training, 0 validation" in rows["data"]


def test_normalisation_is_told(data: str) -> None:
    setting = prepare(small_run(data, normalize=True))
    mean, std = setting.dataset.channel_statistics()
    assert f"normalises inside (mean {mean}, std {std})" in told(setting)["student"]


def test_a_method_with_its_own_order_of_forwards(data: str, teacher: str) -> None:
    method = "AdaAD(bn_parity=(1, 0, -1, 1)) + IGDM(alpha=70)"
    rows = told(prepare(small_run(data, method=method, teacher=teacher)))
    assert rows["BatchNorm"].endswith("in the order x', x, x-1δ, x'")


def test_telling_and_timing_change_nothing(data: str, teacher: str) -> None:
    setting = prepare(small_run(data, method="RSLAD()", teacher=teacher))
    assert setting.teacher is not None
    before = (tensors(setting.student), tensors(setting.teacher), torch.get_rng_state())
    protocol(setting)
    assert profile(setting).step > 0
    assert_same((tensors(setting.student), tensors(setting.teacher), torch.get_rng_state()), before)
    assert all(parameter.grad is None for parameter in setting.student.parameters())


COMPONENTS: list[tuple[Component, type[Any], str]] = [
    (PGD(budget=Linf(8 / 255), step_size=2 / 255), Attack, "PGD(budget=Linf(8/255), steps=10, step_size=2/255)"),
    (
        PGD(budget=Linf(0.5), steps=1, step_size=0.1, start=Uniform(clip=False)),
        Attack,
        "PGD(budget=Linf(0.5), steps=1, step_size=0.1, start=Uniform(clip=False))",
    ),
    (SGD(), SGD, "SGD(lr=0.1, momentum=0.9, weight_decay=0.0005, nesterov=False)"),
    (MultiStep(milestones=(3,)), MultiStep, "MultiStep(milestones=(3,), factor=0.1)"),
    (EMA(), EMA, "EMA(decay=0.999)"),
]


@pytest.mark.parametrize(("component", "kind", "text"), COMPONENTS, ids=lambda value: repr(value))
def test_in_full_every_field_is_said(component: Component, kind: type[Any], text: str) -> None:
    assert in_full(component) == text
    assert parse(text, kind) == component


def test_in_full_a_method_parses_to_itself() -> None:
    assert parse(in_full(RSLAD()), Method) == RSLAD()
    assert "alpha=10" in in_full(IGDM(alpha=10)) and "ramp=Linear()" in in_full(IGDM(alpha=10))


def test_a_teacher_that_is_not_locally_linear_is_warned_of(
    data: str, teacher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = prepare(small_run(data, method="RSLAD() + IGDM(alpha=10)", teacher=teacher))
    measured = "robustill.teachers.probe.remainder_proportion"
    monkeypatch.setattr(measured, lambda model, x, epsilon: torch.full((len(x),), 0.02))
    assert told(setting)["linearity"].startswith("the teacher's remainder is 0.020 under uniform noise and 0.020 along")
    monkeypatch.setattr(measured, lambda model, x, epsilon: torch.full((len(x),), 0.3))
    warning = told(setting)["linearity"]
    assert warning.startswith("WARNING: ") and "0.300" in warning and warning.endswith("IGDM is likely to hurt")


def test_without_igdm_nothing_is_said_of_linearity(data: str, teacher: str) -> None:
    assert "linearity" not in told(prepare(small_run(data, method="RSLAD()", teacher=teacher)))
