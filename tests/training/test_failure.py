"""Planted NaN and infinity: what is told, what is kept, what is skipped, and that nothing is poisoned."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors import safe_open

from robustill.attacks import PGD, Linf
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.methods.saad import SAAD
from robustill.objectives import IGDM, Line, Method, Objective
from robustill.results import RunDirectory
from robustill.run import Run
from robustill.train import resume, train
from robustill.training import AWP, EMA, SGD, SWA, Epoch, NonFinite, State, fit
from robustill.training.checkpoint import states
from robustill.training.fit import STRETCH
from robustill.types import Images, Labels, PerSample
from tests.networks import conv_net, frozen_teacher, images, labels
from tests.small import archive, assert_same, command, small_run, texts

STEPS = 4
MARKED = 11
"""How many images the batches have in which a term is planted."""


class Planted(Objective):
    """A term that is not finite in batches of ``MARKED`` images, and 0 in others."""

    where: Literal["loss", "gradient", "first answer"] = "loss"
    value: float = float("nan")

    def __call__(self, line: Line) -> PerSample:
        logits = line.student(1).sum(1)
        if len(line.y) != MARKED:
            return 0 * logits
        if self.where == "gradient":
            return (0 * logits).sqrt()  # 0, with a gradient of 0 times infinity
        if self.where == "first answer" and not torch.is_grad_enabled():
            return 0 * logits
        return self.value + logits


@dataclass(frozen=True)
class Source:
    """Random batches of 6 images; at some (epoch, step), both from 1, of ``MARKED`` images or with a pixel of NaN."""

    marked: frozenset[tuple[int, int]] = frozenset()
    broken: frozenset[tuple[int, int]] = frozenset()

    def __len__(self) -> int:
        return STEPS

    def epoch(self, number: int) -> Iterator[tuple[Images, Labels]]:
        for step in range(1, STEPS + 1):
            seed, batch = 100 * number + step, MARKED if (number, step) in self.marked else 6
            x = images(batch, 3, 6, 6, seed=seed)
            if (number, step) in self.broken:
                x[1, 0, 0, 0] = float("nan")
            yield x, labels(batch, 10, seed=seed)


PLACE = (1, 3)
SOURCES = {"images": Source(broken=frozenset({PLACE})), "marked": Source(marked=frozenset({PLACE}))}
PLANTED: list[tuple[str, Method, str]] = [
    ("images", RSLAD() + IGDM(alpha=1), r"the images"),
    ("marked", RSLAD() + IGDM(alpha=1) + Planted(), r"tests\.training\.test_failure:Planted\(value=nan\)"),
    ("marked", RSLAD() + Planted(value=float("-inf")), r".*Planted\(value=-inf\)"),
    ("marked", RSLAD() + Planted() + Planted(value=float("inf")), r".*Planted\(value=nan\), .*Planted\(value=inf\)"),
    ("marked", RSLAD() + Planted(value=3e38) + Planted(value=2e38), r"the sum of all terms"),
    ("marked", SAAD() + Planted(value=3e38) + Planted(value=2e38), r"EntropyWeight\(\)"),
    ("marked", RSLAD() + Planted(where="gradient"), r"the gradient of body\.0\.weight, .* and \d+ more"),
    ("marked", RSLAD() + Planted(where="first answer"), r"the loss"),
]


@pytest.fixture(params=[1, 3], ids=["waited for", "in stretches"], autouse=True)
def stretch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """All of this as on a CPU, and as on a GPU, which is asked only now and then."""
    monkeypatch.setitem(STRETCH, "cpu", request.param)
    return int(request.param)


def epochs_of(method: Method, source: Source, **choices: Any) -> Iterator[Epoch]:
    attack = PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255)
    teacher = frozen_teacher(conv_net(seed=1, scale=5))
    choices = {"optimizer": SGD(lr=0.02), "epochs": 3, **choices}
    return fit(conv_net(), teacher, source, method=method, attack=attack, **choices)


def state_at(method: Method, source: Source, place: tuple[int, int], **choices: Any) -> dict[str, Any]:
    """The state of a run after so many epochs and steps, waiting for each step."""
    found: list[dict[str, Any]] = []

    def keep(state: State) -> None:
        if (state.epoch, state.step) == place:
            found.append(deepcopy(state.state_dict()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STRETCH, "cpu", 1)
        list(epochs_of(method, source, between=keep, **choices))
    return found[0]


# What is told and kept


@pytest.mark.parametrize(("source", "method", "parts"), PLANTED, ids=lambda value: "" if value in SOURCES else None)
def test_what_is_not_finite_is_named(source: str, method: Method, parts: str) -> None:
    with pytest.raises(NonFinite, match=f"Found not to be finite in epoch 1, step 3: {parts}. Train with a lower") as e:
        list(epochs_of(method, SOURCES[source], epochs=1))
    x, y = list(SOURCES[source].epoch(1))[2]
    assert (e.value.epoch, e.value.step) == PLACE
    assert torch.equal(e.value.batch["y"], y) and torch.equal(e.value.batch["x"].nan_to_num(), x.nan_to_num())


@pytest.mark.parametrize(("source", "method"), [(row[0], row[1]) for row in PLANTED[:2] + PLANTED[6:7]], ids=str)
def test_everything_is_as_before_the_step(source: str, method: Method) -> None:
    choices: dict[str, Any] = {"average": EMA(decay=0.9), "perturbation": AWP(gamma=0.05), "clip": 0.5, "epochs": 1}
    with pytest.raises(NonFinite) as failure:
        list(epochs_of(method, SOURCES[source], **choices))
    assert_same_but_rate(failure.value.state.state_dict(), state_at(method, Source(), (0, 2), **choices))


def assert_same_but_rate(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """The learning rate is set before a step, and again before the next."""
    for state in (found, expected):
        for group in state["optimizer"]["param_groups"]:
            group["lr"] = None
    assert_same(found, expected)


# What is skipped


@pytest.mark.parametrize(("source", "method"), [(row[0], row[1]) for row in PLANTED[:2] + PLANTED[6:7]], ids=str)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_a_skipped_step_changes_nothing(source: str, method: Method, mode: Literal["eval", "train"]) -> None:
    """Neither weights, momentum and BatchNorm's averages, nor the average of the weights; it is counted."""
    method = replace(method, attack_mode=mode)
    choices: dict[str, Any] = {"average": EMA(decay=0.9), "skip_nonfinite": 1, "epochs": 1}
    before, after = (state_at(method, SOURCES[source], (0, step), **choices) for step in (2, 3))
    assert (before["step"], before["skipped"], before["sums"]["skipped"]) == (2, 0, 0)
    assert (after["step"], after["skipped"], after["sums"]["skipped"]) == (3, 1, 1)
    after |= {"step": 2, "skipped": 0, "sums": after["sums"] | {"skipped": 0}}
    assert_same_but_rate(after, before)


