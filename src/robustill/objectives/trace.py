"""Finding what an objective asks of a line: it is run once on a toy line. Nothing is declared."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Generator

from robustill.objectives.line import Line
from robustill.objectives.points import Points
from robustill.types import Images, Logits, PerSample


@lru_cache(maxsize=1024)
def trace(objective: Callable[[Line], PerSample], progress: float = 1.0) -> Points:
    """Finds what an objective (hashable, as components are) asks for at a progress, on a toy line."""
    blank = torch.zeros(1, 1, 1, 1)
    toy = Line(
        _toy,
        _toy,
        blank,
        torch.zeros(1, dtype=torch.int64),
        blank + 1,
        natural_teacher=_toy,
        progress=progress,
        generator=Generator(),
    )
    with torch.enable_grad():
        objective(toy)
    return toy.asked()


def _toy(image: Images) -> Logits:
    return image.flatten(1) * torch.arange(3.0)
