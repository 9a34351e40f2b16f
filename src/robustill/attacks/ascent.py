"""An attack on any loss of the logits, with restarts: PGD on the margin of Carlini and Wagner, PGD-20 from 5 starts."""

from __future__ import annotations

from itertools import repeat

from torch import Generator, nn

from robustill.attacks.base import Adversary, Attack, frozen
from robustill.attacks.losses import CrossEntropy, LogitLoss
from robustill.attacks.search import Mask, Rows, classify, conquer, in_parts
from robustill.precision import at_least_float32
from robustill.types import Images, Labels


class Ascent(Adversary):
    """Climbs a loss with an attack, anew from another start for the images that still stand.

    An image that withstood every restart comes back as it was.

    Attributes:
        attack: how the loss is climbed, such as PGD.
        loss: what is climbed.
        restarts: how often the search is made; more than once is of use only to an attack that draws its start.
    """

    attack: Attack
    loss: LogitLoss = CrossEntropy()
    restarts: int = 1

    def __post_init__(self) -> None:
        if self.restarts < 1:
            raise ValueError(f"Ascent requires at least 1 restart, the first search. Found: restarts={self.restarts}.")

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        def climbed(x: Images, y: Labels) -> Images:
            return self.attack.maximize(
                lambda image: self.loss(at_least_float32(model(image)), y), x, generator=generator
            )

        def search(rows: Rows) -> tuple[Images, Mask]:
            found = in_parts(climbed, x[rows], y[rows], generator)
            return found, classify(model, found).argmax(1) != y[rows]

        with frozen(model):
            return conquer(x, classify(model, x).argmax(1) == y, repeat(search, self.restarts))
