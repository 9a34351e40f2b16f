"""Small networks that many tests share: one that is linear, one with BatchNorm, one that counts its passes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from robustill.types import Images, Labels, Logits


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A network whose weights depend on the seed alone; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def images(batch: int, *shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Images:
    """Random pixels of [0, 1]."""
    return torch.rand(batch, *shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def labels(batch: int, classes: int, seed: int = 0) -> Labels:
    return torch.randint(classes, (batch,), generator=torch.Generator().manual_seed(seed))


def logits(batch: int, classes: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Logits:
    return torch.randn(batch, classes, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class Linear(nn.Module):
    """``W x + b`` on the pixels of an image of any shape: every attack on it has a known best answer."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(weight.new_zeros(len(weight)) if bias is None else bias)

    def forward(self, x: Images) -> Logits:
        return x.flatten(1) @ self.weight.T + self.bias


def linear(classes: int, pixels: int, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> Linear:
    generator = torch.Generator().manual_seed(seed)
    return Linear(
        torch.randn(classes, pixels, generator=generator, dtype=dtype),
        torch.randn(classes, generator=generator, dtype=dtype),
    )


class TinyConvNet(nn.Module):
    """Two convolutions with BatchNorm on images of any size; ``scale`` multiplies the logits."""

    def __init__(self, channels: int = 3, classes: int = 10, *, width: int = 4, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x: Images) -> Logits:
        result: Logits = self.scale * self.head(self.body(x))
        return result


def conv_net(*, seed: int = 0, channels: int = 3, classes: int = 10, width: int = 4, scale: float = 1.0) -> TinyConvNet:
    """A :class:`TinyConvNet` whose running statistics are those of some images, in train mode."""
    network = seeded(lambda: TinyConvNet(channels, classes, width=width, scale=scale), seed)
    assert isinstance(network, TinyConvNet)
    with torch.no_grad():
        network(images(16, channels, 6, 6, seed=seed + 1000))
    return network


def frozen_teacher(network: nn.Module) -> nn.Module:
    return network.eval().requires_grad_(False)


class Counting(nn.Module):
    """Hands images on to a network and counts, per image of ``batch``, its forwards and the gradients that come back.

    Images are counted and not calls: a teacher asked at two points in one forward was asked twice.
    """

    def __init__(self, network: nn.Module, batch: int) -> None:
        super().__init__()
        self.network, self.batch = network, batch
        self.images = self.calls = self.gradients = 0
        self.training = network.training

    def forward(self, x: Images) -> Logits:
        self.images += len(x)
        self.calls += 1
        result: Logits = self.network(x)
        if result.requires_grad:
            result.register_hook(self._count)
        return result

    def _count(self, gradient: Tensor) -> None:
        self.gradients += len(gradient)

    @property
    def forwards(self) -> float:
        return self.images / self.batch

    @property
    def backwards(self) -> float:
        return self.gradients / self.batch


def modes(network: nn.Module) -> list[bool]:
    """The mode of every submodule."""
    return [module.training for module in network.modules()]
