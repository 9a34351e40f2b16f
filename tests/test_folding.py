"""BatchNorm folded into the convolution before it: the same function, and the network as it was afterwards."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import robustill.folding
from robustill.attacks import PGD, Linf
from robustill.attacks.base import frozen
from robustill.folding import folded
from robustill.methods.adaad import AdaAD
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.methods.trades import TRADES
from robustill.models import create_model
from robustill.objectives import IGDM, Method
from robustill.training.step import descend
from tests.networks import TinyConvNet, conv_net, frozen_teacher, images, labels, modes

FAMILIES = {
    "SmallCNN(width=2)": 4,
    "ResNet(depth=18, width=2)": 20,
    "ResNet(depth=50, width=2)": 53,
    "PreActResNet(width=2)": 8,  # the second convolution's sum goes past the next BatchNorm
    "MobileNetV2()": 57,
    "WideResNet(depth=10, factor=2)": 4,
    "DeepMindWideResNet(depth=10, factor=2)": 4,
}
X, Y = images(4, 3, 8, 8), labels(4, 10)
ATTACK = PGD(budget=Linf(8 / 255), steps=2, step_size=2 / 255)


def settled(network: nn.Module) -> nn.Module:
    """With running statistics of some images."""
    with torch.no_grad():
        network.train()(images(8, 3, 8, 8, seed=1))
    return network.eval()


def looked_at(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits, and the input gradient of something of them."""
    x = x.clone().requires_grad_()
    logits: Tensor = network(x)
    return logits.detach(), torch.autograd.grad(logits.logsumexp(1).sum(), x)[0]


def far(found: Tensor, expected: Tensor) -> float:
    """The distance in L2, relative to the expected."""
    return float((found - expected).norm() / expected.norm())


def merged(network: nn.Module) -> int:
    """How many BatchNorm layers hand on what they get."""
    return sum(vars(layer).get("forward") is robustill.folding._through for layer in network.modules())


def changed(network: nn.Module) -> int:
    """How many layers are not what they were made."""
    return sum("forward" in vars(layer) for layer in network.modules())


@pytest.mark.parametrize("zero", [False, True], ids=["", "weights of zero"])
@pytest.mark.parametrize("architecture", [*FAMILIES, "WideResNet(depth=10, factor=1)"])
def test_what_is_folded_before_training_is_right_after_it(architecture: str, zero: bool) -> None:
    """A new BatchNorm is nearly the identity, and one with weights of zero hides what is before it."""
    network = create_model(architecture, 10)
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    if zero:
        nn.init.zeros_(norms[-1].weight)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with folded([network], X):
        pass
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 2)
    expected = looked_at(settled(network), X)
    with folded([network], X):
        assert merged(network) == FAMILIES.get(architecture, 3)
        found = looked_at(network, X)
    for ours, theirs in zip(found, expected, strict=True):
        assert far(ours, theirs) < 1e-4


@pytest.mark.parametrize("architecture", FAMILIES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)], ids=["32", "64"])
def test_logits_and_gradients_are_the_same(architecture: str, dtype: torch.dtype, tolerance: float) -> None:
    network = settled(create_model(architecture, 10)).to(dtype)
    expected = looked_at(network, X.to(dtype))
    with folded([network], X.to(dtype)):
        assert merged(network) == FAMILIES[architecture]
        assert changed(network) == sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
        found = looked_at(network, X.to(dtype))
    for ours, theirs in zip(found, expected, strict=True):
        assert far(ours, theirs) < tolerance


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_the_network_is_what_it_was(fails: bool) -> None:
    network = conv_net().train()
    network.body[1].eval()
    before, state, parameters = modes(network), network.state_dict(keep_vars=True), list(network.parameters())
    values = [value.clone() for value in state.values()]
    try:
        with folded([network], X):
            assert merged(network) == 2
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert changed(network) == 0 and modes(network) == before
    assert all(a is b for a, b in zip(network.parameters(), parameters, strict=True))
    assert all(p.requires_grad and p.grad is None for p in parameters)
    after = network.state_dict(keep_vars=True)
    assert after.keys() == state.keys() and all(after[name] is state[name] for name in state)
    assert all(torch.equal(a, b) for a, b in zip(state.values(), values, strict=True))


def test_the_weights_are_those_of_now() -> None:
    """Watched once, folded anew each time: weights and running statistics change between steps."""
    network = conv_net()
    for seed in range(3):
        with torch.no_grad():
            network.train()(images(8, 3, 8, 8, seed=seed))
            for parameter in network.parameters():
                parameter.mul_(1.5)
        expected = looked_at(network.eval(), X)[0]
        with folded([network], X):
            assert far(looked_at(network, X)[0], expected) < 1e-5


