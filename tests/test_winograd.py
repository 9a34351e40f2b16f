"""Wide 3x3 convolutions with half the multiplications: the same function, and the network as it was afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import robustill.winograd
from robustill.attacks import PGD, Linf
from robustill.methods.adaad import AdaAD
from robustill.methods.rslad import RSLAD
from robustill.models import create_model
from robustill.models.layers import SameConv2d
from robustill.objectives import IGDM, Method
from robustill.training.step import descend
from robustill.winograd import CHANNELS, shortened
from tests.networks import images, labels, seeded

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="needs a PyTorch with oneDNN, as without it nothing is shortened"
)


@pytest.fixture(autouse=True, scope="module")
def also_small_maps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustill.winograd, "BYTES", 0)
        yield


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each convolution that was made the shorter way: whether it was a gradient's."""
    made = list[bool]()
    for name, transposed in (("_forward", False), ("_backward", True)):
        work: Callable[..., None] = getattr(robustill.winograd, name)

        def counted(*args: Any, work: Callable[..., None] = work, transposed: bool = transposed, **kwargs: Any) -> None:
            made.append(transposed)
            work(*args, **kwargs)

        monkeypatch.setattr(robustill.winograd, name, counted)
    return made


def wide(channels: int = CHANNELS, **options: Any) -> nn.Conv2d:
    conv = nn.Conv2d(channels, options.pop("out", channels), options.pop("kernel_size", 3), **{"padding": 1, **options})
    conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # in the docs, not in the stubs
    return conv.requires_grad_(False)


def maps(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, dtype=dtype).to(memory_format=torch.channels_last).requires_grad_()


@given(
    images=st.integers(1, 5),
    channels=st.sampled_from([CHANNELS, CHANNELS + 3]),
    out=st.sampled_from([CHANNELS, CHANNELS + 5]),
    quarter=st.integers(1, 3),
    width=st.integers(1, 9),
    bias=st.booleans(),
    at_once=st.integers(1, 6),
)
def test_maps_and_gradients_are_the_convolutions(
    images: int, channels: int, out: int, quarter: int, width: int, bias: bool, at_once: int
) -> None:
    """And the gradient of the gradient, of which methods make use that climb one."""
    conv = wide(channels, out=out, bias=bias).double()
    x = maps(images, channels, 4 * quarter, width, dtype=torch.float64)

    def looked_at() -> tuple[Tensor, ...]:
        y = conv(x)
        dy = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y).requires_grad_()
        (dx,) = torch.autograd.grad(y, x, dy, create_graph=True)
        (ddy,) = torch.autograd.grad((dx * x.detach().cos()).sum(), dy)
        return y, dx, ddy

    expected = looked_at()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustill.winograd, "PORTION", at_once * x[0].nbytes)
        with shortened([conv]):
            found = looked_at()
    assert any(not torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))  # the shorter way
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [64, 256])
def test_float32_is_about_as_exact(channels: int) -> None:
    conv, x = wide(channels), maps(4, channels, 8, 8)
    exact = conv.double()(x.detach().double())
    conv.float()

    def error() -> float:
        return float((conv(x).detach() - exact).norm() / exact.norm())

    plain = error()
    with shortened([conv]):
        assert 0 < error() < 4 * plain < 1e-5


class Standardized(nn.Conv2d):
    """Convolves with other weights than its own."""

    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = self._conv_forward(input, self.weight - self.weight.mean(), self.bias)
        return result


@pytest.mark.parametrize(
    "layer",
    [
        wide(CHANNELS - 1),
        wide(out=CHANNELS - 1),
        wide(kernel_size=5, padding=2),
        wide(kernel_size=(3, 1), padding=(1, 0)),
        wide(stride=2),
        wide(padding=0),
        wide(padding="same"),
        wide(dilation=2, padding=2),
        wide(groups=2),
        wide(padding_mode="reflect"),
        wide().bfloat16(),
        wide().requires_grad_(True),
        Standardized(CHANNELS, CHANNELS, 3, padding=1).requires_grad_(False),
        nn.Linear(8, 8),
    ],
    ids=str,
)
def test_other_layers_stay_what_they_are(layer: nn.Module, calls: list[bool]) -> None:
    x = maps(2, getattr(layer, "in_channels", 1), 8, 8).to(next(layer.parameters()).dtype)
    expected = layer(x)
    with shortened([layer]):
        assert torch.equal(layer(x), expected)
    assert not calls


