"""Wu, Xia, Wang: Adversarial Weight Perturbation Helps Robust Generalization. NeurIPS 2020, arXiv 2004.05884.

    v_l = γ ‖w_l‖ g_l / ‖g_l‖,    g the gradient of the loss at w            w <- w - lr · ∇ loss(w + v)

One step of ascent, layer by layer, on the loss that is descended, at the same adversarial images; descent takes the
gradient at the perturbed weights. Only weights of two dimensions or more are perturbed, as in the authors' code, which
makes the same v with a copy of the network and an optimizer of its own: its learning rate cancels out. One deviation:
the weights are put back before the optimizer's step, so weight decay pulls w and not w + v.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from robustill.component import Component
from robustill.objectives.ramps import begun, check_begin

Gradient = Callable[[Sequence[nn.Parameter]], Sequence[Tensor]]


class AWP(Component):
    """Descends the loss at the worst weights nearby; composes with every method, for one student pass more.

    Attributes:
        gamma: the size of the perturbation of a layer over the size of its weights; the paper: 0.01 for adversarial
            training, 0.005 for TRADES.
        begin: the share of the run, in [0, 1), that goes without; the authors' TRADES: 0.05, 10 of 200 epochs.
    """

    gamma: float = 0.01
    begin: float = 0.0

    def __post_init__(self) -> None:
        check_begin(self, self.begin)
        if not 0 < self.gamma < float("inf"):
            raise ValueError(f"AWP requires a positive, finite gamma. Found: {self.gamma}.")

    @contextmanager
    def __call__(self, student: nn.Module, gradient: Gradient, progress: float) -> Iterator[None]:
        """Within, the student's weights are those that the loss fears; afterwards they are exactly as before.

        Args:
            student: only its weights move; BatchNorm's averages stay as they are, ``.grad`` too.
            gradient: of the loss with respect to the weights it is given; called once, at the weights as they are.
            progress: the current epoch, counted from 1, over all epochs.
        """
        if not begun(progress, self.begin):
            yield
            return
        weights = [p for p in student.parameters() if p.requires_grad and p.ndim > 1]
        buffers = [buffer.clone() for buffer in student.buffers()]
        gradients = gradient(weights)
        before = [weight.detach().clone() for weight in weights]
        with torch.no_grad():
            for buffer, value in zip(student.buffers(), buffers, strict=True):
                buffer.copy_(value)
            for weight, g in zip(weights, gradients, strict=True):
                length = g.norm()
                weight.add_(g * (self.gamma * weight.norm() / length.where(length > 0, 1)))
        try:
            yield
        finally:
            with torch.no_grad():
                for weight, value in zip(weights, before, strict=True):
                    weight.copy_(value)
