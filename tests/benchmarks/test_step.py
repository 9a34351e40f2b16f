"""The benchmark of a training step: the same work on both sides, and what is reported of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.machine import Clock, peak_memory, peaks
from benchmarks.reference import PUBLISHED
from benchmarks.step import Conditions, Task, check_losses, compete, contestant, measure, operations, table
from robustill.attacks import PGD, Linf
from robustill.cost import cost
from robustill.training.step import descend
from tests.networks import conv_net, images, labels

TINY = Task(student="SmallCNN(width=2)", teacher="SmallCNN(width=3)", batch=4, steps=2, side=8)
WITH_CODE = [name for name, published in PUBLISHED.items() if published.step is not None]


@pytest.mark.parametrize("name", WITH_CODE)
def test_reference_and_ours_compute_the_same_loss(name: str) -> None:
    """In float64, where no gradient changes its sign by rounding; with weights of the teacher that await gradients."""
    attack = PGD(budget=Linf(8 / 255), steps=3, step_size=2 / 255)
    x, y = images(6, 3, 6, 6, dtype=torch.float64), labels(6, 10)
    ours, theirs = (conv_net(scale=3).double().train() for _ in range(2))
    teacher = conv_net(seed=1, width=6, scale=5).double().eval()
    expected = PUBLISHED[name].loss(theirs, teacher, x, y, attack, seed=5)
    noise = torch.Generator().manual_seed(5)
    loss = descend(ours, teacher, x, y, method=PUBLISHED[name].method, attack=attack, generator=noise).loss
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", WITH_CODE)
def test_contestants_begin_alike_and_train(name: str) -> None:
    losses = {who: contestant(TINY, name, who)(0).item() for who in ("reference", "float32", "bfloat16")}
    assert losses["float32"] == pytest.approx(losses["reference"], rel=1e-2)
    assert losses["bfloat16"] == pytest.approx(losses["reference"], rel=1e-1)
    step = contestant(TINY, name, "float32")
    assert step(0).item() == losses["float32"] and step(0).item() != losses["float32"]


def test_other_work_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PUBLISHED:
        check_losses(TINY, name)
    other = replace(PUBLISHED["RSLAD"], step=PUBLISHED["AdaAD"].step)
    monkeypatch.setitem(PUBLISHED, "RSLAD", other)
    with pytest.raises(
        RuntimeError, match=r"should compute the same loss. Found: \d.* \(reference\) and \d.* \(ours\)"
    ):
        check_losses(TINY, "RSLAD")


def test_operations_are_those_that_are_counted() -> None:
    """Twice the images, twice the operations; ten steps instead of two, the attack's share ten times half of it."""
    method = PUBLISHED["PGD-AT"].method
    assert operations(replace(TINY, batch=8), "PGD-AT") == 2 * operations(TINY, "PGD-AT")
    ten = replace(TINY, steps=10)
    units = [cost(method, task.attack).units(0) for task in (TINY, ten)]
    assert operations(ten, "PGD-AT") / operations(TINY, "PGD-AT") == pytest.approx(units[1] / units[0])
    assert units == [2 * 2 + 3, 2 * 10 + 3]


def test_what_was_measured_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {
        "reference": {"seconds": [4.0, 5.0, 9.0], "wall": [4.0] * 3, "loss": 1.0, "memory": 400 * 2**20},
        "float32": {"seconds": [2.0, 2.5, 3.0], "wall": [2.0] * 3, "loss": 1.0, "memory": 200 * 2**20},
    }
    calls = []

    def instead(*arguments: object) -> dict[str, object]:
        calls.append(arguments)
        return {name: measured[name] for name in arguments[2]}  # type: ignore[attr-defined]

    monkeypatch.setattr("benchmarks.step.compete", instead)
    monkeypatch.setattr("benchmarks.step.operations", lambda *_: 5e9)
    monkeypatch.setattr(
        "benchmarks.step.peaks", lambda device: {"float32": {"matrix product": 2e9, "convolution": 4e9}}
    )
    file, names = tmp_path / "step.json", ["reference", "float32"]
    for methods in (["RSLAD"], ["RSLAD", "AdaAD w/o T_in + IGDM"]):
        measure(TINY, methods, names, Conditions(), file)
    assert [call[1:3] for call in calls] == [("RSLAD", names), ("AdaAD w/o T_in + IGDM", ["float32"])]
    rows = json.loads(file.read_text())["rows"]
    assert [row["method"] for row in rows] == ["RSLAD", "AdaAD w/o T_in + IGDM"]
    lines = table(rows).splitlines()
    assert lines[2] == "| RSLAD | 1 | 5.00 | 2.50 (2.00x) | 50% | 200 (50%) |"
    assert lines[3] == "| AdaAD w/o T_in + IGDM | 1 |  | 2.50 | 50% | 200 |"


@pytest.mark.slow
def test_contestants_take_turns_in_processes_of_their_own() -> None:
    measured = compete(TINY, "RSLAD + IGDM", ["reference", "float32"], Conditions(repeats=2))
    for taken in measured.values():
        assert len(taken["seconds"]) == len(taken["wall"]) == 2 and min(taken["seconds"]) > 0 and taken["memory"] >= 0
    assert measured["reference"]["loss"] == pytest.approx(measured["float32"]["loss"], rel=1e-3)


def test_the_clock_reads_the_processor_on_one_thread() -> None:
    clock = Clock()
    with clock.running():
        total = torch.rand(200_000).sort().values.sum()
    assert total > 0 and 0 < clock.processor == clock.seconds
    assert clock.wall > 0
    torch.set_num_threads(2)
    assert clock.seconds == clock.wall


def test_the_machine_says_what_it_can() -> None:
    found = peaks(rounds=1)
    assert set(found) == {"float32", "bfloat16"}
    assert all(1e8 < rate < 1e16 for rates in found.values() for rate in rates.values())
    assert 2**24 < peak_memory() < 2**44


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what Linux says of a process")
def test_the_peak_of_a_process_is_not_that_of_the_one_which_started_it() -> None:
    held = torch.ones(2**27)  # 512 MiB
    code = "from benchmarks.machine import peak_memory; print(peak_memory())"
    words = [sys.executable, "-c", code]
    its = int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    assert held.nbytes < peak_memory() and its < peak_memory() - held.nbytes / 2
