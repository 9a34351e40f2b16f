"""The methods beside the spine against their published arithmetic: loss, every gradient and every BatchNorm buffer.

Two steps each: the second attack meets the running statistics that the first step left.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from robustill.attacks import PGD, Gaussian, Linf, Uniform
from robustill.methods.adaiad import AdaIAD
from robustill.methods.akd import AKD
from robustill.methods.ard import ARD
from robustill.methods.iad import IAD
from robustill.methods.iad2 import IAD2
from robustill.methods.kd import KD
from robustill.methods.mart import MART
from robustill.methods.natural import Natural
from robustill.methods.saad import SAAD
from robustill.objectives import IGDM, EntropyWeight, Method, StudentCE, Switched
from tests.networks import conv_net, frozen_teacher, images, labels
from tests.reference import adaiad, akd, ard, iad, kd, mart, saad

Step = Callable[..., Tensor]

BATCH, CLASSES = 6, 10
EPOCHS, EPOCH = 10, 4  # our epoch 4 of 10 is epoch 3 where they are counted from 0
SHARE = EPOCH / EPOCHS
TERM = IGDM(alpha=7)
WEIGHT = 7 * SHARE
DEFAULT = PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)
OLD = PGD(budget=Linf(0.031), steps=10, step_size=0.007)
UNCLIPPED = Uniform(clip=False)

BEGUN = Switched(begin=0.3, before=(1, 1, 0), after=(1, 1, 0, 0))
LATER = Switched(begin=0.4, before=(1, 1, 0), after=(1, 1, 0, 0))
ADA_BEGUN = Switched(begin=0.3, before=(0, 1, 0), after=(0, 1, 0, 0))
ADA_LATER = Switched(begin=0.4, before=(0, 1, 0), after=(0, 1, 0, 0))


def clean(step: Step, **values: float) -> Step:
    return lambda student, teacher, _, x, y, noise, **settings: step(student, teacher, x, y, **values)


def robust(step: Step, **values: object) -> Step:
    return lambda student, teacher, _, x, y, noise, **settings: step(
        student, teacher, x, y, noise=noise, **values, **settings
    )


def both(step: Step, **values: object) -> Step:
    return lambda student, teacher, natural, x, y, noise, **settings: step(
        student, teacher, natural, x, y, noise=noise, **values, **settings
    )


def ard_code(**fields: object) -> ARD:
    return ARD(scale=0.1, attack_mode="train", start=UNCLIPPED, **fields)  # type: ignore[arg-type]


def iad_code(parity: Switched, begin: float, temperature: float = 1.0) -> IAD:
    return IAD(
        weighted_teacher=False,
        attack_mode="train",
        start=UNCLIPPED,
        bn_parity=parity,
        begin=begin,
        temperature=temperature,
    )


def with_minus(parity: Switched) -> Switched:
    """IGDM's x - δ comes last, as in the references."""
    return Switched(begin=parity.begin, before=(*parity.before, -1), after=(*parity.after, -1))


def iad2_code(begin: float, **fields: object) -> IAD2:
    return IAD2(attack_mode="train", start=UNCLIPPED, begin=begin, **fields)  # type: ignore[arg-type]


def entropy(**fields: object) -> EntropyWeight:
    return EntropyWeight(normalize="batch", **fields)  # type: ignore[arg-type]


