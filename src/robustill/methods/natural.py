"""Ordinary training on clean images, the baseline without an attack. It has no paper.

    outer:  CE(S(x), y)            inner:  none

For naturally trained teachers (IAD-II has one) and for comparisons. ``robustill train --method "Natural()" --attack
"Clean()"`` also chooses the best epoch by clean accuracy; with an attack it is chosen by the accuracy under it.

Deviations: none.
"""

from __future__ import annotations

from robustill.attacks.starts import Start, Uniform
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.line import Line
from robustill.types import PerSample


class Natural(Method):
    """Cross-entropy on the clean image; nothing is attacked."""

    inner: InnerLoss | None = None
    start: Start = Uniform()

    def outer(self, line: Line) -> PerSample:
        return line.cross_entropy(line.student(0))
