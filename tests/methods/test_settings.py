"""What the methods and the components beside them refuse, in a sentence; formulas on given logits and their limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from robustill.attacks import PGD, Linf
from robustill.component import Component
from robustill.cost import cost
from robustill.expression import ExpressionError, parse
from robustill.methods.adaiad import AdaIAD
from robustill.methods.akd import AKD
from robustill.methods.ard import ARD
from robustill.methods.iad import IAD
from robustill.methods.iad2 import IAD2
from robustill.methods.kd import KD
from robustill.methods.mart import MART
from robustill.methods.natural import Natural
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.methods.saad import SAAD
from robustill.objectives import (
    IGDM,
    DirectGradient,
    EntropyWeight,
    Line,
    LinearisedTeacherKL,
    Method,
    Step,
    Switched,
    renyi_entropy,
)
from robustill.training import AWP, SWA
from tests.networks import conv_net, frozen_teacher, images, labels, logits

ATTACK = PGD(budget=Linf(8 / 255), steps=1, step_size=2 / 255)
Y = labels(4, 6)
S, S_ADV, T, T_ADV, N_ADV = (logits(4, 6, seed=seed) for seed in range(5))


def line(progress: float = 1.0, label_smoothing: float = 0.0) -> Line:
    return Line.from_logits(
        Y,
        student={0.0: S, 1.0: S_ADV},
        teacher={0.0: T, 1.0: T_ADV},
        natural_teacher={1.0: N_ADV},
        progress=progress,
        label_smoothing=label_smoothing,
    )


BAD = (-1.0, math.nan, math.inf)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        *[(lambda a=a: ARD(imitation=a), rf"ARD requires an imitation .* in \[0, 1\].*={a}") for a in (-0.1, 1.1)],
        *[(lambda t=t: ARD(temperature=t), rf"ARD .* positive temperature.*temperature={t}") for t in (0.0, *BAD)],
        *[(lambda s=s: ARD(scale=s), rf"ARD requires a positive, finite scale. Found: {s}") for s in (0.0, *BAD)],
        *[(lambda a=a: KD(imitation=a), r"KD requires an imitation .* in \[0, 1\]") for a in (-0.1, 1.1, math.nan)],
        *[(lambda t=t: KD(temperature=t), r"KD .* positive temperature") for t in (0.0, *BAD)],
        *[(lambda a=a: AKD(imitation=a), r"AKD requires an imitation .* in \[0, 1\]") for a in (-0.1, 1.1, math.nan)],
        *[(lambda b=b: MART(trade_off=b), rf"MART requires a finite trade_off .*trade_off={b}") for b in BAD],
        *[(lambda o=o: MART(offset=o), rf"MART requires .* offset in \[0, 1\).*offset={o}") for o in (1.0, *BAD)],
        *[
            (lambda c=cls, b=b: c(begin=b), rf"{cls.__name__} requires a begin in \[0, 1\), .*Found: {b}, past")
            for cls in (IAD, IAD2, AdaIAD, Step, SWA, AWP)
            for b in (60, 1.0, -0.1, math.nan)
        ],
        (lambda: Switched(begin=40, before=(0,), after=(1,)), r"Switched requires a begin in \[0, 1\)"),
        *[
            (lambda c=cls, t=t: c(temperature=t), rf"{cls.__name__} requires .* positive temperature.*temperature={t}")
            for cls in (IAD, IAD2, AdaIAD)
            for t in (0.0, *BAD)
        ],
        *[
            (lambda c=cls, t=t: c(trust=t), rf"{cls.__name__} requires a trust of at least 0.*trust={t}")
            for cls in (IAD, IAD2, AdaIAD)
            for t in BAD
        ],
        (lambda: IAD2(adversarial_weight=0.8), r"IAD2 requires .* sum of at most 1. Found: adversarial_weight=0.8"),
        (lambda: IAD2(natural_weight=-0.1), r"IAD2 requires .* natural_weight of at least 0.*natural_weight=-0.1"),
        (lambda: IAD2(natural_weight=math.nan), r"IAD2 requires .* natural_weight=nan"),
        *[(lambda o=o: EntropyWeight(order=o), rf"EntropyWeight requires a positive order.*={o}") for o in (0.0, *BAD)],
        *[(lambda s=s: EntropyWeight(scale=s), rf"positive scale.*scale={s}") for s in (0.0, *BAD)],
        *[(lambda c=c: EntropyWeight(clean=c), rf"clean of at least 0.*clean={c}") for c in BAD],
        *[(lambda s=s: LinearisedTeacherKL(slope=s), rf"LinearisedTeacherKL .* slope of at least 0.*{s}") for s in BAD],
        *[(lambda a=a: DirectGradient(alpha=a), rf"DirectGradient requires a finite alpha .*{a}") for a in BAD],
        *[(lambda g=g: AWP(gamma=g), rf"AWP requires a positive, finite gamma. Found: {g}") for g in (0.0, *BAD)],
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(build: Callable[[], Component], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("component", "name", "message"),
    [
        (AKD(), "teacher_image", "AKD requires a teacher_image of adversarial or clean"),
        (EntropyWeight(), "normalize", "EntropyWeight requires a normalize of classes or batch"),
        (DirectGradient(alpha=1), "distance", "DirectGradient requires a distance of l2 or squared_l2"),
        (IGDM(alpha=1), "direction", "IGDM requires a direction among delta, uniform"),
        (IGDM(alpha=1), "target", "IGDM requires a target among teacher, zero"),
    ],
)
def test_a_word_that_is_no_choice_is_refused(component: Any, name: str, message: str) -> None:
    """By the component itself: without the type checks of the tests, and whoever builds it."""
    changed = copy(component)
    object.__setattr__(changed, name, "other")
    with pytest.raises(ValueError, match=f"{message}. Found: 'other'"):
        changed.__post_init__()


def test_a_term_that_needs_a_perturbation_needs_an_attack() -> None:
    """In the loss, and before a run: counting its passes tells."""
    method = KD() + IGDM(alpha=1)
    with pytest.raises(ValueError, match=r"KD\(\) \+ IGDM\(alpha=1\) needs a perturbation.*inner=None.*StudentCE\(\)"):
        cost(method, ATTACK)
    assert cost(parse("KD(inner=StudentCE()) + IGDM(alpha=1)", Method), ATTACK).needs_teacher


def test_a_method_that_attacks_may_not_lose_its_attack() -> None:
    with pytest.raises(ExpressionError, match="PGDAT: field 'inner' requires a InnerLoss"):
        parse("PGDAT(inner=None)", Method)


def test_a_second_teacher_is_asked_for() -> None:
    student, teacher = conv_net(), frozen_teacher(conv_net(seed=1))
    with pytest.raises(ValueError, match=r"asks for a second, naturally trained teacher. Found: natural_teacher=None"):
        IAD2().loss(student, teacher, images(3, 3, 6, 6), labels(3, 10), attack=ATTACK)
    with pytest.raises(ValueError, match=r"The natural_teacher must be in eval mode.*natural_teacher.eval\(\)"):
        IAD2().loss(student, teacher, images(3, 3, 6, 6), labels(3, 10), attack=ATTACK, natural_teacher=conv_net())


def test_igdm_without_a_teacher_is_refused() -> None:
    with pytest.raises(ValueError, match=r"asks for a teacher. Found: teacher=None"):
        (PGDAT() + IGDM(alpha=1)).loss(conv_net(), None, images(3, 3, 6, 6), labels(3, 10), attack=ATTACK)


@pytest.mark.parametrize("label_smoothing", [0.1, 0.5])
def test_labels_are_smoothed_wherever_the_student_learns_from_them(label_smoothing: float) -> None:
    on = line(label_smoothing=label_smoothing)

    def smoothed(values: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(values, Y, reduction="none", label_smoothing=label_smoothing)

    torch.testing.assert_close(Natural()(on), smoothed(S))
    torch.testing.assert_close(PGDAT()(on), smoothed(S_ADV))
    torch.testing.assert_close(ARD(imitation=0.0)(on), smoothed(S))
    torch.testing.assert_close(KD(imitation=0.0)(on), smoothed(S))
    torch.testing.assert_close(AKD(imitation=0.0)(on), smoothed(S_ADV))
    only_labels = IAD2(adversarial_weight=0, natural_weight=0)
    torch.testing.assert_close(only_labels(on), smoothed(S_ADV))
    torch.testing.assert_close(
        MART()(on) - MART()(line()), smoothed(S_ADV) - F.cross_entropy(S_ADV, Y, reduction="none")
    )


@pytest.mark.parametrize("method", [RSLAD(), ARD(), AKD(imitation=1.0), SAAD(), IAD() + IGDM(alpha=1)], ids=repr)
def test_there_is_nothing_to_smooth_without_labels(method: Method) -> None:
    with pytest.raises(ValueError, match=r"takes no cross-entropy with labels.*Found: label_smoothing=0.1"):
        cost(method, ATTACK, label_smoothing=0.1)


def test_the_attack_climbs_the_labels_as_they_are() -> None:
    student, x, y = conv_net(), images(3, 3, 6, 6), labels(3, 10)
    plain, smoothed = (
        PGDAT()
        .attacked(
            student,
            None,
            x,
            y,
            attack=ATTACK,
            label_smoothing=smoothing,
            generator=torch.Generator().manual_seed(0),
        )
        .x_adv
        for smoothing in (0.0, 0.9)
    )
    assert plain is not None and smoothed is not None
    assert torch.equal(plain, smoothed)


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_marts_margin_is_exact_where_the_wrong_class_is_sure(scale: float) -> None:
    """-log(1 - p) with p so near 1 that float64 no longer knows the difference: it is the logits' own difference."""
    sure = torch.tensor([[0.0, 40.0, -1.0]], dtype=torch.float64) * scale
    loss = MART(trade_off=0)(Line.from_logits(torch.tensor([0]), student={0.0: sure, 1.0: sure}))
    expected = 2 * 40.0 * scale - math.log1p(math.exp(-1.0 * scale))
    torch.testing.assert_close(loss, torch.tensor([expected], dtype=torch.float64))
    bounded = MART(trade_off=0, offset=1e-4)(Line.from_logits(torch.tensor([0]), student={0.0: sure, 1.0: sure}))
    torch.testing.assert_close(bounded, torch.tensor([40.0 * scale - math.log(1e-4)], dtype=torch.float64))


