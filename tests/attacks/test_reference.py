"""The adapter onto pyautoattack: its verdicts, and none of its traps."""

from __future__ import annotations

import logging
import sys
from types import FrameType
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from robustill.attacks import L1, L2, Adversary, AutoAttack, Budget, Linf, Reference, TargetedFAB
from robustill.attacks.reference import ATTACKS, Name
from robustill.expression import ExpressionError, parse
from tests.attacks.oracle import stands
from tests.networks import TinyConvNet, conv_net, images, linear, modes

pyautoattack = pytest.importorskip("pyautoattack", reason="needs the extra [reference]")

SEED = 7
SOME: list[Budget] = [Linf(0.007), L2(0.1), L1(1.0)]


def case(batch: int = 10) -> tuple[nn.Module, Tensor, Tensor]:
    """Two images are wrong already."""
    network, x = linear(10, 300, seed=1), images(batch, 3, 10, 10, seed=3)
    with torch.no_grad():
        y = network(x).argmax(1)
    y[:2] = (y[:2] + 1) % 10
    return network, x, y


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def short(attack: Name, budget: Budget = SOME[0], *, seed: int | None = SEED) -> Reference:
    return Reference(budget=budget, attack=attack, steps=6, queries=10, seed=seed)


@pytest.mark.parametrize("budget", SOME, ids=repr)
def test_the_stages_have_the_verdicts_of_its_own_standard_run(budget: Budget, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer steps on both sides, and a batch that does not divide the images."""
    network, x, y = case()
    with torch.random.fork_rng(devices=[]):
        theirs: Any = pyautoattack.AutoAttack(network, norm=type(budget).__name__, eps=budget.radius, seed=SEED)
        for apgd in (theirs.apgd, theirs.apgd_targeted):
            apgd.n_iter = apgd.n_iter_orig = 6
            apgd.n_iter_2 = apgd.size_decr = apgd.n_iter_min = 1
        theirs.fab.n_iter, theirs.square.n_queries = 6, 10
        expected: Tensor = theirs.run_standard_evaluation(x.clone(), y.clone(), batch_size=4)[0]
    attack = AutoAttack(budget=budget, engine="reference", seed=SEED, batch_size=4)
    shortened = {name: short(name, budget) for name in ATTACKS}
    assert list(attack.attacks(10)) == list(shortened)
    monkeypatch.setattr(AutoAttack, "attacks", lambda self, classes: shortened)
    result = attack.staged(network, x, y)
    assert result.stages == ("clean", "apgd-ce", "apgd-t", "fab-t", "square")
    left = stands(network, expected, y)
    assert torch.equal(result.broken_by == -1, left) and left.any() and (result.broken_by > 0).any()
    torch.testing.assert_close(result.images, expected, rtol=0, atol=1e-6)


def test_the_standard_and_the_quick_version_are_its_attacks_with_the_seed() -> None:
    attack = AutoAttack(budget=Linf(8 / 255), engine="reference", seed=3)
    assert attack.attacks(10) == {n: Reference(budget=Linf(8 / 255), attack=n, seed=3) for n in ATTACKS}
    assert list(AutoAttack(budget=Linf(0.1), engine="reference", version="quick").attacks(100)) == ["apgd-ce", "apgd-t"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_left_behind(
    attack: Name, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    network = conv_net(scale=20).train()
    network.body[1].eval()
    network.head.bias.requires_grad_(False)
    network.head.weight.grad = torch.ones_like(network.head.weight)
    before, state = modes(network), {key: value.clone() for key, value in network.state_dict().items()}
    x, random = images(4, 3, 10, 10), torch.get_rng_state()
    kept, y = x.clone(), network.eval()(x).argmax(1)
    network.train()
    network.body[1].eval()

    def tracer(frame: FrameType, event: str, argument: object) -> None:
        return None

    former = sys.gettrace()
    sys.settrace(tracer)
    try:
        with caplog.at_level(logging.DEBUG):
            short(attack)(network, x, y)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(former)
    assert modes(network) == before and torch.equal(x, kept)
    assert network.head.weight.requires_grad and not network.head.bias.requires_grad
    assert torch.equal(network.head.weight.grad, torch.ones_like(network.head.weight))
    assert all(p.grad is None for name, p in network.named_parameters() if name != "head.weight")
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not caplog.records and capsys.readouterr() == ("", "")


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("budget", [SOME[0], SOME[2]], ids=repr)
def test_any_memory_format_and_batch_is_welcome(attack: Name, budget: Budget) -> None:
    network: TinyConvNet = conv_net(scale=20).eval()
    x = images(3, 3, 10, 10)
    y = network(x).argmax(1)
    plain = short(attack, budget)(network, x, y)
    turned = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # in the docs, not in the stubs
    found = short(attack, budget)(turned, x.to(memory_format=torch.channels_last), y)
    torch.testing.assert_close(stands(network, found, y), stands(network, plain, y))
    permuted = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    alone = short(attack, budget)(network, permuted[:1], y[:1])
    assert alone.shape == (1, 3, 10, 10) and budget.holds(alone - x[:1]).all()


def test_a_network_in_double_precision_is_asked_in_double_precision() -> None:
    network, x, y = case()
    found = short("apgd-ce")(network.double(), x.double(), y)
    assert found.dtype == torch.float64 and not stands(network, found, y).all()


def test_without_a_seed_the_noise_follows_the_generator_of_the_call() -> None:
    network, x, y = case()
    attack = short("apgd-ce", L2(0.3), seed=None)
    first = attack(network, x, y, generator=generator(1))
    assert torch.equal(first, attack(network, x, y, generator=generator(1)))
    assert not torch.equal(first, attack(network, x, y, generator=generator(2)))


def test_a_network_of_few_classes_is_refused_in_a_sentence() -> None:
    x, y = images(2, 3, 10, 10), torch.zeros(2, dtype=torch.int64)
    message = r"requires at least 10 classes, for 9 targets. Found: 9. AutoAttack\(engine=\"ours\"\) takes as many"
    with pytest.raises(ValueError, match=message):
        AutoAttack(budget=Linf(0.1), engine="reference")(linear(9, 300), x, y)
    with pytest.raises(ValueError, match=message):
        short("square")(linear(9, 300), x, y)


@pytest.mark.parametrize("size", [4, 12, 24])
def test_a_size_on_which_its_square_fails_is_refused_before_any_work(size: int) -> None:
    x, y = images(2, 1, size, size), torch.zeros(2, dtype=torch.int64)
    network = linear(10, size * size)
    with pytest.raises(ValueError, match=rf"Square in L2 and L1 requires a size .* Found: {size} x {size}."):
        short("apgd-ce", L2(0.1))(network, x, y)
    raw: Any = pyautoattack.AutoAttack(network, norm="L2", eps=0.1, seed=0)
    with torch.random.fork_rng(devices=[]), pytest.raises((RuntimeError, ZeroDivisionError)):
        raw.square.perturb(x, network(x).argmax(1))  # were it not, it would fail
    assert short("apgd-ce", Linf(0.1))(network, x, y).shape == x.shape


def test_without_the_package_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyautoattack", None)
    network, x, y = case(2)
    with pytest.raises(ValueError, match=r"needs the package pyautoattack.*pip install 'robustill\[reference\]'"):
        short("apgd-ce")(network, x, y)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ExpressionError, match="attack"):
        parse("Reference(budget=Linf(0.1), attack='fab')", Adversary)
    with pytest.raises(ValueError, match=r"at least 1 step and at least 1 query. Found: steps=0, queries=5000"):
        Reference(budget=Linf(0.1), attack="fab-t", steps=0)
    with pytest.raises(ValueError, match=r"an engine of ours, reference. Found: 'theirs'"):
        AutoAttack(budget=Linf(0.1), engine="theirs")


def test_what_is_written_is_what_is_built() -> None:
    attacks: list[Adversary] = [AutoAttack(budget=L1(12), engine="reference", seed=0), short("fab-t", L2(0.5))]
    for attack in attacks:
        assert parse(repr(attack), Adversary) == attack
    assert TargetedFAB not in map(type, AutoAttack(budget=L1(12), engine="reference").attacks(10).values())
