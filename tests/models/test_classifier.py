from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustill.models import Adapter, Classifier, Float32Linear, ModelConfig, create_model


def config(**changes: Any) -> ModelConfig:
    return ModelConfig(**{"architecture": "SmallCNN()", "num_classes": 10, "in_channels": 3, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 1}, "at least 2 classes; found num_classes=1"),
        ({"in_channels": 0}, "at least 1 channel; found in_channels=0"),
        ({"mean": (0.5,), "std": (0.5,)}, "each of 3 channels; found 1"),
        ({"mean": (0.5,) * 3}, "mean and std together"),
    ],
)
def test_config_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**changes)


@pytest.mark.parametrize("constants", [{}, {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}])
def test_config_round_trips_among_other_entries(constants: dict[str, Any]) -> None:
    made = config(**constants)
    assert ModelConfig.from_json(made.to_json() | {"classes": ["cat"]}) == made


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("num_classes", "ten", "num_classes should be of type int; found 'ten'"),
        ("num_classes", True, "num_classes should be of type int; found True"),
        ("architecture", 3, "architecture should be of type str; found 3"),
        ("mean", 0.5, "mean should be a list of numbers or null; found 0.5"),
        ("std", ["a"], r"std should be a list of numbers or null; found \['a'\]"),
    ],
)
def test_config_says_which_entry_is_wrong(key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig.from_json(config().to_json() | {key: value})


def test_config_names_what_is_missing() -> None:
    with pytest.raises(ValueError, match="needs the keys num_classes, std"):
        ModelConfig.from_json({"architecture": "SmallCNN()", "in_channels": 3, "mean": None})


def test_a_model_and_its_copy_carry_the_config() -> None:
    model = create_model("SmallCNN(width=4)", 10, in_channels=1, mean=[0.5], std=[0.25])
    expected = ModelConfig(architecture="SmallCNN(width=4)", num_classes=10, in_channels=1, mean=(0.5,), std=(0.25,))
    assert model.config == copy.deepcopy(model).config == expected


class Foreign(nn.Module):
    """Somebody else's network: a parameter of its own, BatchNorm, and a head that is not the last attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(3, 1, 1))
        self.body = nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 8, 3), norm=nn.BatchNorm2d(8)))
        self.head = nn.Sequential(nn.Dropout(0.0), nn.Linear(8, 4))
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.pool(self.body(x + self.token)).flatten(1))
        return out


def test_adapter_has_the_keys_of_its_network() -> None:
    net = Foreign()
    keys = list(net.state_dict())
    adapter = Adapter(net)
    assert list(adapter.state_dict()) == keys
    nested = nn.ModuleDict({"teacher": adapter})
    assert list(nested.state_dict()) == [f"teacher.{key}" for key in keys]


def test_adapter_loads_the_weights_of_its_network_strictly() -> None:
    source, x = Foreign().eval(), torch.rand(2, 3, 8, 8)
    adapter = Adapter(Foreign()).eval()
    adapter.load_state_dict(source.state_dict(), strict=True)
    torch.testing.assert_close(adapter(x), source(x))
    twin = copy.deepcopy(Adapter(Foreign())).eval()
    twin.load_state_dict(adapter.state_dict(), strict=True)
    torch.testing.assert_close(twin(x), source(x))
    with pytest.raises(RuntimeError, match="Unexpected key"):
        adapter.load_state_dict(source.state_dict() | {"surplus": torch.zeros(1)})


def test_adapter_normalises_and_keeps_logits_out_of_bfloat16() -> None:
    net = Foreign().eval()
    adapter = Adapter(copy.deepcopy(net)).eval().configure(config(mean=(0.5,) * 3, std=(0.25,) * 3))
    x = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(adapter(x), net((x - 0.5) / 0.25))
    with torch.autocast("cpu", torch.bfloat16):
        logits = adapter(x)
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, logits.bfloat16().float())  # computed in float32, not only cast


def test_adapter_of_a_bare_layer_and_of_a_network_without_one() -> None:
    bare = Adapter(nn.Linear(4, 3))
    assert isinstance(bare.net, Float32Linear)
    assert list(bare.state_dict()) == ["weight", "bias"]
    convolutional = Adapter(nn.Sequential(nn.Conv2d(3, 5, 4), nn.Flatten()))
    with torch.autocast("cpu", torch.bfloat16):
        assert convolutional(torch.rand(2, 3, 4, 4)).dtype == torch.float32


def test_a_network_of_torchvision_if_it_is_there() -> None:
    models = pytest.importorskip("torchvision.models", reason="torchvision's networks are tested where it is installed")
    net = models.resnet18(num_classes=7).eval()
    adapter = Adapter(copy.deepcopy(net)).eval().configure(config(num_classes=7, mean=(0.5,) * 3, std=(0.25,) * 3))
    x = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(adapter(x), net((x - 0.5) / 0.25))
    assert list(adapter.state_dict()) == list(net.state_dict())


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


def test_adapter_refuses_a_network_that_returns_no_tensor() -> None:
    with pytest.raises(ValueError, match="logits as one tensor; Pair returned a tuple"):
        Adapter(Pair())(torch.rand(1, 3, 4, 4))


def test_classifier_is_abstract() -> None:
    with pytest.raises(TypeError, match="classify"):
        Classifier()  # type: ignore[abstract]