def test_skipped_steps_are_counted_by_epoch() -> None:
    source = Source(marked=frozenset({(1, 1), (1, 2), (3, 4)}))
    epochs = list(epochs_of(RSLAD() + Planted(), source, skip_nonfinite=3))
    assert [epoch.skipped for epoch in epochs] == [2, 0, 1] and epochs[-1].state.skipped == 3
    assert all(torch.tensor(epoch.loss).isfinite() for epoch in epochs)


@pytest.mark.parametrize(("limit", "place"), [(0, (1, 2)), (1, (1, 4)), (2, (3, 1))])
def test_one_step_more_than_may_be_skipped_stops_the_run(limit: int, place: tuple[int, int]) -> None:
    source = Source(marked=frozenset({(1, 2), (1, 4), (3, 1)}))
    with pytest.raises(NonFinite) as failure:
        list(epochs_of(RSLAD() + Planted(), source, skip_nonfinite=limit))
    assert (failure.value.epoch, failure.value.step) == place


def test_the_limit_is_that_of_the_run_and_not_of_what_was_resumed() -> None:
    source = Source(marked=frozenset({(1, 2), (3, 1)}))
    first = next(epochs_of(RSLAD() + Planted(), source, skip_nonfinite=1))
    with pytest.raises(NonFinite, match="epoch 3, step 1"):
        list(epochs_of(RSLAD() + Planted(), source, skip_nonfinite=1, resume=first.state.state_dict()))


