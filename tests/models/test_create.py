from __future__ import annotations

import doctest
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import robustill.models
from robustill.models import (
    NAMED,
    Adapter,
    Architecture,
    ResNet,
    SmallCNN,
    Timm,
    count_parameters,
    create_model,
    from_config,
    list_models,
    resolve,
)


def test_the_tutorial_runs() -> None:
    assert doctest.testmod(robustill.models).failed == 0


def test_names_are_listed_in_order_and_all_resolve() -> None:
    assert list_models() == sorted(NAMED)
    assert {"resnet18", "mobilenet_v2", "wrn_34_10", "dm_wrn_28_10", "preact_resnet18"} <= set(list_models())
    assert all(resolve(name) == NAMED[name] for name in list_models())


@pytest.mark.parametrize(
    "way", ["resnet18", " resnet18 ", "ResNet", "ResNet()", "ResNet(depth=18, width=64)", ResNet(depth=18)]
)
def test_one_network_has_many_names(way: str | Architecture) -> None:
    assert resolve(way) == ResNet(depth=18, width=64)


def test_overrides_change_fields() -> None:
    assert resolve("resnet34", width=16) == ResNet(depth=34, width=16)
    assert create_model(SmallCNN(), 10, in_channels=1, width=4).config.architecture == "SmallCNN(width=4)"


def test_from_config_builds_the_same_network() -> None:
    model = create_model("small_cnn", 5, in_channels=1, mean=(0.3,), std=(0.5,))
    twin = from_config(model.config)
    assert twin.config == model.config
    assert {k: v.shape for k, v in twin.state_dict().items()} == {k: v.shape for k, v in model.state_dict().items()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet19", "No model is called 'resnet19'; did you mean 'resnet18'?"),
        ("wrn3410", "did you mean 'wrn_34_10'?"),
        ("MobileNet", "did you mean 'MobileNetV2'?"),
        ("%%%", "No model is called '%%%'; known: dm_preact_resnet18, .*timm:NAME"),
        ("ResNett(depth=18)", "No component is called 'ResNett'"),
        ("ResNet(dept=18)", "dept"),
        ("SGD()", "Architecture"),
    ],
)
def test_unknown_names_get_the_nearest(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_model(text, 10)


def test_unknown_override() -> None:
    with pytest.raises(ValueError, match="ResNet has no field 'widht'; its fields are: depth, width"):
        create_model("resnet18", 10, widht=16)
    with pytest.raises(ValueError, match="MobileNetV2 has no field 'width'; its fields are: none"):
        create_model("mobilenet_v2", 10, width=16)


def test_numbers_out_of_range() -> None:
    with pytest.raises(ValueError, match="at least 2 classes"):
        create_model("small_cnn", 1)
    with pytest.raises(ValueError, match="each of 1 channels; found 3"):
        create_model("small_cnn", 10, in_channels=1, mean=(0.5,) * 3, std=(0.5,) * 3)


class Own(Architecture):
    """An architecture outside the package, whose network knows nothing of it."""

    width: int = 2

    def build(self, *, num_classes: int, in_channels: int) -> nn.Module:
        convolution = nn.Conv2d(in_channels, self.width, 3, stride=4)
        return nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(self.width, num_classes))


def test_an_architecture_of_ones_own() -> None:
    model = create_model("tests.models.test_create:Own(width=3)", 10, in_channels=1, mean=(0.5,), std=(0.5,))
    assert list(model.state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_count_parameters_leaves_buffers_out() -> None:
    assert count_parameters(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))) == 2 * 9 + 2 + 2 + 2


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that answers the three calls we make of timm."""

    def create(name: str, *, num_classes: int, in_chans: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(in_chans, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes)
        )

    fake = SimpleNamespace(__version__="0", is_model=lambda name: name == "tiny", create_model=create)
    monkeypatch.setitem(sys.modules, "timm", fake)


@pytest.mark.usefixtures("timm")
def test_timm_networks_have_our_interface_and_their_keys() -> None:
    model = create_model("timm:tiny", 7, in_channels=1, mean=(0.5,), std=(0.5,))
    assert isinstance(model, Adapter)
    assert model.config.architecture == "Timm('tiny')"
    assert resolve(model.config.architecture) == Timm("tiny")
    assert list(model.state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 7)


@pytest.mark.usefixtures("timm")
def test_timm_does_not_know_the_network() -> None:
    with pytest.raises(ValueError, match=r"timm 0 has no network called 'huge'; see timm.list_models\(\)"):
        create_model("timm:huge", 10)


def test_timm_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match=r"timm:resnet18 needs the package timm.*pip install 'robustill\[timm\]'"):
        create_model("timm:resnet18", 10)


def test_the_real_timm_if_it_is_there() -> None:
    pytest.importorskip("timm", reason="the bridge to timm is tested where timm is installed")
    model = create_model("timm:resnet10t", 7, in_channels=1).eval()
    assert model(torch.rand(2, 1, 64, 64)).shape == (2, 7)
    assert isinstance(model.get_submodule("net.fc"), robustill.models.Float32Linear)
