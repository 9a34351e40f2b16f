"""The network under audit with its images, and what has been found out about it: nothing is computed twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int64
from torch import Tensor, nn

from robustill.attacks import (
    DLR,
    PGD,
    Adversary,
    Attack,
    AutoAttack,
    Budget,
    CrossEntropy,
    Linf,
    LogitLoss,
    Margin,
    Staged,
)
from robustill.attacks.base import frozen, gradient_of
from robustill.attacks.search import classify
from robustill.attacks.starts import Uniform
from robustill.audit.record import Record
from robustill.audit.watch import Seen, watch
from robustill.component import Component
from robustill.data.batches import in_order
from robustill.data.seeds import generator
from robustill.data.split import Split
from robustill.evaluation.device import device_of
from robustill.precision import at_least_float32
from robustill.types import Images, Labels, Logits, PerSample

Flags = Bool[Tensor, " batch"]
BATCH = 128


class Effort(Component):
    """How much an audit may take.

    Attributes:
        samples: images, a stratified sample.
        strong: on how many of them AutoAttack and the teacher are run.
        steps: of PGD.
        restarts: starts of PGD, the first included, where restarts are asked about.
        version: of AutoAttack; "standard" ends with FAB-T and Square.
        queries: of Square after AutoAttack, where its version has none.
    """

    samples: int = 256
    strong: int = 64
    steps: int = 20
    restarts: int = 5
    version: str = "quick"
    queries: int = 200

    def __post_init__(self) -> None:
        for name, least in (("samples", 1), ("strong", 1), ("steps", 1), ("restarts", 2), ("queries", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"Effort requires {name} of at least {least}. Found: {getattr(self, name)}.")


QUICK = Effort()
FULL = Effort(samples=1000, strong=1000, version="standard")


class Attacked(NamedTuple):
    """What an attack made of the images.

    Attributes:
        images: what it returned.
        correct: whether the network is right on each of them.
        touched: whether the network erred on any image that the attack looked at; None where nobody watched.
    """

    images: Images
    correct: Flags
    touched: Flags | None = None


@dataclass(frozen=True, eq=False)
class Subject:
    """A network from images in [0, 1] to logits, images and labels, and all that the checks want to know.

    Attributes:
        model: on one device, which the images are brought to.
        split: the images.
        budget: the ball that attacks search.
        effort: how much the audit may take; its ``samples`` has been seen to.
        seed: of every draw.
        teacher: the network that the model was distilled from, with the images that AutoAttack sees.
        rest: the images of the same source that the audit does without; None where it takes all.
        record: what is known about the model from before.
        was_training: whether it was handed over in train mode.
    """

    model: nn.Module
    split: Split
    budget: Budget
    effort: Effort = QUICK
    seed: int = 0
    teacher: Subject | None = None
    rest: Split | None = None
    record: Record = Record()
    was_training: bool = False

    @cached_property
    def device(self) -> torch.device:
        return device_of(self.model)

    @cached_property
    def x(self) -> Images:
        return torch.cat([x for x, _ in in_order(self.split.to(self.device), BATCH)])

    @cached_property
    def y(self) -> Labels:
        return self.split.labels.to(self.device)

    @property
    def others(self) -> Split:
        """Images like these: those for training where they are known, or the rest, or else these themselves."""
        return self.record.train or self.rest or self.split

    def __len__(self) -> int:
        return len(self.split)

    @cached_property
    def classes(self) -> int:
        return self.logits.shape[1]

    @property
    def chance(self) -> float:
        return 1 / self.classes

    @cached_property
    def spread(self) -> Int64[Tensor, " images"]:
        """The images in an order of which every beginning has as many of each class as there are."""
        rank = (self.y[:, None] == self.y).tril(-1).sum(1)  # which image of its class it is
        return (rank * (int(self.y.max()) + 1) + self.y).argsort()

    def few(self, count: int) -> tuple[Images, Labels]:
        """Some images and their classes: for what needs no statistics."""
        return self.x[self.spread[:count]], self.y[self.spread[:count]]

    # what the network says

    def ask(self, x: Images, *, batch: int = BATCH) -> Logits:
        """Its logits in eval mode, so many images at a time."""
        with frozen(self.model):
            return torch.cat([classify(self.model, part) for part in x.split(batch)])

    @cached_property
    def logits(self) -> Logits:
        return self.ask(self.x)

    @cached_property
    def correct(self) -> Flags:
        return self.logits.argmax(1) == self.y

    @cached_property
    def seen(self) -> Seen:
        """A forward, watched."""
        with frozen(self.model), torch.no_grad():
            return watch(self.model, self.few(8)[0])

    # its gradients

    @cached_property
    def _gradients(self) -> dict[LogitLoss, Images]:
        return {}

    def gradient(self, loss: LogitLoss) -> Images:
        """The input gradient of every image."""
        if loss not in self._gradients:
            self._gradients[loss] = self.gradient_at(loss, self.x, self.y)
        return self._gradients[loss]

    def gradient_at(self, loss: LogitLoss, x: Images, y: Labels) -> Images:
        """The input gradient at other points."""

        def of(image: Images, label: Labels) -> Images:
            return gradient_of(lambda moved: loss(at_least_float32(self.model(moved)), label), image)

        with frozen(self.model):
            return torch.cat([of(*part) for part in zip(x.split(BATCH), y.split(BATCH), strict=True)])

    @property
    def scale_free(self) -> LogitLoss:
        """A loss that does not saturate: DLR, or the margin where there are too few classes for a ratio."""
        return DLR() if self.classes >= 3 else Margin()

    # under attack

    @cached_property
    def strong(self) -> Int64[Tensor, " strong"]:
        """The images that AutoAttack is run on."""
        return self.spread[: self.effort.strong].sort().values

    def ball(self, times: float) -> Budget:
        """The budget with so many times the radius; no pixel can move by more than 1."""
        radius = self.budget.radius * times
        return replace(self.budget, radius=min(radius, 1.0) if isinstance(self.budget, Linf) else radius)

    def pgd(self, budget: Budget | None = None, *, times: int = 1) -> PGD:
        """The attack of the papers' tables: a uniform start, steps of a quarter of the radius."""
        budget = budget or self.budget
        return PGD(budget=budget, steps=times * self.effort.steps, step_size=budget.radius / 4, start=Uniform())

    @property
    def _batches(self) -> Iterable[tuple[Images, Labels]]:
        return zip(self.x.split(BATCH), self.y.split(BATCH), strict=True)

    @cached_property
    def _attacked(self) -> dict[Adversary, Attacked]:
        return {}

    def under(self, adversary: Adversary) -> Attacked:
        """All images under an attack; two attacks that start at random start at the same points."""
        if adversary not in self._attacked:
            parts = [self._attack(adversary, step, *part) for step, part in enumerate(self._batches)]
            images, correct, touched = zip(*parts, strict=True)
            watched = None if touched[0] is None else torch.cat(touched)
            self._attacked[adversary] = Attacked(torch.cat(images), torch.cat(correct), watched)
        return self._attacked[adversary]

    def robust(self, adversary: Adversary) -> float:
        """The share of the images that stay right."""
        return float(self.under(adversary).correct.double().mean())

    def _attack(self, adversary: Adversary, step: int, x: Images, y: Labels) -> Attacked:
        noise = self.noise("attack", step)
        with frozen(self.model):
            if not isinstance(adversary, Attack):
                x_adv = adversary(self.model, x, y, generator=noise)
                return Attacked(x_adv, classify(self.model, x_adv).argmax(1) == y)
            touched = torch.zeros_like(y, dtype=torch.bool)

            def loss(image: Images) -> PerSample:
                logits = at_least_float32(self.model(image))
                touched.logical_or_(logits.argmax(1) != y)
                return CrossEntropy()(logits, y)

            x_adv = adversary.maximize(loss, x, generator=noise)
            correct = classify(self.model, x_adv).argmax(1) == y
            return Attacked(x_adv, correct, touched | ~correct)

    @cached_property
    def autoattack(self) -> Staged:
        """AutoAttack on the images of ``strong``."""
        attack = AutoAttack(budget=self.budget, version=self.effort.version, batch_size=BATCH)
        rows = self.strong
        return attack.staged(self.model, self.x[rows], self.y[rows], generator=self.noise("autoattack"))

    @cached_property
    def stands(self) -> Flags:
        """Which images of ``strong`` AutoAttack left standing."""
        return self.autoattack.broken_by < 0

    def noise(self, *place: str | int) -> torch.Generator:
        """The generator for one purpose."""
        return generator(self.seed, "audit", *place, device=self.device)
