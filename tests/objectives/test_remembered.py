"""Teachers whose logits of clean images are kept: the same numbers with fewer passes, and nothing for other images."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from robustill.attacks import PGD, Linf
from robustill.cost import cost
from robustill.methods import IAD, PGDAT, RSLAD, AdaAD
from robustill.objectives import IGDM, Method, Remembered
from robustill.prepare import prepare
from robustill.results import RunDirectory
from robustill.train import resume, train
from robustill.training.checkpoint import states
from robustill.training.step import descend
from tests.devices import DEVICES
from tests.networks import Counting, conv_net, frozen_teacher, images, labels
from tests.small import archive, assert_same, command, flags, small_run

ATTACK = PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255)
X, Y = images(8, 3, 6, 6), labels(8, 10)


def teacher() -> nn.Module:
    return frozen_teacher(conv_net(seed=1, scale=5))


@pytest.mark.parametrize("device", DEVICES)
def test_images_are_known_wherever_they_stand(device: str) -> None:
    network = teacher().to(device)
    x = X.to(device)
    remembered = Remembered(network, [x[:3], x[3:], x[2:4]])
    order = torch.tensor([5, 0, 7, 7, 2], device=device)
    torch.testing.assert_close(remembered.recall(x[order]), network(x)[order])
    torch.testing.assert_close(remembered(x + 0.01), network(x + 0.01))
    assert not remembered.training


def test_an_image_that_is_hardly_another_one_is_not_known() -> None:
    remembered = Remembered(teacher(), [X])
    other = X.clone()
    other[0, 0, 0, 0] = torch.nextafter(other[0, 0, 0, 0], torch.tensor(2.0))
    other[1] = other[1].flip(2)
    other[2] = X[2, [1, 0, 2]]
    assert remembered.recall(other).isnan().all(1).tolist() == [True] * 3 + [False] * 5


@pytest.mark.parametrize(
    ("method", "saved"),
    [(RSLAD(), 1), (RSLAD() + IGDM(alpha=10), 1), (AdaAD(adversarial_weight=0.5), 1), (IAD(), 1), (PGDAT(), 0)],
    ids=repr,
)
def test_the_step_is_the_same_without_the_passes(method: Method, saved: int) -> None:
    gradients, passes = [], []
    for keeps in (False, True):
        student, counting = conv_net(), Counting(teacher(), len(X))
        asked = Remembered(counting, [X]) if keeps else counting
        counting.images = 0
        noise = torch.Generator().manual_seed(0)
        descend(student, asked, X, Y, method=method, attack=ATTACK, generator=noise)
        gradients.append(torch.cat([p.grad.flatten() for p in student.parameters() if p.grad is not None]))
        passes.append(int(counting.forwards))  # a part of an image more is that which folding looks at
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-7)
    assert passes[0] - passes[1] == saved
    counted = [cost(method, ATTACK, remembered=keeps) for keeps in (False, True)]
    teachers = [(one.inner_teacher + one.outer_teacher).forwards for one in counted]
    assert teachers == passes
    assert counted[0].inner_student == counted[1].inner_student


# Whole runs


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return archive(tmp_path_factory.mktemp("data") / "d.npz")


@pytest.fixture(scope="module")
def taught(data: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    guide = train(small_run(data, epochs=1), tmp_path_factory.mktemp("teacher"))
    return {"teacher": f"run:{guide.path}", "method": "RSLAD() + IGDM(alpha=1)", "augmentation": "NoAugmentation()"}


def test_a_run_learns_the_same(data: str, taught: dict[str, str], tmp_path: Path) -> None:
    runs = {
        keeps: train(small_run(data, **taught, remember_teacher=keeps), tmp_path / str(keeps))
        for keeps in (True, False)
    }
    with_it, without = (run.metrics() for run in runs.values())
    for one, other in zip(with_it, without, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-3)
    assert "its logits of clean images computed once" in dict(runs[True].protocol())["teacher"]
    assert "computed once" not in dict(runs[False].protocol())["teacher"]
    units = [prepare(small_run(data, **taught, remember_teacher=keeps)).units for keeps in (True, False)]
    assert units[1] - units[0] == pytest.approx(1)  # the teacher is as large as the student


def test_a_run_resumes_and_draws_extra_images(data: str, taught: dict[str, str], tmp_path: Path) -> None:
    extra = np.random.default_rng(1)
    np.savez(tmp_path / "more.npz", image=extra.integers(0, 256, (30, 8, 8), dtype=np.uint8), label=np.arange(30) % 4)
    settings = {**taught, "remember_teacher": True, "extra": f"npz:{tmp_path / 'more.npz'}", "extra_ratio": 0.25}
    whole = train(small_run(data, **settings), tmp_path / "whole")
    assert all(row["loss"] == row["loss"] for row in whole.metrics())
    cut = shutil.copytree(whole.path, tmp_path / "cut")
    states(RunDirectory(cut).checkpoints)[0].unlink()
    again = resume(cut)
    last = "checkpoints/last/model.safetensors"
    assert (again.path / last).read_bytes() == (whole.path / last).read_bytes()
    assert_same(again.metrics(), whole.metrics())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"augmentation": "CropFlip(padding=1)"},
            "remember_teacher needs images that are the same in every epoch. Found",
        ),
        ({"method": "PGDAT()"}, "remember_teacher needs a method that asks its teacher for clean images. Found: PGDAT"),
    ],
)
def test_where_nothing_can_be_remembered_it_is_refused(
    changes: dict[str, str], message: str, data: str, taught: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("train", *flags(data, **(taught | {"remember_teacher": "true"} | changes))) == 2
    assert message in " ".join(capsys.readouterr().err.split())
