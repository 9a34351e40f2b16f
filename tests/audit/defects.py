"""Networks with one planted defect each, around any network."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F

from robustill.models import Normalize
from robustill.types import Images, Logits


class Defect(nn.Module):
    """Hands images on to a network; what is wrong is in ``before`` or in ``after``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Images) -> Logits:
        return self.after(self.network(self.before(x)))

    def before(self, x: Images) -> Images:
        return x

    def after(self, logits: Logits) -> Logits:
        return logits


class SoftmaxInside(Defect):
    def after(self, logits: Logits) -> Logits:
        return logits.softmax(1)


class DropoutOn(Defect):
    """Dropout by a function that does not know of eval mode."""

    def before(self, x: Images) -> Images:
        return F.dropout(x, 0.1)  # training=True is the default


class StuckDropout(Defect):
    """Dropout by a module that refuses eval mode."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network)
        self.dropout = _Stuck(0.1)

    def before(self, x: Images) -> Images:
        dropped: Images = self.dropout(x)
        return dropped


class _Stuck(nn.Dropout):
    def train(self, mode: bool = True) -> _Stuck:
        super().train(True)
        return self


class Quantised(Defect):
    """Eight levels, by a function whose gradient is zero."""

    def before(self, x: Images) -> Images:
        return (7 * x).round() / 7


class QuantisedPassingThrough(Defect):
    """Eight levels, with the gradient of the identity in place of their own."""

    def before(self, x: Images) -> Images:
        return x + ((7 * x).round() / 7 - x).detach()


class Scaled(Defect):
    def after(self, logits: Logits) -> Logits:
        return 100 * logits


class Noisy(Defect):
    def before(self, x: Images) -> Images:
        return x + 0.05 * torch.randn_like(x)


class NoisyWithASeed(Defect):
    """The same noise at every forward, at the price of everybody's random state."""

    def before(self, x: Images) -> Images:
        torch.manual_seed(0)
        return x + 0.01 * torch.randn_like(x[:1])


class NormalisedAgain(Defect):
    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__(network)
        self.normalize = Normalize(mean, std)

    def before(self, x: Images) -> Images:
        normalised: Images = self.normalize(x)
        return normalised


class Cut(Defect):
    def before(self, x: Images) -> Images:
        return x.detach()


class CutInPart(Defect):
    """Half of the logits come by a way that no gradient takes back."""

    def forward(self, x: Images) -> Logits:
        logits: Logits = self.network(x) - 2 * self.network(x.roll(1, 3)).detach()
        return -logits


class NotANumber(Defect):
    def after(self, logits: Logits) -> Logits:
        return logits * torch.nan


class Unfinite(Defect):
    """Wrong on black alone."""

    def before(self, x: Images) -> Images:
        return x / x.amax((1, 2, 3), keepdim=True)


class Fitting(Defect):
    """Moves each image towards what the network likes, before it is classified."""

    def before(self, x: Images) -> Images:
        with torch.enable_grad():
            moved = x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.network(moved).amax(1).sum(), moved)
        return x + 0.001 * slope.sign()


class Counting(Defect):
    """Keeps count of its forwards in a buffer."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network)
        self.register_buffer("forwards", torch.zeros(()))
        self.forwards: torch.Tensor

    def before(self, x: Images) -> Images:
        self.forwards += 1
        return x


def with_batch_statistics(network: nn.Module) -> nn.Module:
    """A copy whose batch normalisations forgot the statistics of training."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = module.running_var = None
            module.track_running_stats = False
    return network
