"""Numbers in at least float32: what is subtracted, exponentiated or reported never stays in half precision."""

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision (as autocast leaves it) to float32; float32 and float64 as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
