"""The shapes that travel through the library, said once.

Checked at every call under pytest (jaxtyping and beartype), free at run time. ``kl([4, 5], [1, 5])`` broadcasts
silently in plain PyTorch; with these names it is an error in the test that does it.
"""

from jaxtyping import Float, Int64, UInt8
from torch import Tensor

Images = Float[Tensor, "batch channels height width"]
"""Images in pixels of [0, 1]; perturbations and input gradients have the same shape."""

Pixels = UInt8[Tensor, "batch channels height width"]
"""Images as they are stored and kept on the device: bytes of 0 to 255."""

Labels = Int64[Tensor, " batch"]
"""The index of the true class of each image."""

Logits = Float[Tensor, "batch classes"]
"""Scores before softmax."""

PerSample = Float[Tensor, " batch"]
"""One number for each image. Losses stay in this shape; the mean is taken once, in ``Method.loss``."""

Scalar = Float[Tensor, ""]
