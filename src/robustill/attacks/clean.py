"""No attack: the baseline of every evaluation."""

from __future__ import annotations

from torch import Generator

from robustill.attacks.base import Attack, Loss
from robustill.attacks.starts import Start
from robustill.types import Images


class Clean(Attack):
    """Leaves the images as they are."""

    def maximize(
        self, loss: Loss, x: Images, *, start: Start | None = None, generator: Generator | None = None
    ) -> Images:
        return x.detach()
