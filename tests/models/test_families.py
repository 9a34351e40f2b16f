"""What every family of networks must do, on small members of each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from robustill.component import find
from robustill.expression import parse
from robustill.models import Architecture, create_model
from tests.models import reference
from tests.models.zoo import TINY, lived_in

REFERENCE: dict[str, Callable[[reference.State, Tensor], Tensor]] = {
    "SmallCNN": reference.small_cnn,
    "ResNet": reference.resnet,
    "MobileNetV2": reference.mobilenet_v2,
    "WideResNet": reference.trades_wide_resnet,
    "DeepMindWideResNet": reference.deepmind_wide_resnet,
    "DeepMindPreActResNet": reference.deepmind_preact_resnet,
}


def test_the_zoo_has_every_family() -> None:
    families = set(find("robustill.models", Architecture)) - {"Timm"}
    assert {text.partition("(")[0] for text in TINY} == families


@pytest.mark.parametrize("text", TINY)
def test_text_round_trips(text: str) -> None:
    architecture = parse(text, Architecture)
    assert repr(architecture) == text
    assert create_model(text, 3).config.architecture == text


@pytest.mark.parametrize("size", [(28, 28), (32, 32), (33, 30), (64, 64)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("text", TINY)
def test_any_size_grey_or_colour(text: str, channels: int, size: tuple[int, int]) -> None:
    model = create_model(text, 7, in_channels=channels).eval()
    with torch.no_grad():
        logits = model(torch.rand(2, channels, *size))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32), (3, 64)])
@pytest.mark.parametrize("text", TINY)
def test_gradient_reaches_every_parameter_and_the_image(text: str, channels: int, size: int) -> None:
    torch.manual_seed(0)
    model = create_model(text, 4, in_channels=channels, mean=(0.5,) * channels, std=(0.2,) * channels).train()
    x = torch.rand(4, channels, size, size, requires_grad=True)
    model(x).square().sum().backward()
    for name, parameter in model.named_parameters():
        if name.startswith("sub_block1."):
            assert parameter.grad is None  # carried along for its keys, never used
        else:
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name
    assert x.grad is not None and x.grad.flatten(1).any(1).all()


@pytest.mark.parametrize("text", TINY)
def test_an_image_alone_has_the_logits_it_has_in_a_batch(text: str) -> None:
    model, x = lived_in(text, normalised=True).double(), torch.rand(3, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(model(x[1:2]), model(x)[1:2])


@pytest.mark.parametrize("text", TINY)
def test_normalisation_happens_once(text: str) -> None:
    plain, inside = lived_in(text), lived_in(text, normalised=True)
    inside.load_state_dict(plain.state_dict())
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(inside(x), plain((x - 0.3) / 0.4))


@pytest.mark.parametrize("text", TINY)
def test_logits_are_float32_under_autocast_and_float64_in_double(text: str) -> None:
    model, x = lived_in(text), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        exact = model(x)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(x)
        assert logits.dtype == exact.dtype == torch.float32
        assert not torch.equal(logits, exact)  # the rest did run in bfloat16
        assert not torch.equal(logits, logits.bfloat16().float())
        assert model.double()(x.double()).dtype == torch.float64


@pytest.mark.parametrize("text", TINY)
def test_no_submodule_is_called_model_or_module(text: str) -> None:
    # RobustBench strips these two words wherever they stand in a key.
    names = {part for name, _ in create_model(text, 3).named_modules() for part in name.split(".")}
    assert names.isdisjoint({"model", "module"})


@pytest.mark.parametrize("text", TINY)
def test_same_seed_same_weights(text: str) -> None:
    first, second = lived_in(text).state_dict(), lived_in(text).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("text", TINY)
def test_equals_the_reference(text: str) -> None:
    family = text.partition("(")[0]
    preact = partial(reference.preact_resnet, activated_shortcut="activated_shortcut=False" not in text)
    forward = preact if family == "PreActResNet" else REFERENCE[family]
    model, x = lived_in(text).double(), torch.rand(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(model(x), forward(model.state_dict(), x))


@pytest.mark.parametrize("in_channels", [8, 16])
@pytest.mark.parametrize("stride", [1, 2])
def test_wide_blocks_equal_the_reference(in_channels: int, stride: int) -> None:
    from robustill.models.deepmind_wide_resnet import DeepMindWideBlock
    from robustill.models.wide_resnet import WideBlock

    torch.manual_seed(0)
    x = torch.randn(2, in_channels, 8, 6, dtype=torch.float64)
    for block, forward in (
        (WideBlock(in_channels, 16, stride), reference.trades_block),
        (DeepMindWideBlock(in_channels, 16, stride), reference.deepmind_wide_block),
    ):
        block = block.double().eval()
        state = {f"block.{key}": value for key, value in block.state_dict().items()}
        with torch.no_grad():
            torch.testing.assert_close(block(x), forward(state, "block", x, stride))


def test_the_dead_block_changes_nothing() -> None:
    with_it, without = (
        lived_in("WideResNet(depth=10, factor=1, sub_block1=True)"),
        lived_in("WideResNet(depth=10, factor=1)"),
    )
    state = with_it.state_dict()
    without.load_state_dict({key: value for key, value in state.items() if not key.startswith("sub_block1.")})
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(with_it(x), without(x))


def test_wide_resnet_starts_as_trades_does() -> None:
    torch.manual_seed(0)
    model = create_model("WideResNet(depth=10, factor=4)", 10)
    state = model.state_dict()
    weight = state["block3.layer.0.conv1.weight"]
    assert weight.std().item() == pytest.approx((2 / (9 * weight.shape[0])) ** 0.5, rel=0.01)
    assert not state["fc.bias"].any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ResNet(depth=20)", "ResNet is built for depth 18, 34, 50; found depth=20"),
        ("ResNet(width=0)", "ResNet needs width of at least 1; found width=0"),
        ("PreActResNet(depth=50)", "PreActResNet is built for depth 18, 34; found depth=50"),
        ("PreActResNet(width=-1)", "PreActResNet needs width of at least 1"),
        ("DeepMindPreActResNet(depth=19)", "DeepMindPreActResNet is built for depth 18, 34"),
        ("DeepMindPreActResNet(width=0)", "DeepMindPreActResNet needs width of at least 1"),
        ("WideResNet(depth=30)", r"WideResNet needs a depth of 10, 16, 22, 28, .* found depth=30"),
        ("WideResNet(depth=4)", "WideResNet needs a depth of 10"),
        ("WideResNet(factor=0)", "WideResNet needs factor of at least 1"),
        ("DeepMindWideResNet(depth=29)", "DeepMindWideResNet needs a depth of 10"),
        ("DeepMindWideResNet(factor=0)", "DeepMindWideResNet needs factor of at least 1"),
        ("SmallCNN(width=0)", "SmallCNN needs width of at least 1; found width=0"),
    ],
)
def test_sizes_that_do_not_exist_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_model(text, 10)
