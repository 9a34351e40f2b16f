"""Budgets: the perturbations that an adversary may use, each a ball of a norm around the image."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor

from robustill.component import Component, write
from robustill.types import Images, PerSample


class Budget(Component, ABC, kw_only=False):
    """The ball ``norm(delta) <= radius``, in pixels of [0, 1]."""

    radius: float

    def __post_init__(self) -> None:
        if not 0 < self.radius < float("inf"):
            raise ValueError(f"{type(self).__name__} requires a positive, finite radius. Found: {self.radius}.")

    @abstractmethod
    def norm(self, delta: Images) -> PerSample:
        """The norm that the radius bounds."""

    @abstractmethod
    def project(self, delta: Images) -> Images:
        """The nearest point of the ball in Euclidean distance; points inside are unchanged."""

    @abstractmethod
    def steepest(self, gradient: Images) -> Images:
        """The direction of norm 1 along which a loss with this gradient rises fastest (zero for a zero gradient)."""

    @abstractmethod
    def uniform(self, x: Images, generator: Generator | None = None) -> Images:
        """A perturbation drawn uniformly from the ball, shaped like ``x``."""


class Linf(Budget, kw_only=False):
    """Every pixel value may change by at most ``radius``: ``Linf(8/255)``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.radius > 1:
            raise ValueError(
                f"Linf requires a radius in pixels of [0, 1]. Found: {write(self.radius)}. "
                f"Did you mean Linf({write(self.radius)}/255)?"
            )

    def norm(self, delta: Images) -> PerSample:
        return delta.flatten(1).abs().amax(1)

    def project(self, delta: Images) -> Images:
        return delta.clamp(-self.radius, self.radius)

    def steepest(self, gradient: Images) -> Images:
        return gradient.sign()

    def uniform(self, x: Images, generator: Generator | None = None) -> Images:
        noise = torch.rand(x.shape, dtype=x.dtype, device=x.device, generator=generator)
        return (2 * noise - 1) * self.radius


class L2(Budget, kw_only=False):
    """The Euclidean length of the perturbation is at most ``radius``: ``L2(128/255)``."""

    def norm(self, delta: Images) -> PerSample:
        length: PerSample = torch.linalg.vector_norm(delta.flatten(1), dim=1)
        return length

    def project(self, delta: Images) -> Images:
        return delta * (self.radius / _column(self.norm(delta)).clamp_min(self.radius))

    def steepest(self, gradient: Images) -> Images:
        # Scaled by the largest entry first: the square of a tiny gradient underflows.
        largest = _column(gradient.flatten(1).abs().amax(1))
        scaled = gradient / largest.where(largest > 0, 1)
        length = _column(self.norm(scaled))
        return scaled / length.where(length > 0, 1)

    def uniform(self, x: Images, generator: Generator | None = None) -> Images:
        direction = torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=generator)
        share = torch.rand(len(x), dtype=x.dtype, device=x.device, generator=generator) ** (1 / x[0].numel())
        return direction * _column(self.radius * share / self.norm(direction))


class L1(Budget, kw_only=False):
    """The absolute changes of all pixel values sum to at most ``radius``: ``L1(12)``."""

    def norm(self, delta: Images) -> PerSample:
        return delta.flatten(1).abs().sum(1)

    def project(self, delta: Images) -> Images:
        """Soft thresholding; the threshold by sorting (Duchi et al., ICML 2008, figure 1)."""
        magnitude = delta.flatten(1).abs()
        descending = magnitude.sort(dim=1, descending=True).values
        rank = torch.arange(1, magnitude.shape[1] + 1, device=delta.device, dtype=delta.dtype)
        thresholds = (descending.cumsum(1) - self.radius) / rank
        support = (descending > thresholds).sum(1, keepdim=True).clamp_min(1)
        threshold = thresholds.gather(1, support - 1)
        shrunk = delta.flatten(1).sign() * (magnitude - threshold).clamp_min(0)
        inside = magnitude.sum(1, keepdim=True) <= self.radius
        return torch.where(inside, delta.flatten(1), shrunk).view_as(delta)

    def steepest(self, gradient: Images) -> Images:
        """The one pixel value with the largest gradient: ``<steepest(g), g> = max |g|``."""
        flat = gradient.flatten(1)
        largest = flat.abs().argmax(1, keepdim=True)
        return torch.zeros_like(flat).scatter(1, largest, flat.gather(1, largest).sign()).view_as(gradient)

    def uniform(self, x: Images, generator: Generator | None = None) -> Images:
        """Signed exponentials over their sum, with one exponential more that stays outside the image."""
        draws = -torch.log1p(-torch.rand(len(x), x[0].numel() + 1, dtype=x.dtype, device=x.device, generator=generator))
        signs = torch.rand(len(x), x[0].numel(), dtype=x.dtype, device=x.device, generator=generator).round() * 2 - 1
        return (self.radius * signs * draws[:, 1:] / draws.sum(1, keepdim=True)).view_as(x)


def _column(per_sample: PerSample) -> Tensor:
    """One number per image, shaped to multiply images."""
    return per_sample[:, None, None, None]
