"""Ours against the published arithmetic: the loss, every gradient and every BatchNorm buffer, over two steps.

The second step's attack runs in eval mode on the running statistics that the first step left, so statistics that
differ would show in everything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from robustill.attacks import PGD, Linf
from robustill.methods.adaad import AdaAD
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.methods.trades import TRADES
from robustill.objectives import IGDM, Method
from tests.networks import conv_net, frozen_teacher, images, labels
from tests.reference import adaad, pgd_at, rslad, trades
from tests.reference.common import batchmean, elementwise_mean

Step = Callable[[nn.Module, nn.Module, Tensor, Tensor, Tensor, dict[str, float]], Tensor]
"""From both networks, images, labels, the first perturbation and the attack's settings to the loss."""

BATCH, SHARE = 6, 3 / 4
CLASSES = 10  # the elementwise mean is then RSLAD's factor 0.1
DEFAULT = PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)
TRADES_ATTACK = PGD(budget=Linf(0.031), steps=10, step_size=0.007)


def of_student(step: Callable[..., Tensor]) -> Step:
    return lambda student, _, x, y, noise, settings: step(student, x, y, noise=noise, **settings)


def of_both(step: Callable[..., Tensor]) -> Step:
    return lambda student, teacher, x, _, noise, settings: step(student, teacher, x, noise=noise, **settings)


def of_both_and_labels(step: Callable[..., Tensor], alpha: float, **values: float) -> Step:
    return lambda student, teacher, x, y, noise, settings: step(
        student, teacher, x, y, noise=noise, weight=alpha * SHARE, **values, **settings
    )


def weighted(step: Callable[..., Tensor], alpha: float, beta: float = 1.0, gamma: float = 1.0) -> Step:
    return of_both(partial(step, alpha=alpha, beta=beta, gamma=gamma, share=SHARE))


CASES: list[tuple[Method, PGD, Step]] = [
    (PGDAT(attack_mode="train", bn_parity=(1, 1)), DEFAULT, of_student(partial(pgd_at.step, in_train_mode=True))),
    (PGDAT(), DEFAULT, of_student(partial(pgd_at.step, in_train_mode=False))),
    (PGDAT() + IGDM(alpha=100), DEFAULT, of_both_and_labels(pgd_at.step_with_igdm, 100)),
    (TRADES(bn_parity=(0, 1, 0)), TRADES_ATTACK, of_student(partial(trades.step, beta=6.0))),
    (TRADES() + IGDM(alpha=20), DEFAULT, of_both_and_labels(trades.step_with_igdm, 20, beta=6.0)),
    (RSLAD(), DEFAULT, of_both(rslad.step)),
    (RSLAD(bn_parity=(1, 1, 0, -1)) + IGDM(alpha=10), DEFAULT, weighted(rslad.step_with_igdm, 10)),
    (
        RSLAD(bn_parity=(1, 0.5, 0, -0.25)) + IGDM(alpha=10, beta=0.5, gamma=0.25),
        DEFAULT,
        weighted(rslad.step_with_igdm, 10, 0.5, 0.25),
    ),
    (AdaAD(bn_parity=(0, 1), scale=0.1), DEFAULT, of_both(partial(adaad.step, reduction=elementwise_mean))),
    (AdaAD(bn_parity=(0, 1)), DEFAULT, of_both(partial(adaad.step, reduction=batchmean))),
    (AdaAD(bn_parity=(1, 0, -1, 1)) + IGDM(alpha=70), DEFAULT, weighted(adaad.step_with_igdm, 70)),
]
every_case = pytest.mark.parametrize(("method", "attack", "reference"), CASES, ids=[repr(case[0]) for case in CASES])
every_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def networks(dtype: torch.dtype) -> tuple[nn.Module, nn.Module]:
    student = conv_net(classes=CLASSES, scale=3).to(dtype).train()
    return student, frozen_teacher(conv_net(classes=CLASSES, seed=1, width=6, scale=5).to(dtype))


def first_noise(method: Method, attack: PGD, x: Tensor, seed: int) -> Tensor:
    """What our attack starts from, before it is clipped to [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    if isinstance(method, PGDAT):
        return attack.budget.uniform(x, generator)
    return 0.001 * torch.randn(x.shape, dtype=x.dtype, generator=generator)


def compare(ours: nn.Module, theirs: nn.Module, dtype: torch.dtype, *, buffers: bool) -> None:
    """Gradients within a tolerance of the largest of their tensor; buffers likewise."""
    tolerance = 2e-3 if dtype == torch.float32 else 1e-6
    pairs = [(p.grad, q.grad) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True)]
    if buffers:
        pairs += list(zip(ours.buffers(), theirs.buffers(), strict=True))
    for a, b in pairs:
        assert a is not None and b is not None
        scale = float(b.abs().max())
        assert scale > 0
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance * scale)


@every_case
@every_dtype
def test_loss_gradients_and_buffers_are_the_published_ones(
    method: Method, attack: PGD, reference: Step, dtype: torch.dtype
) -> None:
    ours, teacher = networks(dtype)
    theirs, _ = networks(dtype)
    settings = {"epsilon": attack.budget.radius, "step_size": attack.step_size, "steps": attack.steps}
    optimizers = [torch.optim.SGD(network.parameters(), lr=0.1) for network in (ours, theirs)]
    for number in (1, 2):
        x, y = images(BATCH, 3, 6, 6, seed=number, dtype=dtype), labels(BATCH, CLASSES, seed=number)
        for optimizer in optimizers:
            optimizer.zero_grad()
        generator = torch.Generator().manual_seed(number)
        loss = method.loss(ours, teacher, x, y, attack=attack, progress=SHARE, generator=generator)
        expected = reference(theirs, teacher, x, y, first_noise(method, attack, x, number), settings)
        rtol = 1e-4 if dtype == torch.float32 else 1e-6
        torch.testing.assert_close(loss, expected, rtol=rtol, atol=0)
        loss.backward()
        expected.backward()
        compare(ours, theirs, dtype, buffers=True)
        for optimizer in optimizers:
            optimizer.step()


def test_every_method_of_the_spine_has_a_reference_alone_and_with_igdm() -> None:
    cases = {(type(method).__name__, bool(method.terms)) for method, _, _ in CASES}
    assert cases == {(name, with_igdm) for name in ("PGDAT", "TRADES", "RSLAD", "AdaAD") for with_igdm in (False, True)}


@pytest.mark.parametrize(
    ("method", "reference"),
    [
        (AdaAD() + IGDM(alpha=70), weighted(adaad.step_with_igdm, 70)),
        (RSLAD() + IGDM(alpha=10), weighted(rslad.step_with_igdm, 10)),
    ],
    ids=["AdaAD", "RSLAD"],
)
def test_without_parity_only_the_running_statistics_differ(method: Method, reference: Step) -> None:
    ours, teacher = networks(torch.float64)
    theirs, _ = networks(torch.float64)
    x, y = images(BATCH, 3, 6, 6, dtype=torch.float64), labels(BATCH, CLASSES)
    settings = {"epsilon": 8 / 255, "step_size": 2 / 255, "steps": 10}
    generator = torch.Generator().manual_seed(0)
    loss = method.loss(ours, teacher, x, y, attack=DEFAULT, progress=SHARE, generator=generator)
    expected = reference(theirs, teacher, x, y, first_noise(method, DEFAULT, x, 0), settings)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    loss.backward()
    expected.backward()
    compare(ours, theirs, torch.float64, buffers=False)
    with pytest.raises(AssertionError):
        compare(ours, theirs, torch.float64, buffers=True)
