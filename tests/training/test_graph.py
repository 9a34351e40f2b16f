"""Steps recorded as CUDA graphs: the numbers are those of steps that are not, and what cannot be recorded goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, nn

from robustill.attacks import PGD, Linf
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.methods.trades import TRADES
from robustill.objectives import IGDM, Line, Method, Objective
from robustill.prepare import prepare
from robustill.team import ALONE, Team
from robustill.training import AWP, EMA, SGD, Cosine, Epoch, State, fit
from robustill.training.checkpoint import read_state, save_state
from robustill.training.fit import STRETCH
from robustill.training.graph import Recorded, recordable
from robustill.training.step import Descent
from robustill.types import Images, Labels, PerSample
from tests.devices import on_gpu
from tests.networks import conv_net, frozen_teacher, images, labels
from tests.small import archive, assert_same, small_run
from tests.training.attacking import METHODS
from tests.training.noise import Noise

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
EPOCHS, STEPS = 3, 5
BATCHES = Noise(sizes=(16,) * (STEPS - 1) + (8,), side=8, device="cuda")


@pytest.fixture(autouse=True)
def _repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


def epochs_of(method: Method, *, dropout: float = 0.0, **choices: Any) -> Iterator[Epoch]:
    student = conv_net()
    if dropout:
        student.body.append(nn.Dropout(dropout))
    teacher, natural = (frozen_teacher(conv_net(seed=seed, scale=5)).to(CUDA) for seed in (1, 2))
    attack = PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255)
    options: dict[str, Any] = {"schedule": Cosine(), "optimizer": SGD(lr=0.02), "natural_teacher": natural} | choices
    return fit(student.to(CUDA), teacher, BATCHES, method=method, attack=attack, epochs=EPOCHS, **options)


def assert_recorded_like(method: Method, **choices: Any) -> None:
    """Weights, optimizer and losses of every epoch are, in every bit, those of a run that records nothing."""
    runs = [epochs_of(method, cuda_graphs=recorded, **choices) for recorded in (True, False)]
    for with_graphs, without in zip(*runs, strict=True):
        assert with_graphs.loss == without.loss
        assert_same(with_graphs.state.state_dict(), without.state.state_dict())


class TestOnAGPU:
    pytestmark = on_gpu

    @pytest.mark.parametrize("method", [*METHODS, *(method + IGDM(alpha=10) for method in METHODS)], ids=repr)
    def test_every_method_is_recorded_and_learns_the_same(self, method: Method) -> None:
        assert_recorded_like(method)

    @pytest.mark.parametrize(
        "choices",
        [
            {"precision": "bfloat16"},
            {"average": EMA(decay=0.9), "perturbation": AWP(gamma=0.05, begin=0.4)},
            {"clip": 0.5, "label_smoothing": 0.1},
            {"dropout": 0.5},
        ],
        ids=repr,
    )
    def test_whatever_is_around_it(self, choices: dict[str, Any]) -> None:
        assert_recorded_like(TRADES() + IGDM(alpha=10), **choices)

    def test_a_run_resumes_in_the_middle_of_what_is_recorded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(STRETCH, "cuda", 3)

        def keep(state: State) -> None:
            if (state.epoch, state.step) == (1, 3):
                save_state(tmp_path, state.state_dict(), 1, 3)

        method = RSLAD() + IGDM(alpha=10)
        *_, whole = epochs_of(method, between=keep)
        *_, resumed = epochs_of(method, resume=read_state(tmp_path, ())[0])
        assert_same(resumed.state.state_dict(), whole.state.state_dict())

    def test_a_step_that_waits_for_the_gpu_is_made_as_it_is(self) -> None:
        method = PGDAT() + Waiting()
        with pytest.warns(RuntimeWarning, match="Training steps are not recorded as a CUDA graph") as warned:
            *_, last = epochs_of(method)
        assert len(warned) == 1
        *_, other = epochs_of(method, cuda_graphs=False)
        assert_same(last.state.state_dict(), other.state.state_dict())
        assert_recorded_like(PGDAT())  # what failed has left nothing behind

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's compiler about itself
    def test_networks_that_are_compiled(self) -> None:
        *_, plain = epochs_of(TRADES() + IGDM(alpha=10))
        *_, compiled = epochs_of(TRADES() + IGDM(alpha=10), compile=True)
        assert compiled.loss == pytest.approx(plain.loss, rel=0.01)

    def test_steps_that_are_not_finite_are_skipped_as_ever(self) -> None:
        method = PGDAT() + Breaking()
        assert_recorded_like(method, skip_nonfinite=EPOCHS * STEPS)
        assert sum(epoch.skipped for epoch in epochs_of(method, skip_nonfinite=EPOCHS * STEPS)) == EPOCHS


class Waiting(Objective):
    """Adds what Python has to know first."""

    def __call__(self, line: Line) -> PerSample:
        logits = line.student(1)
        return 0.1 * logits.square().sum(1) * (2.0 if logits.detach().sum().item() > 0 else 1.0)


class Breaking(Objective):
    """Not finite in the small batches."""

    def __call__(self, line: Line) -> PerSample:
        logits = line.student(1)
        return logits.sum(1) * (float("nan") if len(logits) == 8 else 0.1)


# Without a GPU


def test_what_can_be_recorded() -> None:
    assert recordable(CUDA, ALONE)
    assert not recordable(CPU, ALONE)
    assert not recordable(CUDA, Team(0, 2))
    assert not recordable(CUDA, ALONE, accumulate=2)
    assert not recordable(CUDA, ALONE, gradient_checkpointing=True)


def test_what_cannot_be_recorded_is_made_as_it_is_and_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("no graphs here\nand more")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", fail)
    asked = []

    def descend(x: Images, y: Labels, *, progress: float, generator: Generator) -> Descent:
        asked.append((len(x), progress, generator.initial_seed()))
        return Descent(x.sum(), (), len(x))

    recorded = Recorded(descend, conv_net())
    message = "^Training steps are not recorded as a CUDA graph, and so are slower: no graphs here$"
    with pytest.warns(RuntimeWarning, match=message) as w:
        for seed in range(4):
            found = recorded(
                torch.ones(2, 1, 1, 1), labels(2, 10), progress=0.5, generator=Generator().manual_seed(seed)
            )
            assert found.loss == 2
    assert len(w) == 1 and asked == [(2, 0.5, seed) for seed in range(4)]


def test_there_is_a_record_for_each_size_and_none_of_another_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Tape] = []

    class Tape:
        def __init__(self, descend: Any, student: Any, x: Images, y: Any, progress: float, before: Tape | None) -> None:
            self.of, self.before = (len(x), progress), before
            made.append(self)

        def replay(self, x: Images, y: Labels, generator: Generator) -> Descent:
            return Descent(torch.tensor(self.of[1]), (), self.of[0])

    monkeypatch.setattr("robustill.training.graph._Tape", Tape)
    recorded = Recorded(lambda *_, **__: Descent(torch.tensor(0.0), (), 0), conv_net())
    asked = [(6, 0.5), (6, 0.5), (6, 0.5), (4, 0.5), (6, 0.5), (6, 1.0), (4, 1.0), (4, 1.0)]
    found = [
        recorded(images(size, 3, 4, 4), labels(size, 10), progress=progress, generator=Generator())
        for size, progress in asked
    ]
    as_it_is = (0, 0.0)  # the first of each size
    assert [(one.images, float(one.loss)) for one in found] == [as_it_is, *asked[1:3], as_it_is, *asked[4:]]
    assert [tape.of for tape in made] == [(6, 0.5), (6, 1.0), (4, 1.0)]
    assert made[0].before is None and None not in [tape.before for tape in made[1:]]  # one memory for all


def test_a_run_says_whether_its_steps_are_recorded(tmp_path: Path) -> None:
    data = archive(tmp_path / "data.npz")
    setting = prepare(small_run(data, device="auto"))
    assert setting.run.cuda_graphs == setting.fit_options["cuda_graphs"] == (setting.device.type == "cuda")
    assert not prepare(small_run(data, device="auto", accumulate=2)).run.cuda_graphs
    assert not prepare(small_run(data, device="auto", cuda_graphs=False)).run.cuda_graphs
