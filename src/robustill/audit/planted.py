"""D: the attack itself, on problems whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from robustill.attacks import AutoAttack, Budget, frozen
from robustill.attacks.hyperplane import nearest_on_hyperplane
from robustill.attacks.search import column
from robustill.audit.check import CONTRACT, Check, Reading, Skipped
from robustill.audit.subject import BATCH, Subject
from robustill.data.batches import in_order
from robustill.data.seeds import mix, permutation
from robustill.data.split import Split
from robustill.models import SmallCNN, create_model
from robustill.types import Images, Labels, Logits, PerSample

FEW = 32
"""Images in each of which an adversarial example is planted."""
INNER = 64
"""Points of an image's ball on which the read-out is negative."""
STEPS, TOGETHER, TRAINED_ON = 200, 64, 1000
"""Of normal training: steps, images in each, images in all."""
TARGETED = 10
"""Classes of which AutoAttack tries every wrong one."""
BAND = 0.02
"""Of the radius, around the border of what is robust."""

Features = Float[Tensor, "batch features"]


class FindsWhatIsPlanted(Check):
    """Planted adversarial examples that PGD does not find.

    Zimmermann, Brendel, Tramer, Carlini: Increasing Confidence in Adversarial Robustness Evaluations, NeurIPS 2022,
    arXiv 2206.13991. For each image a point of the ball is drawn, and a linear read-out of the network's features is
    fitted that is positive there and negative on 64 others: an adversarial example exists. Climbing the read-out must
    find one; drawing points must not.
    """

    id = "D27"
    title = "PGD finds an adversarial example that is planted"
    meaning = "The attack fails through this network even where success is certain; its failures prove nothing."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0
    fail: float = 0.05

    def measure(self, subject: Subject) -> Reading | Skipped:
        (x, _), noise = subject.few(FEW), subject.noise("planted")
        features = _Features(subject.model)
        planted = features(_on_the_sphere(x, subject.budget, noise))
        inner = torch.stack([features(_on_the_sphere(x, subject.budget, noise)) for _ in range(INNER)], 1)
        centre = inner.mean(1)
        weight = planted - centre
        height = (weight * weight).sum(1)
        highest = ((inner - centre[:, None]) * weight[:, None]).sum(2).amax(1)
        level = highest + 0.9 * (height - highest)

        def score(image: Images) -> PerSample:
            return ((features(image) - centre) * weight).sum(1) - level

        exists = height > highest
        draws = [score(_on_the_sphere(x, subject.budget, noise)) > 0 for _ in range(2 * subject.effort.steps)]
        with frozen(subject.model):
            found = score(subject.pgd().maximize(score, x, generator=noise)).detach() > 0
        easy = torch.stack(draws).any(0)
        n, lucky = int(exists.sum()), int((easy & exists).sum())
        if not n or lucky > n / 2:
            return Skipped(f"random draws find {lucky} of {n} planted examples: no test of an attack")
        return Reading.share(int((exists & ~found).sum()), n, f"planted examples are missed; {lucky} by chance alone")


class BreaksNormalTraining(Check):
    """Robust accuracy of a small network trained normally: at the budget what warns, at four times that what fails.

    Under PGD. A budget may be small for its images, an attack may not fail.
    """

    id = "D28"
    title = "The same attack breaks a normally trained network"
    meaning = (
        "Networks that nobody made robust withstand: the budget is too small for these images, or the attack fails."
    )
    unit = "%"
    fail: float = 0.05

    def measure(self, subject: Subject) -> Reading:
        network = _normally_trained(subject)
        normal = Subject(network, subject.split, subject.budget, subject.effort, subject.seed)
        wide = subject.ball(4)
        at_budget, at_four_times = normal.robust(normal.pgd()), normal.robust(normal.pgd(wide))
        clean = float(normal.correct.double().mean())
        said = f"{at_budget:.1%} stand, {at_four_times:.1%} at {wide}; {clean:.1%} clean"
        return Reading(at_budget, said, least=at_four_times)


