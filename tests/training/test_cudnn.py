"""cuDNN times its algorithms within steps, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from robustill.attacks import PGD, Linf
from robustill.methods.pgd_at import PGDAT
from robustill.prepare import prepare
from robustill.protocol import protocol
from robustill.training import fit
from robustill.training.cudnn import benchmarked
from tests.networks import conv_net
from tests.small import archive, small_run
from tests.training.noise import Noise


@pytest.mark.parametrize("asked", [True, False])
def test_within_steps_only(asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    seen: list[bool] = []

    def look(*_: object) -> None:
        seen.append(torch.backends.cudnn.benchmark)

    student = conv_net()
    student.register_forward_hook(look)
    attack, batches = PGD(budget=Linf(8 / 255), step_size=4 / 255, steps=1), Noise(sizes=(4,), side=8)
    for _ in fit(student, None, batches, method=PGDAT(), attack=attack, epochs=1, cudnn_benchmark=asked):
        assert not torch.backends.cudnn.benchmark
    assert set(seen) == {asked}


def test_it_ends_with_a_step_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)

    def fail() -> None:
        assert torch.backends.cudnn.benchmark
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        benchmarked(fail)()  # type: ignore[arg-type]  # a descent that finds nothing
    assert not torch.backends.cudnn.benchmark


def test_without_a_gpu_a_run_goes_on_without_and_says_so(tmp_path: Path) -> None:
    setting = prepare(small_run(archive(tmp_path / "data.npz"), cudnn_benchmark=True, device="cpu"))
    assert not setting.run.cudnn_benchmark and not setting.fit_options["cudnn_benchmark"]
    assert dict(protocol(setting))["precision"].endswith("; no cudnn_benchmark: cuDNN is for GPUs")
