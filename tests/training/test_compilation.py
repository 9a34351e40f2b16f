"""``torch.compile``: the same numbers from compiled networks, and a sentence where there is no compiler."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from robustill.folding import folded
from robustill.prepare import prepare
from robustill.protocol import protocol
from robustill.train import train
from tests.small import archive, small_run


@pytest.fixture
def traced_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler's front end, without generated code, which takes a minute."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


@pytest.mark.usefixtures("traced_only")
def test_compiled_networks_learn_the_same(tmp_path: Path) -> None:
    data = archive(tmp_path / "data.npz", train=100)
    rows = []
    for compiled in (False, True):
        run = small_run(data, method="TRADES()", compile=compiled, epochs=1)
        rows.append(train(run, tmp_path / f"compiled {compiled}").metrics())
    assert rows[0][0]["loss"] == pytest.approx(rows[1][0]["loss"], rel=1e-4)


def test_without_a_compiler_the_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no C++ compiler found\nmore")

    monkeypatch.setattr(torch, "compile", fail)
    setting = prepare(small_run(archive(tmp_path / "data.npz"), compile=True))
    assert not setting.run.compile
    assert dict(protocol(setting))["precision"].endswith(
        "; not compiled: PyTorch's compiler does not work here (RuntimeError: no C++ compiler found)"
    )


def test_what_is_compiled_is_not_folded() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 2)).eval()
    x, before = torch.rand(2, 3, 8, 8), network[0].weight
    with folded([network], x):
        assert network[0].weight is not before
    network.compile(backend="eager")
    with folded([network], x):
        assert network[0].weight is before
