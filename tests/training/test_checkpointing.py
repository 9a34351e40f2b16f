"""Gradient checkpointing: less is kept, and nothing is changed by it. Every method's step is in test_step.py."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from robustill.methods.pgd_at import PGDAT
from robustill.models import load_model
from robustill.prepare import prepare
from robustill.protocol import protocol
from robustill.train import train
from robustill.training import fit
from robustill.training.checkpointing import Checkpointed
from tests.networks import conv_net, images
from tests.small import archive, assert_same, small_run, tensors
from tests.training.noise import Noise
from tests.training.test_wrappers import ATTACK


def networks() -> tuple[nn.Module, nn.Module]:
    """A network with dropout in train mode, and one like it, checkpointed."""
    network = nn.Sequential(nn.Dropout(0.2), conv_net()).train()
    return network, Checkpointed(copy.deepcopy(network))


def kept(network: nn.Module, x: Tensor) -> int:
    """How many numbers a forward keeps for its gradient, beside parameters and images."""
    held: dict[int, int] = {}
    given = {tensor.data_ptr() for tensor in (x, *network.parameters())}

    def hold(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in given:
            held[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        network(x).sum()
    return sum(held.values())


def test_less_is_kept() -> None:
    plain, checkpointed = networks()
    x = images(6, 3, 8, 8)
    assert kept(plain, x) > 1000
    assert kept(checkpointed, x) < 100


@pytest.mark.parametrize("second", [False, True], ids=["first derivative", "second derivative"])
def test_gradients_and_buffers_are_the_same_with_dropout(second: bool) -> None:
    x, found = images(6, 3, 8, 8), []
    for network in networks():
        torch.manual_seed(3)
        image = x.clone().requires_grad_()
        loss = network(image).logsumexp(1).sum() + network(x.flip(0)).logsumexp(1).sum()
        if second:
            (gradient,) = torch.autograd.grad(loss, image, create_graph=True)
            loss = gradient.square().sum()
        loss.backward()
        found.append([*(parameter.grad for parameter in network.parameters()), *network.buffers()])
    for expected, again in zip(*found, strict=True):
        assert (expected is None) == (again is None)
        if expected is not None:
            torch.testing.assert_close(again, expected, rtol=0, atol=1e-6 if second else 0)


def test_a_network_that_is_not_trained_is_asked_once() -> None:
    _, checkpointed = networks()
    x, asked = images(6, 3, 8, 8).requires_grad_(), []
    checkpointed.register_forward_pre_hook(lambda *_: asked.append("outside"))
    checkpointed.network.register_forward_pre_hook(lambda *_: asked.append("inside"))  # type: ignore[union-attr]
    torch.autograd.grad(checkpointed.eval()(x).sum(), x)
    checkpointed.train().requires_grad_(False)
    torch.autograd.grad(checkpointed(x).sum(), x)
    assert asked == 2 * ["outside", "inside"]


def test_a_run_is_the_same_run(tmp_path: Path) -> None:
    data = archive(tmp_path / "d.npz")
    options = {"epochs": 2, "average": "EMA(decay=0.9)", "perturbation": "AWP()"}
    plain = train(small_run(data, **options), tmp_path / "plain")
    checkpointed = train(small_run(data, gradient_checkpointing=True, **options), tmp_path / "checkpointed")
    weights = [tensors(load_model(run.checkpoint("last"))) for run in (plain, checkpointed)]
    assert_same(weights[1], weights[0])
    words = dict(protocol(prepare(small_run(data, gradient_checkpointing=True))))["precision"]
    assert "gradient checkpointing" in words


def test_it_does_not_go_with_compiled_networks() -> None:
    sentence = "gradient_checkpointing needs networks that are not compiled.*Found: compile=True. Leave one of the two"
    with pytest.raises(ValueError, match=sentence):
        small_run("demo", gradient_checkpointing=True, compile=True)
    options = {"method": PGDAT(), "attack": ATTACK, "epochs": 1}
    with pytest.raises(ValueError, match=sentence):
        next(fit(conv_net(), None, Noise(sizes=(6,)), compile=True, gradient_checkpointing=True, **options))  # type: ignore[arg-type]
