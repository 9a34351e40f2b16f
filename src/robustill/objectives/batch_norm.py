"""BatchNorm's running averages as another sequence of forwards would leave them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from robustill.component import Component
from robustill.objectives.line import Line
from robustill.objectives.ramps import begun, check_begin


class Switched(Component):
    """A sequence of forwards that changes during training: that of IAD's code gains one when its second term begins.

    Attributes:
        begin: the share of the run, in [0, 1), after which ``after`` holds.
        before, after: points of the line, as in ``Method.bn_parity``.
    """

    begin: float
    before: tuple[float, ...]
    after: tuple[float, ...]

    def __post_init__(self) -> None:
        check_begin(self, self.begin)

    def __call__(self, progress: float) -> tuple[float, ...]:
        return self.after if begun(progress, self.begin) else self.before


def evaluate_like(student: nn.Module, line: Line, needed: Sequence[float], sequence: Sequence[float]) -> None:
    """Evaluates the student at the ``needed`` points of a line, leaving the averages of a pass over ``sequence``.

    A running average is r <- (1 - m)·r + m·s with s a batch's statistic. With m = 1 the buffers hold s itself after
    each forward; it is read off per point, and the averages of the sequence are folded by hand. A point of the
    sequence that the loss does not need is evaluated without gradients.
    """
    layers = [m for m in student.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    averages = [_copied(layer) for layer in layers]
    with _momentum_one(layers) as momenta:
        statistics = {}
        for c in dict.fromkeys((*needed, *sequence)):
            with torch.set_grad_enabled(c in needed):
                line.student(c)
            statistics[c] = [_copied(layer) for layer in layers]
    for i, (layer, momentum) in enumerate(zip(layers, momenta, strict=True)):
        mean, variance, count = averages[i]
        for c in sequence:
            mean = mean.lerp(statistics[c][i][0], momentum)
            variance = variance.lerp(statistics[c][i][1], momentum)
        for buffer, value in zip(_averages(layer), (mean, variance, count + len(sequence)), strict=True):
            buffer.data.copy_(value)  # .data: autograd saved the buffers and must not see it (it does not read them)


@contextmanager
def _momentum_one(layers: list[_BatchNorm]) -> Iterator[list[float]]:
    momenta = [layer.momentum for layer in layers if layer.momentum is not None]
    if len(momenta) < len(layers):
        raise ValueError("bn_parity requires BatchNorm with a momentum. Found: momentum=None, a cumulative average.")
    for layer in layers:
        layer.momentum = 1.0
    try:
        yield momenta
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def _averages(layer: _BatchNorm) -> tuple[Tensor, Tensor, Tensor]:
    """The layer's own buffers: running mean, running variance, number of batches."""
    assert layer.running_mean is not None and layer.running_var is not None and layer.num_batches_tracked is not None
    return layer.running_mean, layer.running_var, layer.num_batches_tracked


def _copied(layer: _BatchNorm) -> tuple[Tensor, Tensor, Tensor]:
    mean, variance, count = _averages(layer)
    return mean.clone(), variance.clone(), count.clone()