def test_an_epoch_without_a_finite_step_stops_the_run() -> None:
    source = Source(marked=frozenset((2, step) for step in range(1, STEPS + 1)))
    with pytest.raises(NonFinite, match="epoch 2, step 4"):
        list(epochs_of(RSLAD() + Planted(), source, skip_nonfinite=100))


def test_swa_takes_the_weights_at_the_end_of_an_epoch_though_its_last_step_was_skipped() -> None:
    """Its average is of epochs; that of EMA, of steps, waits."""
    source = Source(marked=frozenset({(2, STEPS)}))
    *_, last = epochs_of(RSLAD() + Planted(), source, skip_nonfinite=1, average=SWA(begin=0.0))
    assert last.state.averaged is not None and last.state.averaged.n_averaged == 3
    *_, last = epochs_of(RSLAD() + Planted(), source, skip_nonfinite=1, average=EMA())
    assert last.state.averaged is not None and last.state.averaged.n_averaged == 3 * STEPS - 1


# A run's directory


class Late(Objective):
    """NaN in the last and smaller batch of the second of three epochs."""

    def __call__(self, line: Line) -> PerSample:
        planted = line.progress == 2 / 3 and len(line.y) == 16
        return (float("nan") if planted else 0.0) * line.student(1).sum(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return archive(tmp_path_factory.mktemp("data") / "d.npz")


def late_run(data: str, **changes: Any) -> Run:
    return small_run(data, method=PGDAT() + Late(), **changes)


def test_the_batch_and_the_state_of_before_are_kept(data: str, tmp_path: Path, stretch: int) -> None:
    with pytest.raises(FloatingPointError, match=r"epoch 2, step 4: .*Late\(\)\..*failure-0002-00004\.safetensors"):
        train(late_run(data), tmp_path / "run")
    run = RunDirectory(tmp_path / "run")
    with safe_open(run.path / "failure-0002-00004.safetensors", "pt") as file:
        assert file.metadata() == {"epoch": "2", "step": "4", "not finite": "tests.training.test_failure:Late()"}
        x, y, x_adv = (file.get_tensor(name) for name in ("x", "y", "x_adv"))
    assert x.shape == x_adv.shape == (16, 1, 8, 8) and y.shape == (16,) and not torch.equal(x, x_adv)
    assert [file.name.rpartition("-")[0] for file in states(run.checkpoints)] == ["state-0001+00003", "state-0001"]
    assert [row["epoch"] for row in run.metrics()] == [1]
    assert not list(run.path.rglob("*.tmp"))


def test_the_run_goes_on_once_it_may_skip(data: str, tmp_path: Path) -> None:
    """To the same end as a run that was allowed to from its beginning."""
    run, whole = RunDirectory(tmp_path / "run"), train(late_run(data, skip_nonfinite=1), tmp_path / "whole")
    with pytest.raises(FloatingPointError):
        train(late_run(data), run.path)
    with pytest.raises(FloatingPointError, match="epoch 2, step 4"):
        resume(run.path)  # nothing has changed
    text = run.settings_file.read_text()
    run.settings_file.write_text(text.replace("skip_nonfinite: 0", "skip_nonfinite: 1"))
    resume(run.path)
    last = [torch.load(states(each.checkpoints)[0], weights_only=True)["fit"] for each in (run, whole)]
    assert_same(*last)
    assert [row["skipped"] for row in whole.metrics()] == [0, 1, 0]
    assert dict(whole.protocol())["optimizer"].endswith("; steps that are not finite skipped, up to 1")
    assert [row.get("skipped") for row in run.metrics()] == [None, 1, 0]


def test_on_the_command_line_it_is_a_sentence(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = texts(data, method="PGDAT() + tests.training.test_failure:Late()")
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    assert command("train", *words, "--output", tmp_path / "run") == 2
    said = capsys.readouterr().err
    assert "robustill train: error: A training step must have a finite loss and finite gradients." in said
    assert f"continue with robustill train --resume {tmp_path / 'run'}." in said and "Traceback" not in said
    assert command("train", *words, "--skip_nonfinite", 1, "--output", tmp_path / "skips") == 0
    assert ", 1 of its steps skipped" in capsys.readouterr().out
