"""Andriushchenko, Croce, Flammarion, Hein: Square Attack: a query-efficient black-box adversarial attack via
random search. ECCV 2020, arXiv 1912.00049.

A square of the image is changed at random (``strokes``); the change stays if the margin z_y - max_{i≠y} z_i falls.
Squares shrink as the search goes on.
"""

from __future__ import annotations

import torch
from torch import Generator, nn

from robustill.attacks.base import Adversary, frozen
from robustill.attacks.budgets import Budget, Linf
from robustill.attacks.canvas import Canvas, Whole
from robustill.attacks.losses import margin
from robustill.attacks.patchwise import canvas
from robustill.attacks.search import Mask, Rows, classify, conquer
from robustill.attacks.strokes import Bumps, Squares
from robustill.types import Images, Labels

SHRINKS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""After each of these queries the squares cover half as much."""


class Square(Adversary):
    """A random search that sees nothing but logits; an image that withstood comes back as it was.

    One square is drawn for all images that still stand, as in the authors' code, so what is found depends a little on
    which images are attacked together.

    Attributes:
        budget: the ball to search.
        queries: how many changes are tried.
        share: of the image, that the first squares cover.
    """

    budget: Budget
    queries: int = 5000
    share: float = 0.8

    def __post_init__(self) -> None:
        if self.queries < 1 or not 0 < self.share <= 1:
            raise ValueError(
                "Square requires at least 1 query and a share in (0, 1]. "
                f"Found: queries={self.queries}, share={self.share}."
            )

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        def search(rows: Rows) -> tuple[Images, Mask]:
            return self._run(model, x[rows].detach(), y[rows], generator)

        with frozen(model), torch.no_grad():
            return conquer(x, classify(model, x).argmax(1) == y, [search])

    def _run(self, model: nn.Module, x: Images, y: Labels, generator: Generator | None) -> tuple[Images, Mask]:
        shares = [self.share / 2 ** sum(query > last for last in SHRINKS) for query in range(self.queries)]
        strokes = (Squares if isinstance(self.budget, Linf) else Bumps)(x, self.budget, shares, generator)
        rows = torch.arange(len(x), device=x.device)
        board: Canvas = Whole(model, strokes.first())
        lead = margin(classify(model, board.images), y)
        found, fooled = board.images.clone(), lead <= 0
        stay, size = ~fooled, None
        for query in range(self.queries):
            if not stay.all():
                rows, y, lead = rows[stay], y[stay], lead[stay]
                strokes.keep(stay)
                board.keep(stay)
            if not len(rows):
                break
            if strokes.size(query) != size:
                size = strokes.size(query)
                board = canvas(model, board.images, size)
            trial = margin(board.paint(*strokes.stroke(query, board.images)), y)
            better, stay = (trial < lead) | (trial <= 0), trial > 0
            board.accept(better)
            lead = torch.where(better, trial, lead)
            if not stay.all():
                found[rows[~stay]], fooled[rows[~stay]] = board.images[~stay], True
        return found, fooled
