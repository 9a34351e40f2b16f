"""What "auto" means on which hardware."""

from __future__ import annotations

import pytest
import torch

from robustill.training import choose_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("device", [CPU, CUDA])
def test_what_is_asked_for_is_what_is_had(device: torch.device) -> None:
    assert choose_precision("float32", device) == "float32"
    assert choose_precision("bfloat16", device) == "bfloat16"


@pytest.mark.parametrize(
    ("features", "precision"),
    [
        ({"avx512_bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": False}, "float32"),
        ({}, "float32"),
    ],
)
def test_auto_on_a_cpu(features: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features, raising=False)
    assert choose_precision("auto", CPU) == precision


def test_auto_where_pytorch_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert choose_precision("auto", CPU) == "float32"


@pytest.mark.parametrize(("native", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_auto_on_a_gpu_takes_bfloat16_only_where_it_is_not_emulated(
    native: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert choose_precision("auto", CUDA) == precision
