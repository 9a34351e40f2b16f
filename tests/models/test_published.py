"""Sizes and state-dict keys of the published networks, typed in. Built on the meta device: no memory, no time."""

from __future__ import annotations

import pytest
import torch

from robustill.models import Classifier, count_parameters, create_model


def build(text: str, num_classes: int = 10, in_channels: int = 3) -> Classifier:
    with torch.device("meta"):
        return create_model(text, num_classes, in_channels=in_channels)


@pytest.mark.parametrize(
    ("text", "classes", "parameters"),
    [
        ("resnet18", 10, 11_173_962),
        ("resnet18", 100, 11_220_132),
        ("ResNet(width=16)", 10, 701_466),  # 2,724 w² + 257 w + 10, as at 64
        ("resnet34", 10, 21_282_122),
        ("resnet50", 10, 23_520_842),
        ("PreActResNet(final_norm=False)", 10, 11_171_146),
        ("preact_resnet18", 10, 11_171_146 + 2 * 512),
        # Its shortcuts are 3x3 where the other's are 1x1: eight more weights for each pair of channels.
        ("dm_preact_resnet18", 10, 11_171_146 + 2 * 512 + 8 * (64 * 128 + 128 * 256 + 256 * 512)),
        ("mobilenet_v2", 10, 2_296_922),
        ("wrn_16_4", 10, 2_748_890),
        ("wrn_28_10", 10, 36_479_194),
        ("wrn_34_10", 10, 46_160_474),
        ("wrn_34_10", 100, 46_160_474 + 90 * 641),
        # The dead group again: 256,352 of the block that widens 16 to 160 channels, 461,440 of each of four more.
        ("WideResNet(sub_block1=True)", 100, 46_160_474 + 90 * 641 + 256_352 + 4 * 461_440),
        ("wrn_34_20", 10, 184_531_674),
        ("dm_wrn_28_10", 10, 36_479_194),
        ("dm_wrn_28_10", 100, 36_479_194 + 90 * 641),
        ("dm_wrn_70_16", 10, 266_796_506),
    ],
)
def test_parameter_count(text: str, classes: int, parameters: int) -> None:
    assert count_parameters(build(text, classes)) == parameters


@pytest.mark.parametrize(("width", "low", "high"), [(16, 20_000, 25_000), (96, 800_000, 850_000)])
def test_small_cnn_is_a_student_of_20_thousand_or_a_teacher_of_800_thousand(width: int, low: int, high: int) -> None:
    assert low < count_parameters(build(f"SmallCNN(width={width})", in_channels=1)) < high


def weights(*names: str) -> list[str]:
    return [f"{name}.weight" for name in names]


def norms(*names: str) -> list[str]:
    entries = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{name}.{entry}" for name in names for entry in entries]


def linear(name: str) -> list[str]:
    return [f"{name}.weight", f"{name}.bias"]


def resnet_keys(blocks: tuple[int, ...], convolutions: int) -> list[str]:
    keys = [*weights("conv1"), *norms("bn1"), *linear("linear")]
    for stage, count in enumerate(blocks, start=1):
        for i in range(count):
            block = f"layer{stage}.{i}"
            for c in range(1, convolutions + 1):
                keys += [*weights(f"{block}.conv{c}"), *norms(f"{block}.bn{c}")]
            if i == 0 and (stage > 1 or convolutions == 3):
                keys += [*weights(f"{block}.shortcut.0"), *norms(f"{block}.shortcut.1")]
    return keys


def preact_keys() -> list[str]:
    keys = [*weights("conv1"), *norms("bn"), *linear("linear")]
    for block in (f"layer{stage}.{i}" for stage in (1, 2, 3, 4) for i in (0, 1)):
        keys += [*weights(f"{block}.conv1", f"{block}.conv2"), *norms(f"{block}.bn1", f"{block}.bn2")]
    return keys + weights(*(f"layer{stage}.0.shortcut.0" for stage in (2, 3, 4)))