@pytest.mark.parametrize("epochs", [1, 3, 7, 10, 200, 300])
@pytest.mark.parametrize("begin", [0.0, 0.2, 0.3, 0.47, 0.5, 0.99])
def test_begin_leaves_out_whole_epochs(epochs: int, begin: float) -> None:
    """Epochs counted from 0 begin at the first that is not below begin · epochs, rounded down; the last always runs."""
    left_out = [epoch for epoch in range(epochs) if Step(begin=begin)((epoch + 1) / epochs) == 0]
    assert left_out == list(range(math.floor(round(begin * epochs, 9))))


def test_before_its_beginning_iad_is_ard_at_temperature_1() -> None:
    early = line(progress=0.3)
    torch.testing.assert_close(IAD()(early), ARD(temperature=1.0)(early))
    assert not torch.allclose(IAD()(line(progress=0.31)), ARD(temperature=1.0)(early))


def test_iad_trusts_a_sure_teacher_and_itself_without_one() -> None:
    right = 1e3 * F.one_hot(Y, 6).float()
    for teacher, weight in ((right, 1.0), (-right, 0.0)):
        on = Line.from_logits(Y, student={0.0: S, 1.0: S_ADV}, teacher={0.0: T, 1.0: teacher})
        imitation, introspection = F.kl_div(S_ADV.log_softmax(1), T.softmax(1), reduction="none").sum(1), None
        introspection = F.kl_div(S_ADV.log_softmax(1), S.softmax(1), reduction="none").sum(1)
        torch.testing.assert_close(IAD()(on), weight * imitation + (1 - weight) * introspection)
        torch.testing.assert_close(IAD(weighted_teacher=False)(on), imitation + (1 - weight) * introspection)


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, 5.0])
def test_renyis_entropy_at_its_ends(order: float) -> None:
    torch.testing.assert_close(renyi_entropy(torch.zeros(1, 7), order), torch.tensor([math.log(7)]))
    assert renyi_entropy(torch.tensor([[1e3, 0.0, 0.0]]), order).abs() < 1e-6