CASES: list[tuple[Method, PGD, Step]] = [
    (Natural(), DEFAULT, lambda student, _t, _n, x, y, noise, **settings: kd.natural(student, x, y)),
    (KD(), DEFAULT, clean(kd.kd, alpha=1.0, temperature=30.0)),
    (KD(imitation=0.7, temperature=4.0), DEFAULT, clean(kd.kd, alpha=0.7, temperature=4.0)),
    (Natural(inner=StudentCE()) + TERM, DEFAULT, robust(kd.natural_with_igdm, weight=WEIGHT)),
    (KD(inner=StudentCE()) + TERM, DEFAULT, robust(kd.kd_with_igdm, weight=WEIGHT)),
    (MART(offset=0.0001), OLD, robust(mart.step, beta=5.0, offset=0.0001)),
    (MART(trade_off=6.0), DEFAULT, robust(mart.step, beta=6.0, offset=0.0)),
    (MART() + TERM, DEFAULT, robust(mart.step, beta=5.0, offset=0.0, weight=WEIGHT)),
    (ard_code(bn_parity=(1, 0)), DEFAULT, robust(ard.step, alpha=1.0)),
    (ard_code(imitation=0.6), DEFAULT, robust(ard.step, alpha=0.6)),
    (ard_code(bn_parity=(1, 0, -1)) + TERM, DEFAULT, robust(ard.step, alpha=1.0, weight=WEIGHT)),
    (ARD(temperature=1.0, bn_parity=(1, 0, -1)) + TERM, DEFAULT, robust(ard.step_of_igdm, weight=WEIGHT)),
    (AKD(), DEFAULT, robust(akd.step, alpha=0.5, clean=False)),
    (AKD(imitation=0.8, teacher_image="clean"), DEFAULT, robust(akd.step, alpha=0.8, clean=True)),
    (AKD() + TERM, DEFAULT, robust(akd.step, alpha=0.5, clean=False, weight=WEIGHT)),
    (iad_code(BEGUN, 0.3), DEFAULT, robust(iad.first, epoch=EPOCH - 1, begin=3)),
    (iad_code(LATER, 0.4), DEFAULT, robust(iad.first, epoch=EPOCH - 1, begin=4)),
    (iad_code(BEGUN, 0.3, temperature=4.0), DEFAULT, robust(iad.first, epoch=EPOCH - 1, begin=3, temperature=4.0)),
    (iad_code(with_minus(BEGUN), 0.3) + TERM, DEFAULT, robust(iad.first, epoch=EPOCH - 1, begin=3, weight=WEIGHT)),
    (iad_code(with_minus(LATER), 0.4) + TERM, DEFAULT, robust(iad.first, epoch=EPOCH - 1, begin=4, weight=WEIGHT)),
    (IAD(), DEFAULT, robust(iad.first_of_paper)),
    (IAD() + TERM, DEFAULT, robust(iad.first_of_paper, weight=WEIGHT)),
    (iad2_code(0.3), DEFAULT, both(iad.second, epoch=EPOCH - 1, begin=3)),
    (iad2_code(0.4), DEFAULT, both(iad.second, epoch=EPOCH - 1, begin=4)),
    (iad2_code(0.3, temperature=4.0), DEFAULT, both(iad.second, epoch=EPOCH - 1, begin=3, temperature=4.0)),
    (iad2_code(0.3) + TERM, DEFAULT, both(iad.second, epoch=EPOCH - 1, begin=3, weight=WEIGHT)),
    (AdaIAD(bn_parity=ADA_BEGUN), DEFAULT, robust(adaiad.step, epoch=EPOCH - 1, begin=3)),
    (AdaIAD(bn_parity=ADA_LATER, begin=0.4), DEFAULT, robust(adaiad.step, epoch=EPOCH - 1, begin=4)),
    (
        AdaIAD(bn_parity=with_minus(ADA_BEGUN)) + TERM,
        DEFAULT,
        robust(adaiad.step, epoch=EPOCH - 1, begin=3, weight=WEIGHT),
    ),
    (SAAD(bn_parity=(1, -1, 0)), DEFAULT, robust(saad.step, weight=0.0, beta=0.0)),
    (SAAD(bn_parity=(1, -1, 0)) + TERM, DEFAULT, robust(saad.step, weight=WEIGHT, beta=0.0)),
    (SAAD(weight=entropy(clean=0.2)) + TERM, DEFAULT, robust(saad.step, weight=WEIGHT, beta=0.2)),
    (SAAD(weight=entropy(clean=0.5, order=2.0)) + TERM, DEFAULT, robust(saad.step, weight=WEIGHT, beta=0.5, order=2.0)),
    (
        SAAD(weight=EntropyWeight(clean=0.2), bn_parity=(1, 0, 0)) + IGDM(alpha=7, gamma=0),
        DEFAULT,
        robust(saad.step, weight=WEIGHT, beta=0.2, in_batch=False, far_point=0.0),
    ),
]
every_case = pytest.mark.parametrize(("method", "attack", "reference"), CASES, ids=[repr(case[0]) for case in CASES])
every_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def networks(dtype: torch.dtype) -> tuple[nn.Module, nn.Module, nn.Module]:
    student = conv_net(classes=CLASSES, scale=3).to(dtype).train()
    teachers = [conv_net(classes=CLASSES, seed=seed, width=6, scale=5).to(dtype) for seed in (1, 2)]
    return student, frozen_teacher(teachers[0]), frozen_teacher(teachers[1])


def first_noise(method: Method, attack: PGD, x: Tensor, seed: int) -> Tensor:
    """What our attack starts from, before it is clipped to [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    if isinstance(method.start, Gaussian):
        return method.start.std * torch.randn(x.shape, dtype=x.dtype, generator=generator)
    return attack.budget.uniform(x, generator)


def compare(ours: nn.Module, theirs: nn.Module, dtype: torch.dtype) -> None:
    """Gradients and buffers, within a tolerance of the largest of their tensor."""
    tolerance = 2e-3 if dtype == torch.float32 else 1e-6
    pairs = [(p.grad, q.grad) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True)]
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
    ours, teacher, natural = networks(dtype)
    theirs, _, _ = networks(dtype)
    settings = {"epsilon": attack.budget.radius, "step_size": attack.step_size, "steps": attack.steps}
    optimizers = [torch.optim.SGD(network.parameters(), lr=0.1) for network in (ours, theirs)]
    for number in (1, 2):
        x, y = images(BATCH, 3, 6, 6, seed=number, dtype=dtype), labels(BATCH, CLASSES, seed=number)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = method.loss(
            ours,
            teacher,
            x,
            y,
            attack=attack,
            natural_teacher=natural,
            progress=SHARE,
            generator=torch.Generator().manual_seed(number),
        )
        noise = first_noise(method, attack, x, number)
        expected = reference(theirs, teacher, natural, x, y, noise, **settings)
        torch.testing.assert_close(loss, expected, rtol=5e-4 if dtype == torch.float32 else 1e-6, atol=0)
        loss.backward()
        expected.backward()
        compare(ours, theirs, dtype)
        for optimizer in optimizers:
            optimizer.step()


def test_every_method_beside_the_spine_has_a_reference_alone_and_with_igdm() -> None:
    cases = {(type(method).__name__, bool(method.terms)) for method, _, _ in CASES}
    names = ("Natural", "KD", "MART", "ARD", "AKD", "IAD", "IAD2", "AdaIAD", "SAAD")
    assert cases == {(name, with_igdm) for name in names for with_igdm in (False, True)}


def test_a_weight_composes_with_a_method_that_knows_nothing_of_it() -> None:
    """ARD with SAAD's weights: the product of both, image by image."""
    student, teacher, _ = networks(torch.float64)
    x, y = images(BATCH, 3, 6, 6, dtype=torch.float64), labels(BATCH, CLASSES)
    weighted, plain = ARD(weight=EntropyWeight()) + TERM, ARD() + TERM
    line = plain.attacked(student, teacher, x, y, attack=DEFAULT, generator=torch.Generator().manual_seed(0))
    h = saad.entropy(teacher(line.point(1)), 1.0)
    torch.testing.assert_close(weighted(line), 5 * (h - h.min()) * plain(line))
