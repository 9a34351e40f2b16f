"""Numbers in at least float32: what is subtracted, exponentiated or reported never stays in half precision."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision (as autocast leaves it) to float32; float32 and float64 as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


@contextmanager
def exact_float32() -> Iterator[None]:
    """Within, float32 is multiplied as float32 on GPUs too, not as TF32 with its 10 bits: for what is reported.

    Training in float32 leaves PyTorch's choice, which is TF32 in convolutions.
    """
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before[0]
        torch.set_float32_matmul_precision(before[1])