def test_renyis_entropy_is_continuous_at_shannons() -> None:
    values = logits(5, 6, dtype=torch.float64)
    torch.testing.assert_close(renyi_entropy(values, 1.0), renyi_entropy(values, 1 + 1e-7), rtol=1e-6, atol=1e-6)


def test_entropy_weights_are_constants_of_a_batch() -> None:
    """Nothing for the least uncertain image, the clean term most for it; equal entropies leave nothing."""
    teacher = torch.tensor([[9.0, 0, 0], [1.0, 0, 0], [0.0, 0, 0]])
    on = Line.from_logits(
        torch.zeros(3, dtype=torch.int64),
        student={0.0: logits(3, 3), 1.0: logits(3, 3, seed=1)},
        teacher={0.0: logits(3, 3, seed=2), 1.0: teacher},
    )
    ones = torch.ones(3)
    weights = EntropyWeight()(ones, on)
    assert weights[0] == 0 and 0 < weights[1] < weights[2]
    clean = F.kl_div(on.student(0).log_softmax(1), on.teacher(0).softmax(1), reduction="none").sum(1)
    shares = (EntropyWeight(clean=2.0)(ones, on) - weights) / (2 * clean)
    torch.testing.assert_close(shares, 1 - renyi_entropy(teacher, 1.0) / math.log(3), rtol=1e-4, atol=1e-5)
    in_batch = (EntropyWeight(clean=2.0, normalize="batch")(ones, on) - weights) / (2 * clean)
    torch.testing.assert_close(in_batch, 1 - weights / weights[2], rtol=1e-4, atol=1e-5)
    on.teacher_logits[1.0] = torch.zeros(3, 3)
    assert EntropyWeight(clean=2.0, normalize="batch")(ones, on).isfinite().all()
