"""A run resumed inside an epoch equals the run that was not interrupted, in every bit; and what it is told of both."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from robustill.attacks import PGD, Linf
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.objectives import IGDM, Method
from robustill.training import AWP, EMA, SGD, SWA, Cosine, Epoch, State, fit
from robustill.training.checkpoint import read_state, save_state, states
from robustill.training.fit import STRETCH
from tests.networks import conv_net, frozen_teacher
from tests.small import assert_same
from tests.training.attacking import METHODS
from tests.training.noise import Noise

STEPS, EPOCHS = 3, 2
WRAPPERS: list[dict[str, Any]] = [
    {},
    {"average": EMA(decay=0.9)},
    {"average": SWA(begin=0.0)},
    {"perturbation": AWP(gamma=0.05)},
    {"precision": "bfloat16"},
    {"optimizer": SGD(lr=0.02, nesterov=True), "clip": 0.5, "label_smoothing": 0.1},
]


def epochs_of(method: Method, **choices: Any) -> Iterator[Epoch]:
    teacher, natural = (frozen_teacher(conv_net(seed=seed, scale=5)) for seed in (1, 2))
    choices = {
        "schedule": Cosine(),
        "optimizer": SGD(lr=0.02),
        "epochs": EPOCHS,
        "data": Noise(sizes=(6, 6, 4)),
        **choices,
    }
    attack = PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255)
    data = choices.pop("data")
    return fit(conv_net(), teacher, data, method=method, attack=attack, natural_teacher=natural, **choices)


def assert_resumes(method: Method, folder: Path, place: tuple[int, int], **choices: Any) -> None:
    """From the state on disk after ``place``, epochs and steps, the run goes on as if it had not stopped."""

    def keep(state: State) -> None:
        if (state.epoch, state.step) == place:
            save_state(folder, state.state_dict(), *place)

    *_, whole = epochs_of(method, between=keep, **choices)
    epochs = list(epochs_of(method, resume=read_state(folder, ())[0], **choices))
    assert [epoch.number for epoch in epochs] == list(range(place[0] + 1, EPOCHS + 1))
    assert_same(epochs[-1].state.state_dict(), whole.state.state_dict())
    assert (epochs[-1].loss, epochs[-1].learning_rate) == (whole.loss, whole.learning_rate)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_every_method_resumes_inside_an_epoch(method: Method, tmp_path: Path) -> None:
    choices = {"average": EMA(decay=0.9), "perturbation": AWP(gamma=0.05), "precision": "bfloat16"}
    assert_resumes(method + IGDM(alpha=2), tmp_path, (0, 2), **choices)


@pytest.mark.parametrize("choices", WRAPPERS, ids=lambda choices: ", ".join(choices) or "plain")
def test_every_wrapper_resumes_inside_an_epoch(choices: dict[str, Any], tmp_path: Path) -> None:
    assert_resumes(PGDAT() + IGDM(alpha=2), tmp_path, (1, 1), **choices)


@pytest.mark.parametrize("stretch", [2, 5])
def test_steps_that_nobody_waits_for_are_the_same_steps(stretch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU does, on a CPU; it pauses less often."""
    places: list[tuple[int, int]] = []
    choices: dict[str, Any] = {"average": EMA(decay=0.9), "perturbation": AWP(gamma=0.05)}
    waited = list(epochs_of(RSLAD(), **choices))
    monkeypatch.setitem(STRETCH, "cpu", stretch)
    found = list(epochs_of(RSLAD(), between=lambda state: places.append((state.epoch, state.step)), **choices))
    assert [epoch.loss for epoch in found] == [epoch.loss for epoch in waited]
    assert_same(found[-1].state.state_dict(), waited[-1].state.state_dict())
    assert places == ([(number, 2) for number in range(EPOCHS)] if stretch == 2 else [])


def test_a_state_is_offered_after_every_step_inside_an_epoch() -> None:
    places: list[tuple[int, int]] = []
    list(epochs_of(PGDAT(), between=lambda state: places.append((state.epoch, state.step))))
    assert places == [(epoch, step) for epoch in range(EPOCHS) for step in range(1, STEPS)]


def test_what_was_added_up_before_counts() -> None:
    saved: list[dict[str, Any]] = []
    (whole,) = epochs_of(PGDAT(), epochs=1, between=lambda state: saved.append(state.state_dict()))
    assert [state["sums"]["images"] for state in saved] == [6, 12]
    assert 0 < saved[0]["sums"]["seconds"] < saved[1]["sums"]["seconds"] < whole.seconds
    saved[0]["sums"]["seconds"] = 1000.0
    (resumed,) = epochs_of(PGDAT(), epochs=1, resume=saved[0])
    assert resumed.seconds > 1000
    assert whole.state.sums.images == 0  # the epoch is over


def test_a_state_of_before_there_were_steps_is_an_epochs_end() -> None:
    first, *_, last = (dict(epoch.state.state_dict()) for epoch in copied(epochs_of(PGDAT())))
    old = {key: value for key, value in first.items() if key not in ("step", "skipped", "sums")}
    *_, resumed = epochs_of(PGDAT(), resume=old)
    assert_same(resumed.state.state_dict(), last)


def copied(epochs: Iterator[Epoch]) -> Iterator[Epoch]:
    """Each epoch with a state of its own, which the next does not change."""
    for epoch in epochs:
        yield replace(epoch, state=deepcopy(epoch.state))


def test_the_last_two_states_may_be_of_one_epoch(tmp_path: Path) -> None:
    value = {"w": torch.zeros(1)}
    for place in ((1, 0), (1, 5), (1, 12_345), (2, 0), (2, 3)):
        newest = save_state(tmp_path, value, *place)
        assert states(tmp_path)[0] == newest
    assert [file.name.rpartition("-")[0] for file in states(tmp_path)] == ["state-0002+00003", "state-0002"]
    save_state(tmp_path, value, 1, 7)  # done again from further back
    assert [file.name.rpartition("-")[0] for file in states(tmp_path)] == ["state-0001+00007"]


@pytest.mark.parametrize(("batches", "found"), [(STEPS - 1, "fewer"), (STEPS + 1, "more")])
def test_an_epoch_has_the_steps_that_its_length_says(batches: int, found: str) -> None:
    class OfAnotherLength(Noise):
        def __len__(self) -> int:
            return STEPS

    with pytest.raises(ValueError, match=f"An epoch must have as many batches as its length says.* Found: {found}"):
        next(epochs_of(PGDAT(), data=OfAnotherLength(sizes=(6,) * batches)))


def test_the_modules_of_a_resumed_student_are_in_train_mode() -> None:
    saved: list[dict[str, Any]] = []
    list(epochs_of(PGDAT(), epochs=1, between=lambda state: saved.append(state.state_dict())))
    modes: set[bool] = set()

    def note(state: State) -> None:
        modes.update(module.training for module in state.student.modules() if isinstance(module, nn.BatchNorm2d))

    list(epochs_of(PGDAT(), epochs=1, resume=saved[0], between=note))
    assert modes == {True}
