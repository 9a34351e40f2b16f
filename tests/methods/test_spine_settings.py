"""The four methods of the spine: their formulas on given logits, their fields, what they refuse."""

from __future__ import annotations

import math

import pytest
import torch

from robustill.methods.adaad import AdaAD
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.methods.trades import TRADES
from robustill.objectives import Line, cross_entropy, kl
from tests.networks import labels, logits

Y = labels(4, 6)
S, S_ADV, T, T_ADV = (logits(4, 6, seed=seed) for seed in range(4))


def line() -> Line:
    return Line.from_logits(Y, student={0.0: S, 1.0: S_ADV}, teacher={0.0: T, 1.0: T_ADV})


def test_pgd_at_is_the_cross_entropy_at_the_adversarial_image() -> None:
    torch.testing.assert_close(PGDAT()(line()), cross_entropy(S_ADV, Y))


def test_trades_weights_its_consistency() -> None:
    torch.testing.assert_close(TRADES()(line()), cross_entropy(S, Y) + 6 * kl(S, S_ADV))
    torch.testing.assert_close(TRADES(trade_off=0)(line()), cross_entropy(S, Y))


def test_trades_does_not_detach_its_clean_target() -> None:
    clean = S.clone().requires_grad_()
    on = Line.from_logits(Y, student={0.0: clean, 1.0: S_ADV})
    (gradient,) = torch.autograd.grad(TRADES()(on).sum(), clean)
    (of_cross_entropy,) = torch.autograd.grad(cross_entropy(clean, Y).sum(), clean)
    assert not torch.allclose(gradient, of_cross_entropy, rtol=0.1)


@pytest.mark.parametrize("weight", [0.0, 0.25, 5 / 6, 1.0])
def test_rslad_has_the_clean_teacher_as_its_only_target(weight: float) -> None:
    expected = 0.3 * (weight * kl(T, S_ADV) + (1 - weight) * kl(T, S))
    torch.testing.assert_close(RSLAD(adversarial_weight=weight, scale=0.3)(line()), expected)


def test_rslads_defaults_are_those_of_its_code() -> None:
    torch.testing.assert_close(RSLAD()(line()), 0.1 * (5 / 6 * kl(T, S_ADV) + 1 / 6 * kl(T, S)))


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_adaad_compares_at_each_image(weight: float) -> None:
    expected = 0.1 * (weight * kl(T_ADV, S_ADV) + (1 - weight) * kl(T, S))
    torch.testing.assert_close(AdaAD(adversarial_weight=weight, scale=0.1)(line()), expected)


def test_adaad_asks_for_the_clean_image_only_where_it_has_a_weight() -> None:
    adversarial_only = Line.from_logits(Y, student={1.0: S_ADV}, teacher={1.0: T_ADV})
    torch.testing.assert_close(AdaAD()(adversarial_only), kl(T_ADV, S_ADV))


@pytest.mark.parametrize("trade_off", [-1.0, math.nan, math.inf])
def test_trades_refuses_a_weight(trade_off: float) -> None:
    with pytest.raises(ValueError, match=rf"TRADES requires a finite trade_off of at least 0. Found: {trade_off}"):
        TRADES(trade_off=trade_off)


@pytest.mark.parametrize("cls", [RSLAD, AdaAD])
@pytest.mark.parametrize(
    ("weight", "scale"), [(-0.1, 1), (1.1, 1), (math.nan, 1), (0.5, 0), (0.5, -1), (0.5, math.nan), (0.5, math.inf)]
)
def test_rslad_and_adaad_refuse_weights(cls: type[RSLAD | AdaAD], weight: float, scale: float) -> None:
    message = rf"{cls.__name__} requires an adversarial_weight.* in \[0, 1\].*Found: adversarial_weight={weight}"
    with pytest.raises(ValueError, match=message):
        cls(adversarial_weight=weight, scale=scale)
