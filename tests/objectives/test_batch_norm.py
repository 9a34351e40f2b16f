"""BatchNorm parity: the running averages of another sequence of forwards, without making them."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from robustill.objectives import Line
from robustill.objectives.batch_norm import evaluate_like
from robustill.types import Images, Logits
from tests.networks import Counting, TinyConvNet, conv_net, images, labels


def line(student: nn.Module) -> Line:
    x = images(4, 3, 6, 6, dtype=torch.float64)
    return Line(student, None, x, labels(4, 10), images(4, 3, 6, 6, seed=1, dtype=torch.float64))


def student() -> TinyConvNet:
    network = conv_net().double().train()
    layer = network.body[4]
    assert isinstance(layer, nn.BatchNorm2d)
    layer.momentum = 0.3  # layers may differ
    return network


@pytest.mark.parametrize(
    ("needed", "sequence"),
    [((1, -1), (1, 0, -1, 1)), ((0, 1), (0, 1, 0)), ((1,), (0,)), ((1, 0, -1), (1, 1, 0, -1)), ((0, 1), ())],
)
def test_buffers_are_those_of_the_sequence_and_each_point_is_evaluated_once(
    needed: tuple[float, ...], sequence: tuple[float, ...]
) -> None:
    ours, theirs = student(), student()
    counting = Counting(ours, 4)
    on, reference = line(counting), line(theirs)
    evaluate_like(counting, on, needed, sequence)
    for c in sequence:
        theirs(reference.point(c))
    for (name, buffer), other in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(buffer, other, rtol=1e-12, atol=1e-15, msg=name)
    assert counting.calls == len({*needed, *sequence})
    for c in needed:
        assert on.student(c).requires_grad
        torch.testing.assert_close(on.student(c), theirs(reference.point(c)))
    for c in set(sequence) - set(needed):
        assert not on.student(c).requires_grad


def test_gradients_are_those_of_plain_forwards() -> None:
    ours, theirs = student(), student()
    on = line(ours)
    evaluate_like(ours, on, (1, 0), (0, 1, 0))
    on.student(1).square().sum().backward()
    theirs(on.point(1)).square().sum().backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_layers_without_averages_of_this_batch_are_left_alone() -> None:
    network = student()
    network.body[1].eval()  # keeps its averages
    network.body[4] = nn.BatchNorm2d(8, track_running_stats=False, dtype=torch.float64)  # has none
    before = copy.deepcopy(network.state_dict())
    evaluate_like(network, line(network), (1,), (1, 0))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def momenta(network: nn.Module) -> list[float | None]:
    return [layer.momentum for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]


def test_momenta_are_restored_also_when_a_forward_fails() -> None:
    network = student()

    class Failing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Images) -> Logits:
            raise RuntimeError("out of memory")

    evaluate_like(network, line(network), (1,), (1,))
    assert momenta(network) == [0.1, 0.3]
    failing = Failing()
    with pytest.raises(RuntimeError, match="out of memory"):
        evaluate_like(failing, line(failing), (1,), (1,))
    assert momenta(network) == [0.1, 0.3]


def test_a_cumulative_average_has_no_momentum_to_fold() -> None:
    network = student()
    layer = network.body[1]
    assert isinstance(layer, nn.BatchNorm2d)
    layer.momentum = None
    with pytest.raises(ValueError, match=r"bn_parity requires BatchNorm with a momentum. Found: momentum=None"):
        evaluate_like(network, line(network), (1,), (1,))
    assert momenta(network) == [None, 0.3]
