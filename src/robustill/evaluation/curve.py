"""Accuracy against the radius of the budget, at about twice the price of one radius.

A larger ball holds the smaller one: what breaks an image at one radius breaks it at every larger one, and an image that
withstands a radius counts as withstanding every smaller one. So each image needs a bisection over the radii and not all
of them, and its verdicts fall with the radius by construction. The price is paid by the images that withstand, since a
broken one leaves the search: of n further radii an image withstands at most ⌊log₂(n + 1)⌋ at full length.

Two readings differ from attacking every image at every radius. An image that the model gets wrong without an attack is
broken at every radius. And where an attack fails in a large ball and would have succeeded in a smaller one, by the luck
of its noise, the image counts as robust in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from robustill.attacks import Adversary, Budget, Clean
from robustill.component import write
from robustill.evaluation.accuracy import Under
from robustill.evaluation.judge import judge
from robustill.evaluation.measurement import Measurement
from robustill.evaluation.radius import budget_of, rescaled
from robustill.types import Images, Labels


@dataclass(frozen=True)
class Curve(Measurement):
    """An adversary's verdicts at its own radius, and at others.

    Kept as :class:`Under` keeps them, from the same noise, and as ``withstood_NAME``: how many of :attr:`radii` the
    image withstood.

    Attributes:
        under: the adversary; its own radius is tried first, so that this number is the one without a curve.
        others: the other radii.
    """

    under: Under
    others: tuple[float, ...]

    def __post_init__(self) -> None:
        if budget_of(self.under.adversary) is None:
            raise ValueError(f"A curve over radii needs an adversary with a budget. Found: {self.under.adversary}.")
        for other in self.others:
            rescaled(self.under.adversary, other)  # refuses what is no radius, before anything is measured

    @property
    def name(self) -> str:  # type: ignore[override]  # the adversary's
        return self.under.name

    @property
    def own(self) -> float:
        """The radius of the adversary itself."""
        budget = budget_of(self.under.adversary)
        assert budget is not None
        return budget.radius

    @property
    def radii(self) -> tuple[float, ...]:
        """0 for the image itself, then every radius, ascending."""
        return (0.0, *sorted({self.own, *self.others}))

    def at(self, index: int) -> Adversary:
        """What attacks at one of the radii."""
        return rescaled(self.under.adversary, self.radii[index]) if index else Clean()

    @property
    def text(self) -> str:
        return f"{self.under.text} at radii {', '.join(map(write, self.radii))}"

    @property
    def passes(self) -> float:
        own, last = self.radii.index(self.own), len(self.radii) - 1
        return 1 + self.under.passes * (1 + max(withstood(own - 1), withstood(last - own)))

    @property
    def adversaries(self) -> tuple[Adversary, ...]:
        return self.under.adversaries

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return Under(self.name, self.at(-1)).budgets

    def __call__(self, model: nn.Module, x: Images, y: Labels, generator: Generator) -> dict[str, Tensor]:
        first = self.under(model, x, y, generator)
        right = judge(model, Clean(), x, x, y)
        own, last = self.radii.index(self.own), len(self.radii) - 1
        stands = right & first[f"correct_{self.name}"]
        low = torch.where(stands, own, 0)  # the largest radius that was withstood
        high = torch.where(stands, last, own - 1).where(right, 0)  # the largest that may be
        while (low < high).any():
            middle = torch.where(low < high, low + (high - low) // 2 + 1, 0)
            for index in middle.unique().tolist():
                if not index:
                    continue  # the images of which everything is known
                rows = (middle == index).nonzero().squeeze(1)
                adversary = self.at(index)
                x_adv = adversary(model, x[rows], y[rows], generator=generator)
                holds = judge(model, adversary, x[rows], x_adv, y[rows])
                low[rows] = torch.where(holds, index, low[rows])
                high[rows] = torch.where(holds, high[rows], index - 1)
        return first | {f"withstood_{self.name}": torch.where(right, low + 1, 0).to(torch.int16)}


def withstood(radii: int) -> int:
    """How many of so many further radii an image can withstand in a bisection that tries the larger middle first."""
    return (radii + 1).bit_length() - 1