class Shortcut(nn.Module):
    """The first convolution's output is normalised on one way and not on the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(4, affine=False) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        way: Tensor = self.first(x)
        result: Tensor = self.norms[1](self.second(self.norms[0](way).relu()))
        return (way + result).sum((2, 3))


class Twice(nn.Module):
    """One convolution is called twice, before two BatchNorm layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.first, self.second = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = (self.first(self.conv(x)) - self.second(self.conv(x))).sum((2, 3))
        return result


def without_statistics() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten())


def reparametrized() -> nn.Module:
    conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 1))
    return nn.Sequential(conv, nn.BatchNorm2d(4), nn.Flatten())


@pytest.mark.parametrize(
    ("network", "pairs"),
    [(Shortcut(), 1), (Twice(), 0), (without_statistics(), 0), (reparametrized(), 0), (nn.Flatten(), 0)],
    ids=["shortcut", "twice", "without statistics", "reparametrized", "nothing"],
)
def test_what_would_change_the_logits_stays(network: nn.Module, pairs: int) -> None:
    settled(network)
    with torch.no_grad():
        expected = network(X)
        with folded([network], X):
            assert merged(network) == pairs
            torch.testing.assert_close(network(X), expected)


def test_a_network_whose_layers_somebody_listens_to_stays() -> None:
    network = conv_net().eval()
    with folded([network], X):
        assert merged(network) == 2
    handle = network.head.register_forward_hook(lambda *_: None)
    with folded([network], X):
        assert changed(network) == 0
    handle.remove()
    network.register_forward_hook(lambda *_: None)  # who listens to the whole network hears the same
    with folded([network], X):
        assert merged(network) == 2


def test_a_layer_in_the_place_of_another_is_found() -> None:
    network = conv_net().eval()
    with folded([network], X):
        pass
    network.body[1] = nn.BatchNorm2d(4).eval()
    expected = looked_at(network, X)[0]
    with folded([network], X):
        assert merged(network) == 2 and far(looked_at(network, X)[0], expected) < 1e-5


def test_nothing_is_kept_of_a_network_that_is_gone() -> None:
    network = conv_net()
    with folded([network], X):
        pass
    assert network in robustill.folding._found
    gone = weakref.ref(network)
    del network
    gc.collect()
    assert gone() is None


METHODS: list[Method] = [PGDAT(), TRADES(), RSLAD() + IGDM(alpha=10), AdaAD() + IGDM(alpha=10)]


def networks(dtype: torch.dtype) -> tuple[TinyConvNet, nn.Module]:
    return conv_net(scale=3).to(dtype).train(), frozen_teacher(conv_net(seed=1, width=6, scale=5).to(dtype))


@pytest.mark.parametrize("method", METHODS, ids=repr)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-11)], ids=["32", "64"])
def test_a_step_is_the_plain_step(method: Method, dtype: torch.dtype, tolerance: float) -> None:
    """What training does, folding and fusion included, against the method alone: loss and every gradient."""
    (ours, teacher), (plain, _) = networks(dtype), networks(dtype)
    options: dict[str, Any] = {"attack": ATTACK, "generator": torch.Generator().manual_seed(0)}
    loss = descend(ours, teacher, X.to(dtype), Y, method=method, **options).loss
    options["generator"].manual_seed(0)
    expected = method.loss(plain, teacher, X.to(dtype), Y, **options)
    expected.backward()
    assert far(loss, expected.detach()) < tolerance
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None and far(one.grad, other.grad) < tolerance


@pytest.mark.parametrize(("mode", "expected"), [("eval", 2), ("train", 0)])
def test_only_a_student_in_eval_mode_is_folded(mode: Any, expected: int) -> None:
    student, teacher = networks(torch.float32)
    seen = set[tuple[int, int]]()

    class Seeing(PGD):
        def maximize(self, loss, x, *, start=None, generator=None):  # type: ignore[no-untyped-def]
            seen.add((merged(student), merged(teacher)))
            return super().maximize(loss, x, start=start, generator=generator)

    attack = Seeing(budget=Linf(8 / 255), steps=1, step_size=2 / 255)
    descend(student, teacher, X, Y, method=AdaAD(attack_mode=mode), attack=attack)
    assert seen == {(expected, 2)}


def test_the_attack_is_on_the_folded_network_in_eval_mode_all_the_same() -> None:
    network = conv_net().train()
    with folded([network], X), frozen(network):
        assert not any(modes(network)) and merged(network) == 2
        assert not any(parameter.requires_grad for parameter in network.parameters())
    assert all(modes(network)) and all(parameter.requires_grad for parameter in network.parameters())