@pytest.mark.parametrize(
    "x",
    [maps(2, CHANNELS, 6, 8), maps(2, CHANNELS, 8, 8).contiguous()],
    ids=["height 6", "channels first"],
)
def test_other_maps_are_convolved_as_ever(x: Tensor, calls: list[bool]) -> None:
    layer = wide()
    expected = layer(x)
    with shortened([layer]):
        assert torch.equal(layer(x), expected)
    assert not calls


def test_small_maps_are_convolved_as_ever(calls: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = wide(), maps(2, CHANNELS, 8, 8)
    monkeypatch.setattr(robustill.winograd, "BYTES", x.nbytes)
    with shortened([layer]):
        layer(x)
        assert len(calls) == 1
        layer(x[:1])
    assert len(calls) == 1


def test_bfloat16_is_left_alone(calls: list[bool]) -> None:
    layer, x = wide(), maps(2, CHANNELS, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        expected = layer(x)
        with shortened([layer]):
            assert torch.equal(layer(x), expected)
    assert not calls


def test_no_images_give_no_maps(calls: list[bool]) -> None:
    layer = wide()
    with shortened([layer]):
        assert layer(maps(0, CHANNELS, 8, 8)).shape == (0, CHANNELS, 8, 8)


def test_torch_func_is_left_alone(calls: list[bool]) -> None:
    layer, x = wide(), maps(3, CHANNELS, 8, 8).detach()

    def one(image: Tensor) -> Tensor:
        result: Tensor = layer(image[None]).square().sum()
        return result

    expected = torch.func.vmap(torch.func.grad(one))(x)
    with shortened([layer]):
        torch.testing.assert_close(torch.func.vmap(torch.func.grad(one))(x), expected)
    assert not calls


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_the_network_is_what_it_was(fails: bool) -> None:
    layer = SameConv2d(CHANNELS, CHANNELS)
    before, state = set(vars(layer)), layer.state_dict(keep_vars=True)
    try:
        with shortened([layer, layer]):
            assert vars(layer).keys() - before == {"_conv_forward"}
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert set(vars(layer)) == before
    assert all(value is state[name] for name, value in layer.state_dict(keep_vars=True).items())


def test_the_weights_are_those_of_now() -> None:
    layer, x = wide(), maps(2, CHANNELS, 8, 8)
    for _ in range(2):
        layer.weight.mul_(-2)
        expected = layer(x)
        with shortened([layer]):
            torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-4)


def test_compiled_networks_stay(calls: list[bool]) -> None:
    layer, x = wide(), maps(2, CHANNELS, 8, 8)
    layer.compile(backend="eager")
    with shortened([layer]):
        layer(x)
    assert not calls


METHODS: list[Method] = [RSLAD() + IGDM(alpha=10), AdaAD() + IGDM(alpha=10)]
ATTACK = PGD(budget=Linf(8 / 255), steps=2, step_size=2 / 255)


def networks(dtype: torch.dtype = torch.float32) -> tuple[nn.Module, nn.Module]:
    """A student and its teacher, whose later stages are wide."""
    student, teacher = (
        seeded(lambda: create_model(f"ResNet(depth=18, width={CHANNELS // 4})", 10), seed)
        .to(dtype=dtype)
        .to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # in the docs, not in the stubs
        for seed in (0, 1)
    )
    return student, teacher.eval().requires_grad_(False)


def batch(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    return images(3, 3, 16, 16, dtype=dtype).to(memory_format=torch.channels_last), labels(3, 10)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_step_is_the_plain_step(method: Method, calls: list[bool]) -> None:
    """What training does, against the method alone: loss and every gradient. In float64, where no ReLU turns."""
    (ours, teacher), (plain, _) = networks(torch.float64), networks(torch.float64)
    options: dict[str, Any] = {"attack": ATTACK, "generator": torch.Generator().manual_seed(0)}
    loss = descend(ours, teacher, *batch(torch.float64), method=method, **options).loss
    assert {True, False} == set(calls)
    options["generator"].manual_seed(0)
    expected = method.loss(plain, teacher, *batch(torch.float64), **options)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-11, atol=0)
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None
        assert (one.grad - other.grad).norm() <= 1e-9 * other.grad.norm()


def test_a_step_in_bfloat16_convolves_as_ever(calls: list[bool]) -> None:
    descend(*networks(), *batch(), method=AdaAD(), attack=ATTACK, precision="bfloat16")
    assert not calls