class ExactOnLinear(Check):
    """Images on which AutoAttack's verdict on a linear network is not the known one.

    An image is robust exactly when no hyperplane between its class and another is within the radius, inside [0, 1].
    Images whose distance is within 2 % of the radius are left out: rounding decides there.
    """

    id = "D29"
    title = "AutoAttack is exact on a linear network"
    meaning = "The attack, as it is called here, misses what can be computed with pen and paper."
    unit = "%"
    fail: float = 0

    def measure(self, subject: Subject) -> Reading | Skipped:
        labels = subject.split.labels % TARGETED  # of more classes, every tenth is one: AutoAttack has nine targets
        if len(labels.unique()) < 2:
            return Skipped("all images are of one class: nothing for a linear network to tell apart")
        split = replace(subject.split, labels=labels)
        network = _nearest_mean(subject.x, labels.to(subject.device))
        linear = Subject(network, split, subject.budget, subject.effort, subject.seed)
        distance = _distance(network, linear)
        robust = distance > subject.budget.radius
        clear = (distance / subject.budget.radius - 1).abs() > BAND
        attack = AutoAttack(budget=subject.budget, version="quick", batch_size=BATCH)
        broken = attack.staged(network, linear.x, linear.y, generator=linear.noise("linear")).broken_by >= 0
        wrong = clear & (robust == broken)
        said = f"verdicts are wrong; {int((robust & clear).sum())} images are robust"
        return Reading.share(int(wrong.sum()), int(clear.sum()), said)


class _Features:
    """What enters the last linear layer of a network; its logits where there is none."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
        self.layer = linear[-1] if linear else None

    def __call__(self, x: Images) -> Features:
        entered: list[Tensor] = []
        hook = self.layer and self.layer.register_forward_pre_hook(
            lambda module, given, named: entered.append((*given, *named.values())[0]), with_kwargs=True
        )
        try:
            with frozen(self.model):
                logits = self.model(x)
        finally:
            if hook:
                hook.remove()
        return (entered[-1] if entered else logits).flatten(1)


def _on_the_sphere(x: Images, budget: Budget, noise: torch.Generator) -> Images:
    """A random point at the border of the ball, clipped to [0, 1]."""
    delta = budget.uniform(x, noise)
    return (x + delta * column(budget.radius / budget.norm(delta))).clamp(0, 1)


def _normally_trained(subject: Subject) -> nn.Module:
    """A small convolutional network trained on other images than the audited, without any attack."""
    x, y = next(in_order(_some(subject.others, subject.seed).to(subject.device), TRAINED_ON))
    with torch.random.fork_rng():
        torch.manual_seed(mix(subject.seed, "audit", "normal"))
        network = create_model(SmallCNN(width=16), subject.classes, in_channels=x.shape[1]).to(subject.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for step in range(STEPS):
        rows = permutation(len(x), subject.seed, "normal", step)[:TOGETHER]
        loss = F.cross_entropy(network(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def _some(split: Split, seed: int) -> Split:
    return split if len(split) <= TRAINED_ON else split.stratified(TRAINED_ON, seed)


class _Linear(nn.Module):
    """``W x + b`` on the pixels."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.weight: Tensor
        self.bias: Tensor

    def forward(self, x: Images) -> Logits:
        return F.linear(x.flatten(1), self.weight, self.bias)


def _nearest_mean(x: Images, y: Labels) -> _Linear:
    """The class whose mean image is nearest: linear in the pixels, without any training."""
    counts = y.bincount()
    means = torch.zeros(len(counts), x[0].numel(), device=x.device).index_add(0, y, x.flatten(1))
    means = means / counts.clamp_min(1)[:, None]
    return _Linear(means, -means.square().sum(1) / 2)


def _distance(network: _Linear, subject: Subject) -> PerSample:
    """How far the nearest other class is from each image, in the budget's norm; 0 where the network errs."""
    logits, y = network(subject.x), subject.y
    nearest = torch.full((len(y),), torch.inf, device=logits.device)
    for other in range(logits.shape[1]):
        normal = network.weight[other] - network.weight[y]
        lead = logits[:, other] - _own(logits, y)
        way = nearest_on_hyperplane(subject.x.flatten(1), normal, lead, subject.budget)
        reaches = (lead + (normal * way).sum(1)).abs() < 1e-4
        far = torch.where(reaches & (y != other), subject.budget.norm(way.view_as(subject.x)), torch.inf)
        nearest = torch.minimum(nearest, torch.where(lead >= 0, 0.0, far).where(y != other, torch.inf))
    return nearest


def _own(logits: Logits, y: Labels) -> PerSample:
    return logits.gather(1, y[:, None]).squeeze(1)
