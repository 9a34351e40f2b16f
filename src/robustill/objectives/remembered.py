"""A teacher's logits of images that come again in every epoch, computed once."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Int64
from torch import Generator, Tensor, nn

from robustill.precision import at_least_float32
from robustill.types import Images, Logits


class Remembered(nn.Module):
    """A teacher that knows its logits of some images: a ``Line`` through one of them need not ask for T(x).

    It knows images by a sum of 64 bits over their pixels, each times an odd number of its own, so it does not matter
    in which batch and at which place one comes. Of any other image it remembers NaN: a run notices, and stops.

    Args:
        network: the teacher, in eval mode.
        images: in batches, each batch asked as it is; twice the same image does no harm.
    """

    keys: Int64[Tensor, " known"]
    logits: Logits

    def __init__(self, network: nn.Module, images: Iterable[Tensor]) -> None:  # Images, in batches of various sizes
        super().__init__()
        self.network = network
        self._factors = torch.empty(0, dtype=torch.int64)
        keys, logits = [], []
        with torch.no_grad():
            for x in images:
                keys.append(self._keys_of(x))
                logits.append(at_least_float32(network(x)))
        every = torch.cat(keys)
        order = every.argsort()
        self.register_buffer("keys", every[order], persistent=False)
        self.register_buffer("logits", torch.cat(logits)[order], persistent=False)
        self.train(network.training)

    def forward(self, x: Images) -> Logits:
        """The network's logits, of any image."""
        result: Logits = self.network(x)
        return result

    def recall(self, x: Images) -> Logits:
        """What it remembers of each image, without asking the network."""
        wanted = self._keys_of(x)
        place = torch.searchsorted(self.keys, wanted).clamp_max(len(self.keys) - 1)
        known = self.keys[place] == wanted
        return torch.where(known[:, None], self.logits[place], torch.nan)

    def _keys_of(self, x: Images) -> Int64[Tensor, " batch"]:
        bits = x.detach().float().contiguous().view(torch.int32).flatten(1).long()
        if len(self._factors) != bits.shape[1] or self._factors.device != x.device:
            drawn = torch.randint(2**62, bits.shape[1:], generator=Generator().manual_seed(0))
            self._factors = (2 * drawn + 1).to(x.device)
        return (bits * self._factors).sum(1)  # what is beyond 64 bits is lost, as it should be
