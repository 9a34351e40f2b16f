"""B: the health of the gradients that attacks follow."""

from __future__ import annotations

import torch

from robustill.attacks import Ascent, CrossEntropy, LogitLoss, Margin
from robustill.audit.check import CONTRACT, Check, Reading, Skipped
from robustill.audit.subject import Flags, Subject
from robustill.component import spelled
from robustill.evaluation import remainder_proportion
from robustill.types import Images, PerSample

FEW = 64
"""Images for what no statistics are needed for."""
LEVEL = 1 / 255


class ZeroGradients(Check):
    """Images, of those classified correctly, whose input gradient is exactly zero, for cross-entropy or for DLR.

    Where the network errs already, DLR may be constant without any defect.
    """

    id = "B11"
    title = "Input gradients that are exactly zero"
    meaning = "Attacks stand still on these images; they count as robust because nobody attacked them."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0
    fail: float = 0.01

    def measure(self, subject: Subject) -> Reading:
        losses: tuple[LogitLoss, ...] = (CrossEntropy(), subject.scale_free)
        right = subject.correct
        zero = {spelled(type(loss)): int(_lengths(subject.gradient(loss)[right]).eq(0).sum()) for loss in losses}
        said = ", ".join(f"{count} of {name}" for name, count in zero.items())
        return Reading.share(max(zero.values()), int(right.sum()), f"images ({said})")


class Saturation(Check):
    """Images with a softmax of 1.0 that PGD on cross-entropy leaves standing and PGD on the margin breaks.

    At four times the budget, where there is more to lose.
    """

    id = "B12"
    title = "Cross-entropy saturates"
    meaning = "The softmax is 1.0 in float32 and its gradient lost; a margin loss breaks what cross-entropy cannot."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0
    fail: float = 0.005

    def measure(self, subject: Subject) -> Reading:
        saturated = subject.logits.softmax(1).amax(1) == 1
        pgd = subject.pgd(subject.ball(4))
        by_cross_entropy = subject.under(pgd).correct
        by_margin = subject.under(Ascent(attack=pgd, loss=Margin())).correct
        saved = saturated & by_cross_entropy & ~by_margin
        said = (
            f"images are saved by it; {int(saturated.sum())} saturated; at {pgd.budget} {_percent(by_cross_entropy)} "
            f"stand on cross-entropy, {_percent(by_margin)} on the margin"
        )
        return Reading.share(int(saved.sum()), len(subject), said)


class FiniteDifferences(Check):
    """The relative error of the gradient's slope along its own sign against a central difference of 1/16 of a level.

    Of the loss that does not saturate; the median over the images. Pixels at 0 and 1, where a clamp has two slopes,
    stay.
    """

    id = "B13"
    title = "Gradients are slopes"
    meaning = "The backward pass is of another function than the forward: a detour for gradients, or a part cut off."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0.1
    fail: float = 0.5

    def measure(self, subject: Subject) -> Reading | Skipped:
        loss, h = subject.scale_free, LEVEL / 16
        x, y = subject.few(FEW)
        gradient = subject.gradient_at(loss, x, y)
        way = gradient.sign() * ((x > h) & (x < 1 - h))
        slope = (gradient * way).flatten(1).sum(1)
        rise = (loss(subject.ask(x + h * way), y) - loss(subject.ask(x - h * way), y)) / (2 * h)
        moved = slope != 0
        error = ((slope - rise).abs() / (slope.abs() + rise.abs()).clamp_min(1e-30))[moved]
        if not len(error):
            return Skipped("only pixels at 0 and 1 have a gradient" if gradient.any() else "every gradient is zero")
        median = float(error.median())
        return Reading.of(median, f"{median:.1%} off in the median of {len(error)} images")


class Stable(Check):
    """1 - the median cosine of the gradients at an image and a step of uniform noise, an eighth of the budget, away."""

    id = "B14"
    title = "Gradients do not turn with noise"
    meaning = "Gradients point somewhere else after an imperceptible step: shattered, and of no use to an attack."
    presupposes = CONTRACT
    warn: float = 0.5
    fail: float = 0.9

    def measure(self, subject: Subject) -> Reading | Skipped:
        x, y = subject.few(FEW)
        near = (x + subject.budget.uniform(x, subject.noise("stable")) / 8).clamp(0, 1)
        here, there = (subject.gradient_at(subject.scale_free, points, y) for points in (x, near))
        moved = _lengths(here) > 0
        if not moved.any():
            return Skipped("every gradient is zero")
        lengths = (_lengths(here) * _lengths(there)).clamp_min(1e-300)
        cosine = float(((here.double() * there.double()).flatten(1).sum(1) / lengths)[moved].median())
        return Reading.of(1 - cosine, f"cosine {cosine:.3f} in the median of {int(moved.sum())} images")


class Linear(Check):
    """The median share of the logits that their linearisation does not foresee, under uniform noise of the budget."""

    id = "B15"
    title = "Locally linear"
    meaning = "Within the budget gradients foretell little; attacks need many steps, and IGDM rests on the opposite."
    presupposes = CONTRACT
    warn: float = 0.1
    fail: float = 0.5

    def measure(self, subject: Subject) -> Reading:
        x, _ = subject.few(FEW)
        noise = subject.budget.uniform(x, subject.noise("linear"))
        share = float(remainder_proportion(subject.model, x, noise).median())
        return Reading.of(share, f"remainder {share:.3f} in the median of {len(x)} images")


def _lengths(gradient: Images) -> PerSample:
    """In float64: the squares of a confident network's gradients underflow in float32."""
    lengths: PerSample = torch.linalg.vector_norm(gradient.flatten(1).double(), dim=1)
    return lengths


def _percent(flags: Flags) -> str:
    return f"{float(flags.double().mean()):.1%}"
