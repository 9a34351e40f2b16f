"""What two processes do in the tests, and what one does alone: ``torchrun -m tests.training.together FOLDER``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Generator, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from robustill.attacks import PGD, VMIFGSM, Attack, Linf
from robustill.attacks.base import Loss
from robustill.attacks.budgets import L2
from robustill.attacks.starts import Start
from robustill.cli import main
from robustill.data import Batches, CropFlip, Split
from robustill.data.batches import Share
from robustill.methods.adaad import AdaAD
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.objectives import IGDM
from robustill.team import Team, gathered, here
from robustill.torchrun import rank
from robustill.training import AWP, EMA, SGD, SWA, NonFinite, fit
from robustill.types import Images, Labels, Pixels
from tests.networks import TinyConvNet, conv_net, frozen_teacher, labels, seeded

IMAGES, BATCH = 13, 4
"""The last batch has one image: one of two processes has none, and one of two parts is empty."""

RADIUS = Linf(8 / 255)
PLAIN = PGD(budget=RADIUS, steps=2, step_size=4 / 255)
CASES: dict[str, dict[str, Any]] = {
    "RSLAD + IGDM": {"method": RSLAD() + IGDM(alpha=10), "attack": PLAIN},
    "in parts": {"method": AdaAD(), "attack": PLAIN, "accumulate": 2, "label_smoothing": 0.0},
    "AWP, EMA, clipped": {
        "method": PGDAT(),
        "attack": VMIFGSM(budget=L2(0.5), steps=3, samples=2),
        "perturbation": AWP(gamma=0.05),
        "average": EMA(decay=0.5),
        "clip": 0.5,
    },
    "AWP in parts, SWA": {
        "method": PGDAT() + IGDM(alpha=1, direction="uniform"),
        "attack": PGD(budget=L2(0.5), steps=2, step_size=0.2),
        "perturbation": AWP(gamma=0.05),
        "average": SWA(begin=0.25),
        "accumulate": 2,
    },
}


class Still(TinyConvNet):
    """A network whose BatchNorm stays in eval mode: what it makes of an image depends on no other image."""

    def train(self, mode: bool = True) -> Still:
        super().train(mode)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()
        return self


class Noted(Attack):
    """An attack that notes what it was given and what it found."""

    attack: Attack
    seen: Any

    def maximize(
        self, loss: Loss, x: Images, *, start: Start | None = None, generator: Generator | None = None
    ) -> Images:
        x_adv = self.attack.maximize(loss, x, start=start, generator=generator)
        self.seen.append((x, x_adv))
        return x_adv


class Double:
    """Batches in double precision, in which a rounding does not turn the sign of a gradient."""

    def __init__(self, batches: Batches, broken: int | None = None) -> None:
        self.batches, self.broken = batches, broken

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, number: int) -> Iterator[tuple[Images, Labels]]:
        for step, (x, y) in enumerate(self.batches.epoch(number)):
            yield (x.double() if step != self.broken else torch.full_like(x.double(), float("nan"))), y


def source(team: Team) -> Batches:
    pixels = torch.randint(256, (IMAGES, 3, 6, 6), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
    share = Share(team.rank, team.size)
    return Batches(
        Split(pixels, labels(IMAGES, 10)), batch_size=BATCH, seed=3, augmentation=CropFlip(padding=1), share=share
    )


def student(*, still: bool) -> nn.Module:
    return seeded(Still if still else TinyConvNet, 1).double()


def teacher() -> nn.Module:
    return frozen_teacher(conv_net(seed=2, width=8)).double()


def trained(case: dict[str, Any], team: Team) -> dict[str, Any]:
    """Two epochs: the loss of each, the gradient of each step, what the attack saw and found, and the weights."""
    seen: list[tuple[Images, Images]] = []
    gradients: list[list[torch.Tensor]] = []
    network, choices = student(still=True), dict(case)

    def note(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])

    hook = register_optimizer_step_pre_hook(note)
    attack = Noted(attack=choices.pop("attack"), seen=seen)
    data = Double(source(team))
    epochs = list(fit(network, teacher(), data, attack=attack, epochs=2, optimizer=SGD(lr=0.05), team=team, **choices))
    hook.remove()
    return {
        "losses": [epoch.loss for epoch in epochs],
        "gradients": gradients,
        "seen": seen,
        "weights": epochs[-1].model.state_dict(),
    }


def batch_norm(team: Team) -> dict[str, Any]:
    """The state after an epoch with BatchNorm in train mode, whose averages the team shares."""
    (epoch,) = fit(student(still=False), None, Double(source(team)), method=PGDAT(), attack=PLAIN, epochs=1, team=team)
    return dict(epoch.model.state_dict())


def failed(team: Team) -> dict[str, Any]:
    """What is told of a batch of which the second process has NaN."""
    data = Double(source(team), broken=1 if team.rank == team.size - 1 else None)
    try:
        list(fit(student(still=True), None, data, method=PGDAT(), attack=PLAIN, epochs=1, team=team))
    except NonFinite as failure:
        return {"sentence": str(failure), "images": failure.batch["x"]}
    raise AssertionError("a batch of NaN was trained on")


class Fatal(CropFlip):
    """An augmentation of which the second process dies, at the n-th batch it has, as often as it shall."""

    at: int
    deaths: int
    diary: str

    def apply(self, images: Pixels, choices: torch.Tensor) -> Pixels:
        global batches
        batches += 1
        died = len(Path(self.diary).read_text())
        if rank() == 1 and batches == self.at and died < self.deaths:
            Path(self.diary).write_text("x" * (died + 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().apply(images, choices)


batches = 0


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with gathered():
        outcome = {
            "cases": {name: trained(case, here()) for name, case in CASES.items()},
            "BatchNorm": batch_norm(here()),
            "failed": failed(here()),
        }
    torch.save(outcome, folder / f"outcome-{rank()}.pt")
    for line in (folder / "commands.txt").read_text().splitlines():
        assert main(line.split("\t")) == 0
