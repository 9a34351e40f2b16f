"""Where a step's time goes, on networks that take the time they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from robustill.data import Batches
from robustill.expression import parse
from robustill.models import Classifier
from robustill.objectives import Method
from robustill.prepare import prepare
from robustill.profile import PHASES, Profile, profile
from robustill.setting import Setting
from robustill.train import train
from robustill.training.step import PORTION
from tests.small import archive, command, flags, small_run

NOW = [0.0]
CLASSES, PIXELS, STEPS = 4, 64, 2


class Slow(Classifier):
    """A linear network whose forward takes ``seconds`` and whose backward takes ten times as long."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.weight = seconds, nn.Parameter(torch.eye(CLASSES, PIXELS))

    def classify(self, x: Tensor) -> Tensor:
        NOW[0] += self.seconds
        logits: Tensor = x.flatten(1) @ self.weight.T
        if logits.requires_grad:
            logits.register_hook(self._back)
        return 1 * logits

    def _back(self, gradient: Tensor) -> None:
        NOW[0] += 10 * self.seconds


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return archive(tmp_path_factory.mktemp("data") / "d.npz")


@pytest.fixture
def setting(data: str, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """A student whose passes take 1 second forward and 10 back, a teacher's 100 and 1000; nothing else takes any."""
    setting = prepare(small_run(data))
    monkeypatch.setitem(PORTION, "float32", setting.run.batch_size)  # a batch is one pass
    monkeypatch.setattr("robustill.profile.time.perf_counter", lambda: NOW[0])
    return replace(setting, student=Slow(1), teacher=Slow(100).eval().requires_grad_(False))


EXPECTED: list[tuple[str, dict[str, float]]] = [
    ("PGDAT()", {"attack: student": STEPS * 11, "outer: student": 11}),
    ("TRADES()", {"attack: student": 1 + STEPS * 11, "outer: student": 22}),
    ("RSLAD()", {"attack: student": STEPS * 11, "attack: teacher": 100, "outer: student": 22}),
    ("RSLAD() + IGDM(alpha=1)", {"attack: student": STEPS * 11, "attack: teacher": 100, "outer: student": 33}),
    ("AdaAD()", {"attack: student": STEPS * 11, "attack: teacher": STEPS * 1100, "outer: student": 11}),
    ("KD()", {"outer: student": 11}),
]
OUTER_TEACHER = {"RSLAD() + IGDM(alpha=1)": 100.0, "AdaAD()": 100.0, "KD()": 100.0}
"""One forward, of however many points."""


@pytest.mark.parametrize(("method", "expected"), EXPECTED, ids=[method for method, _ in EXPECTED])
def test_every_moment_belongs_to_the_part_that_took_it(
    method: str, expected: dict[str, float], setting: Setting
) -> None:
    setting = replace(setting, run=replace(setting.run, method=parse(method, Method)))
    found = profile(setting, steps=3)
    assert found.seconds == dict.fromkeys(PHASES, 0.0) | {"outer: teacher": OUTER_TEACHER.get(method, 0.0)} | expected
    assert found.step == sum(found.seconds.values()) and found.steps == 3


class Late(Batches):
    """Batches that take 7 seconds to come."""

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in super().epoch(number):
            NOW[0] += 7
            yield batch


def test_data_and_optimizer_have_their_parts(setting: Setting) -> None:
    def takes_time(*_: object) -> None:
        NOW[0] += 3

    late = Late(**{field.name: getattr(setting.batches, field.name) for field in fields(setting.batches)})
    handle = register_optimizer_step_post_hook(takes_time)  # before the one that ends the optimizer's part
    found = profile(replace(setting, batches=late), steps=2 * len(late) + 1)  # over the end of an epoch
    handle.remove()
    assert (found.seconds["data"], found.seconds["optimizer"]) == (7, 3)


def test_what_is_said_of_it() -> None:
    seconds = dict.fromkeys(PHASES, 0.0) | {"attack: student": 0.75, "optimizer": 0.25}
    found = Profile(steps=5, seconds=seconds, step=1.0, own=0.5)
    assert str(found).splitlines() == [
        " attack: student     0.7500 s   75%",
        "       optimizer     0.2500 s   25%",
        "          a step     1.0000 s, mean of 5",
    ]
    assert found.busy and not replace(found, own=0.95).busy
    recorded = replace(found, step=0.125)
    assert str(recorded).splitlines()[2] == "          a step     0.1250 s, mean of 5; 1.0000 s while it is watched"
    assert found.to_json() == {"steps": 5, "step_seconds": 1.0, "phase_seconds": found.seconds, "own": 0.5}


def test_train_prints_and_keeps_it(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("train", *flags(data, epochs=1), "--profile", "--output", tmp_path / "run") == 0
    kept = json.loads((tmp_path / "run" / "profile.json").read_text())
    assert list(kept["phase_seconds"]) == list(PHASES) and kept["step_seconds"] > 0 and kept["steps"] == 5
    assert "attack: student" in capsys.readouterr().out
    train(small_run(data, epochs=1), tmp_path / "other")
    assert not (tmp_path / "other" / "profile.json").exists()


@pytest.mark.parametrize("own", [0.3, 0.9])
def test_a_busy_machine_is_warned_of(
    own: float, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Profile(steps=1, seconds={"data": 36.0}, step=36.0, own=own)
    monkeypatch.setattr("robustill.train.profile", lambda *_: found)
    train(small_run(data, epochs=1), tmp_path / "run", console=Console(width=200))
    printed = capsys.readouterr().out
    assert "about 0:02:24 of training, from what was measured before" in printed  # four steps
    assert ("WARNING: the machine is busy, 30% of the time was ours, so times mean little" in printed) == (own < 0.5)
