"""The ways in which a step is made faster, one around the other in the only order that works."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from robustill.training.compilation import Compiled
from robustill.training.cudnn import benchmarked
from robustill.training.graph import Recorded
from robustill.training.step import Descend


def accelerated(
    descend: Descend,
    student: nn.Module,
    teachers: Iterable[nn.Module | None] = (),
    *,
    compile: bool = False,
    cudnn_benchmark: bool = False,
    record: bool = False,
) -> Descend:
    """The same descent, made faster. What is recorded is what was compiled, by the algorithms that cuDNN found fastest.

    Args:
        descend: from images, labels, progress and generator to a descent.
        student: whose gradients it finds.
        teachers: the other networks that it asks; None where there is none.
        compile, cudnn_benchmark: as in ``fit``.
        record: whether it is recorded as a CUDA graph; only where ``recordable`` says so.
    """
    if compile:
        descend = Compiled(descend, [student, *(teacher for teacher in teachers if teacher is not None)])
    if cudnn_benchmark:
        descend = benchmarked(descend)
    return Recorded(descend, student) if record else descend