def mobilenet_keys() -> list[str]:
    keys = [*weights("conv1", "conv2"), *norms("bn1", "bn2"), *linear("linear")]
    for block in (f"layers.{i}" for i in range(17)):
        for c in (1, 2, 3):
            keys += [*weights(f"{block}.conv{c}"), *norms(f"{block}.bn{c}")]
    for i in (0, 1, 10, 16):  # stride 1 and other channels: 32-16, 16-24, 64-96, 160-320
        keys += [*weights(f"layers.{i}.shortcut.0"), *norms(f"layers.{i}.shortcut.1")]
    return keys


def trades_keys(groups: tuple[str, ...] = ("block1", "block2", "block3")) -> list[str]:
    keys = [*weights("conv1"), *norms("bn1"), *linear("fc")]
    for group in groups:
        for block in (f"{group}.layer.{i}" for i in range(5)):
            keys += [*weights(f"{block}.conv1", f"{block}.conv2"), *norms(f"{block}.bn1", f"{block}.bn2")]
        keys += weights(f"{group}.layer.0.convShortcut")
    return keys


def deepmind_wide_keys() -> list[str]:
    keys = [*weights("init_conv"), *norms("batchnorm"), *linear("logits")]
    for group in (0, 1, 2):
        for block in (f"layer.{group}.block.{i}" for i in range(4)):
            keys += [
                *weights(f"{block}.conv_0", f"{block}.conv_1"),
                *norms(f"{block}.batchnorm_0", f"{block}.batchnorm_1"),
            ]
        keys += weights(f"layer.{group}.block.0.shortcut")
    return keys


def deepmind_preact_keys() -> list[str]:
    keys = [*weights("conv_2d"), *norms("batchnorm"), *linear("logits")]
    for block in (f"layer_{stage}.{i}" for stage in (0, 1, 2, 3) for i in (0, 1)):
        keys += weights(f"{block}.conv_2d_1", f"{block}.conv_2d_2")
        keys += norms(f"{block}.batchnorm_0", f"{block}.batchnorm_1")
    return keys + weights(*(f"layer_{stage}.0.shortcut" for stage in (1, 2, 3)))


def small_cnn_keys() -> list[str]:
    return [*weights(*(f"conv{i}" for i in (1, 2, 3, 4))), *norms(*(f"bn{i}" for i in (1, 2, 3, 4))), *linear("linear")]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("small_cnn", small_cnn_keys()),
        ("resnet18", resnet_keys((2, 2, 2, 2), 2)),
        ("resnet34", resnet_keys((3, 4, 6, 3), 2)),
        ("resnet50", resnet_keys((3, 4, 6, 3), 3)),
        ("preact_resnet18", preact_keys()),
        ("PreActResNet(final_norm=False)", [key for key in preact_keys() if not key.startswith("bn.")]),
        ("mobilenet_v2", mobilenet_keys()),
        ("wrn_34_10", trades_keys()),
        ("WideResNet(sub_block1=True)", trades_keys(("block1", "sub_block1", "block2", "block3"))),
        ("dm_wrn_28_10", deepmind_wide_keys()),
        ("dm_preact_resnet18", deepmind_preact_keys()),
    ],
)
def test_keys(text: str, keys: list[str]) -> None:
    assert sorted(build(text).state_dict()) == sorted(keys)


@pytest.mark.parametrize(
    ("text", "key", "shape"),
    [
        ("resnet18", "conv1.weight", (64, 3, 3, 3)),
        ("resnet18", "layer3.0.shortcut.0.weight", (256, 128, 1, 1)),
        ("resnet50", "layer4.2.conv1.weight", (512, 2048, 1, 1)),
        ("mobilenet_v2", "layers.16.conv2.weight", (960, 1, 3, 3)),
        ("wrn_34_10", "conv1.weight", (16, 3, 3, 3)),
        ("wrn_34_10", "block1.layer.0.convShortcut.weight", (160, 16, 1, 1)),
        ("wrn_34_10", "block3.layer.0.bn1.weight", (320,)),
        ("dm_wrn_28_10", "layer.1.block.0.shortcut.weight", (320, 160, 1, 1)),
        ("dm_wrn_28_10", "logits.weight", (10, 640)),
        ("dm_preact_resnet18", "layer_1.0.shortcut.weight", (128, 64, 3, 3)),
    ],
)
def test_shapes(text: str, key: str, shape: tuple[int, ...]) -> None:
    assert build(text).state_dict()[key].shape == shape
