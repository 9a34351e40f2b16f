"""The precision of the networks' passes. Logits, softmax and KL are float32 whatever is chosen here."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


def choose_precision(wanted: Precision, device: torch.device) -> Literal["float32", "bfloat16"]:
    """What "auto" means on this device: bfloat16 where the hardware multiplies it natively, otherwise float32.

    Decided by the hardware and never by a timing, so that a run repeated on one machine repeats bit for bit.
    """
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    features: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # older PyTorch cannot tell: float32
    return "bfloat16" if features.get("avx512_bf16") or features.get("amx_bf16") else "float32"
