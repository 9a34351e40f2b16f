"""``torch.compile``: the same numbers from compiled networks, and a sentence where there is no compiler."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import fx, nn

from robustill.attacks import PGD, Linf
from robustill.folding import folded
from robustill.methods.rslad import RSLAD
from robustill.objectives import IGDM
from robustill.prepare import prepare
from robustill.protocol import protocol
from robustill.training import fit
from robustill.training.compilation import Compiled
from robustill.training.step import Descent
from tests.networks import conv_net, frozen_teacher, images
from tests.small import archive, small_run
from tests.training.noise import Noise


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of batches for which graphs are made: by the compiler's front end, generated code takes a minute."""
    sizes: list[int] = []

    def backend(graph: fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        sizes.extend(one.shape[0] for one in inputs if one.shape[1:] == (3, 8, 8))
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    return sizes


def test_compiled_networks_learn_the_same_and_answer_as_they_are_elsewhere(graphs: list[int]) -> None:
    attack, method = PGD(budget=Linf(8 / 255), step_size=4 / 255, steps=2), RSLAD() + IGDM(alpha=10)
    batches, losses = Noise(sizes=(16, 16, 8), side=8), []
    for compiled in (False, True):
        student, teacher = conv_net(), frozen_teacher(conv_net(seed=1))
        for epoch in fit(student, teacher, batches, method=method, attack=attack, epochs=2, compile=compiled):
            losses.append(epoch.loss)
            made = len(graphs)
            student(images(5, 3, 8, 8)), teacher(images(5, 3, 8, 8))
            assert len(graphs) == made
        assert bool(graphs) == compiled
    assert losses[2:] == pytest.approx(losses[:2], rel=1e-4)
    # each once: the student in the attack and in the outer step; the teacher of x, and of x + δ and x - δ together
    assert sorted(graphs) == sorted([16, 8, 16, 8, 16, 8, 32])


@pytest.mark.usefixtures("graphs")
def test_a_run_has_its_networks_compiled_and_says_so(tmp_path: Path) -> None:
    setting = prepare(small_run(archive(tmp_path / "data.npz"), compile=True))
    assert setting.run.compile and setting.fit_options["compile"]
    assert dict(protocol(setting))["precision"].endswith("; networks compiled")


def test_without_a_compiler_the_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no C++ compiler found\nmore")

    monkeypatch.setattr(torch, "compile", fail)
    setting = prepare(small_run(archive(tmp_path / "data.npz"), compile=True))
    assert not setting.run.compile
    assert dict(protocol(setting))["precision"].endswith(
        "; not compiled: PyTorch's compiler does not work here (RuntimeError: no C++ compiler found)"
    )


@pytest.mark.usefixtures("graphs")
def test_what_is_compiled_is_not_folded() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 2)).eval()
    x, weight = torch.rand(2, 3, 8, 8), network[0].weight

    def is_folded() -> bool:
        with folded([network], x):
            return network[0].weight is not weight

    def descend() -> Descent:
        return Descent(torch.tensor(float(is_folded())), (), len(x))

    assert is_folded()
    assert Compiled(descend, [network])().loss == 0
    assert is_folded()
    network.compile()
    assert not is_folded()
    assert Compiled(descend, [network])().loss == 0
    assert not is_folded()  # what was compiled before is so again
