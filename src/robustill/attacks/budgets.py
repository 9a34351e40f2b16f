"""Budgets: the perturbations that an adversary may use, each a ball of a norm around the image."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from robustill.component import Component, write
from robustill.types import Images, PerSample

TOLERANCE = 1e-6
"""By how much, relatively, rounding may carry a perturbation over its radius."""

ROUNDING = 2.0**-24
"""By how much it may carry a pixel, when a perturbation is added to an image in float32 and taken out again."""


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
    def ascend(self, x: Images, x_adv: Images, gradient: Images, size: float) -> Images:
        """One step of projected ascent.

        Args:
            x: the images around which the ball lies, in [0, 1].
            x_adv: where the search is.
            gradient: of the loss at ``x_adv``; where it is zero nothing moves.
            size: the length of the step in this norm, in pixels of [0, 1].

        Returns:
            Images within the ball around ``x`` and in [0, 1].
        """

    @abstractmethod
    def uniform(self, x: Images, generator: Generator | None = None) -> Images:
        """A perturbation drawn uniformly from the ball, shaped like ``x``."""

    def require_room(self, x: Images) -> None:
        """Refuses images that all lie in the ball, whatever they show: its radius is meant in other units.

        Raises:
            ValueError: says how far two such images can be apart.
        """
        farthest = float(self.norm(torch.ones_like(x[:1])))
        if self.radius > farthest:
            name, radius = type(self).__name__, write(self.radius)
            raise ValueError(
                f"The radius of {name} must be in pixels of [0, 1], and images of this size are at most {farthest:.4g} "
                f"apart. Found: {name}({radius}), which holds every image. Did you mean {name}({radius}/255)?"
            )

    def holds(self, delta: Images) -> Bool[Tensor, " batch"]:
        """Which perturbations are in the ball, up to what rounding may carry one out of it, pixel by pixel."""
        slack = self.radius * TOLERANCE + self.norm(torch.full_like(delta[:1], ROUNDING))
        allowed: Bool[Tensor, " batch"] = self.norm(delta) <= self.radius + slack
        return allowed


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
        """The direction of norm 1 along which a loss with this gradient rises fastest (zero for a zero gradient)."""
        return gradient.sign()

    def ascend(self, x: Images, x_adv: Images, gradient: Images, size: float) -> Images:
        step = x_adv + size * self.steepest(gradient)
        return (x + self.project(step - x)).clamp(0, 1)

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
        """The direction of norm 1 along which a loss with this gradient rises fastest (zero for a zero gradient)."""
        # Scaled by the largest entry first: the square of a tiny gradient underflows.
        largest = _column(gradient.flatten(1).abs().amax(1))
        scaled = gradient / largest.where(largest > 0, 1)
        length = _column(self.norm(scaled))
        return scaled / length.where(length > 0, 1)

    def ascend(self, x: Images, x_adv: Images, gradient: Images, size: float) -> Images:
        step = x_adv + size * self.steepest(gradient)
        return (x + self.project(step - x)).clamp(0, 1)

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

    def ascend(self, x: Images, x_adv: Images, gradient: Images, size: float) -> Images:
        """The step within [0, 1] that gains most by the gradient; what is too much is given back where it gains least.

        ``size`` is spent on the pixel values of largest gradient, each moved until it is black or white. What is then
        too much for the ball is taken from the changes that gain least. So with a linear loss the best point of ball
        and pixels is reached and not left again; one pixel value a step, or a soft threshold, would end beside it.
        """
        slope = gradient.flatten(1)
        room = torch.where(gradient > 0, 1 - x_adv, x_adv).flatten(1).clamp_min(0)
        filled = (x_adv - x).flatten(1) + slope.sign() * _spend(room, slope.abs(), size)
        excess = (filled.abs().sum(1, keepdim=True) - self.radius).clamp_min(0)
        delta = filled - filled.sign() * _spend(filled.abs(), -slope * filled.sign(), excess)
        return (x + self.project(delta.view_as(x))).clamp(0, 1)  # projected, as sums are rounded

    def uniform(self, x: Images, generator: Generator | None = None) -> Images:
        """Signed exponentials over their sum, with one exponential more that stays outside the image."""
        draws = -torch.log1p(-torch.rand(len(x), x[0].numel() + 1, dtype=x.dtype, device=x.device, generator=generator))
        signs = torch.rand(len(x), x[0].numel(), dtype=x.dtype, device=x.device, generator=generator).round() * 2 - 1
        return (self.radius * signs * draws[:, 1:] / draws.sum(1, keepdim=True)).view_as(x)


def _spend(
    room: Float[Tensor, "batch pixels"], worth: Float[Tensor, "batch pixels"], total: float | Float[Tensor, "batch 1"]
) -> Float[Tensor, "batch pixels"]:
    """How much goes to each pixel value when ``total`` is spent on the worthiest first, each up to its room."""
    order = worth.argsort(dim=1, descending=True)
    sorted_room = room.gather(1, order)
    spent_before = sorted_room.cumsum(1) - sorted_room
    spent = (total - spent_before).clamp_min(0).minimum(sorted_room)
    return torch.zeros_like(room).scatter(1, order, spent)


def _column(per_sample: PerSample) -> Tensor:
    """One number per image, shaped to multiply images."""
    return per_sample[:, None, None, None]
