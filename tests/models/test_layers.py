from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from robustill.models.layers import Float32Linear, GlobalAverage, Normalize, SameConv2d


def test_normalize_is_the_formula() -> None:
    x = torch.rand(2, 3, 4, 5)
    mean, std = (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)
    out = Normalize(mean, std)(x)
    for channel in range(3):
        torch.testing.assert_close(out[:, channel], (x[:, channel] - mean[channel]) / std[channel])


def test_normalize_without_constants_hands_the_images_on() -> None:
    x = torch.rand(2, 3, 4, 5)
    assert Normalize()(x) is x


def test_normalize_adds_no_key_but_moves_and_casts_with_the_network() -> None:
    layer = Normalize((0.5,), (0.25,)).double()
    assert layer.state_dict() == {}
    assert layer(torch.rand(1, 1, 2, 2, dtype=torch.float64)).dtype == torch.float64
    assert repr(layer) == "Normalize(channels=1)"
    assert repr(Normalize()) == "Normalize(identity)"


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ((0.5,), None, "mean and std together; found mean=.*std=None"),
        (None, (0.5,), "mean and std together; found mean=None"),
        ((0.5,), (0.5, 0.5), "one number for each channel; found 1 and 2"),
        ((0.5, 0.5), (0.5, 0.0), r"must be positive; found std=\(0.5, 0.0\)"),
        ((0.5,), (-1.0,), "must be positive"),
        ((0.5,), (float("nan"),), "must be positive"),
    ],
)
def test_normalize_refuses(mean: tuple[float, ...] | None, std: tuple[float, ...] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Normalize(mean, std)


def test_normalize_does_not_broadcast_grey_to_colour() -> None:
    with pytest.raises(ValueError, match=r"normalises 3 channels; found images of shape \(2, 1, 8, 8\)"):
        Normalize((0.5,) * 3, (0.5,) * 3)(torch.rand(2, 1, 8, 8))


def test_float32_linear_computes_in_float32_under_autocast() -> None:
    layer, x = Float32Linear(64, 8), torch.randn(4, 64)
    exact = F.linear(x, layer.weight, layer.bias)
    with torch.autocast("cpu", torch.bfloat16):
        inside, usual = layer(x), nn.Linear(64, 8)(x)
        from_half = layer(x.bfloat16())
    assert inside.dtype == torch.float32
    assert torch.equal(inside, exact)
    assert from_half.dtype == torch.float32
    assert usual.dtype == torch.bfloat16  # what it protects from


@pytest.mark.parametrize(
    ("stored", "computed"),
    [(torch.float16, torch.float32), (torch.bfloat16, torch.float32), (torch.float64, torch.float64)],
)
def test_float32_linear_never_loses_precision(stored: torch.dtype, computed: torch.dtype) -> None:
    layer = Float32Linear(5, 3).to(stored)
    assert layer(torch.randn(2, 5, dtype=stored)).dtype == computed


def test_float32_linear_has_the_keys_of_a_linear_layer_and_runs_without_bias_and_on_meta() -> None:
    assert list(Float32Linear(5, 3).state_dict()) == list(nn.Linear(5, 3).state_dict())
    assert Float32Linear(5, 3, bias=False)(torch.randn(2, 5)).shape == (2, 3)
    assert Float32Linear(5, 3, device="meta")(torch.empty(2, 5, device="meta")).shape == (2, 3)


@pytest.mark.parametrize("bias", [True, False])
def test_float32_linear_can_share_a_layers_weights(bias: bool) -> None:
    layer = nn.Linear(5, 3, bias=bias)
    shared, x = Float32Linear.sharing(layer), torch.randn(2, 5)
    assert [id(p) for p in shared.parameters()] == [id(p) for p in layer.parameters()]
    assert torch.equal(shared(x), layer(x))


LAYOUTS = (torch.contiguous_format, torch.channels_last)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_global_average_is_float32_from_bfloat16_and_float64_from_float64(layout: torch.memory_format) -> None:
    average, x = GlobalAverage(), torch.randn(2, 3, 5, 7).to(memory_format=layout)
    torch.testing.assert_close(average(x), x.flatten(2).mean(2))
    half = x.bfloat16()
    assert torch.equal(average(half), half.float().mean((2, 3)))
    assert average(x.double()).dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_gradient_of_a_global_average_has_the_layout_of_the_maps(
    layout: torch.memory_format, dtype: torch.dtype
) -> None:
    x = torch.randn(2, 3, 5, 7, dtype=dtype).to(memory_format=layout).requires_grad_()
    weight = torch.randn(2, 3)
    (gradient,) = torch.autograd.grad((weight * GlobalAverage()(x)).sum(), x)
    assert gradient.is_contiguous(memory_format=layout)
    torch.testing.assert_close(gradient, (weight / 35).to(dtype)[:, :, None, None].expand_as(x), rtol=1e-2, atol=0)


@pytest.mark.parametrize("size", [(8, 8), (7, 7), (8, 7), (7, 8)])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_convolution_gives_every_stride_th_position(size: tuple[int, int], stride: int) -> None:
    layer = SameConv2d(2, 3, stride)
    out = layer(torch.randn(1, 2, *size))
    assert out.shape[2:] == tuple(-(-s // stride) for s in size)


def test_same_convolution_pads_below_and_to_the_right_at_stride_2() -> None:
    layer, x = SameConv2d(1, 1, stride=2), torch.randn(1, 1, 6, 4)
    kernel = layer.weight[0, 0]
    out = layer(x)
    torch.testing.assert_close(out[0, 0, 0, 0], (x[0, 0, :3, :3] * kernel).sum())  # nothing before the first row
    torch.testing.assert_close(out[0, 0, 2, 1], (x[0, 0, 4:, 2:] * kernel[:2, :2]).sum())  # zeros after the last
