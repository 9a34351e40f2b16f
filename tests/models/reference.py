"""The networks once more, as functions of a state dict: slow and explicit, in evaluation mode.

Typed from the published descriptions, to be compared with the package's modules.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

State = Mapping[str, Tensor]


def norm(state: State, name: str, x: Tensor) -> Tensor:
    """BatchNorm by its running statistics."""
    scale = state[f"{name}.weight"] / torch.sqrt(state[f"{name}.running_var"] + 1e-5)
    shift = state[f"{name}.bias"] - state[f"{name}.running_mean"] * scale
    return x * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)


def conv(state: State, name: str, x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
    """A convolution that keeps the size at stride 1: padding 1 on every side for 3x3, none for 1x1."""
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=groups)


def conv_same(state: State, name: str, x: Tensor, stride: int) -> Tensor:
    """A 3x3 convolution over a canvas of zeros: one line more on every side, or below and right alone at stride 2."""
    before = 1 if stride == 1 else 0
    batch, channels, height, width = x.shape
    canvas = x.new_zeros(batch, channels, before + height + 1, before + width + 1)
    canvas[:, :, before : before + height, before : before + width] = x
    return F.conv2d(canvas, state[f"{name}.weight"], stride=stride)


def classify(state: State, name: str, x: Tensor) -> Tensor:
    pooled = x.flatten(2).sum(2) / (x.shape[2] * x.shape[3])
    return pooled @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def blocks(state: State, pattern: str, conv_name: str) -> int:
    """How many blocks a stage has, by the keys that are there."""
    count = 0
    while f"{pattern}.{count}.{conv_name}.weight" in state:
        count += 1
    return count


def trades_block(state: State, name: str, x: Tensor, stride: int) -> Tensor:
    """Where there is a ``convShortcut``, it takes the activated input; elsewhere the raw input is added."""
    active = norm(state, f"{name}.bn1", x).clamp(min=0)
    out = norm(state, f"{name}.bn2", conv(state, f"{name}.conv1", active, stride)).clamp(min=0)
    out = conv(state, f"{name}.conv2", out)
    if f"{name}.convShortcut.weight" in state:
        return out + F.conv2d(active, state[f"{name}.convShortcut.weight"], stride=stride)
    return out + x


def trades_wide_resnet(state: State, x: Tensor) -> Tensor:
    x = conv(state, "conv1", x)
    for group in (1, 2, 3):
        for i in range(blocks(state, f"block{group}.layer", "conv1")):
            x = trades_block(state, f"block{group}.layer.{i}", x, stride=2 if group > 1 and i == 0 else 1)
    return classify(state, "fc", norm(state, "bn1", x).clamp(min=0))


def silu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def deepmind_wide_block(state: State, name: str, x: Tensor, stride: int) -> Tensor:
    """As TRADES, with SiLU, and ``conv_0`` padded by hand."""
    active = silu(norm(state, f"{name}.batchnorm_0", x))
    out = silu(norm(state, f"{name}.batchnorm_1", conv_same(state, f"{name}.conv_0", active, stride)))
    out = conv(state, f"{name}.conv_1", out)
    if f"{name}.shortcut.weight" in state:
        return out + F.conv2d(active, state[f"{name}.shortcut.weight"], stride=stride)
    return out + x


def deepmind_wide_resnet(state: State, x: Tensor) -> Tensor:
    x = conv(state, "init_conv", x)
    for group in (0, 1, 2):
        for i in range(blocks(state, f"layer.{group}.block", "conv_0")):
            x = deepmind_wide_block(state, f"layer.{group}.block.{i}", x, stride=2 if group > 0 and i == 0 else 1)
    return classify(state, "logits", silu(norm(state, "batchnorm", x)))


def deepmind_preact_resnet(state: State, x: Tensor) -> Tensor:
    """The shortcut is a 3x3 convolution of the input before its activation."""
    x = conv(state, "conv_2d", x)
    for stage in range(4):
        for i in range(blocks(state, f"layer_{stage}", "conv_2d_1")):
            name, stride = f"layer_{stage}.{i}", 2 if stage > 0 and i == 0 else 1
            out = conv_same(state, f"{name}.conv_2d_1", silu(norm(state, f"{name}.batchnorm_0", x)), stride)
            out = conv(state, f"{name}.conv_2d_2", silu(norm(state, f"{name}.batchnorm_1", out)))
            x = out + (x if f"{name}.shortcut.weight" not in state else conv_same(state, f"{name}.shortcut", x, stride))
    return classify(state, "logits", silu(norm(state, "batchnorm", x)))


def resnet(state: State, x: Tensor) -> Tensor:
    """Basic blocks and bottlenecks: the last convolution has no ReLU of its own, the sum has."""
    x = norm(state, "bn1", conv(state, "conv1", x)).clamp(min=0)
    for stage in (1, 2, 3, 4):
        for i in range(blocks(state, f"layer{stage}", "conv1")):
            name, stride = f"layer{stage}.{i}", 2 if stage > 1 and i == 0 else 1
            bottleneck = f"{name}.conv3.weight" in state
            out = conv(state, f"{name}.conv1", x, 1 if bottleneck else stride)
            out = norm(state, f"{name}.bn1", out).clamp(min=0)
            out = norm(state, f"{name}.bn2", conv(state, f"{name}.conv2", out, stride if bottleneck else 1))
            if bottleneck:
                out = norm(state, f"{name}.bn3", conv(state, f"{name}.conv3", out.clamp(min=0)))
            if f"{name}.shortcut.0.weight" in state:
                x = norm(state, f"{name}.shortcut.1", conv(state, f"{name}.shortcut.0", x, stride))
            x = (x + out).clamp(min=0)
    return classify(state, "linear", x)


def preact_resnet(state: State, x: Tensor, activated_shortcut: bool) -> Tensor:
    x = conv(state, "conv1", x)
    for stage in (1, 2, 3, 4):
        for i in range(blocks(state, f"layer{stage}", "conv1")):
            name, stride = f"layer{stage}.{i}", 2 if stage > 1 and i == 0 else 1
            active = norm(state, f"{name}.bn1", x).clamp(min=0)
            out = norm(state, f"{name}.bn2", conv(state, f"{name}.conv1", active, stride)).clamp(min=0)
            out = conv(state, f"{name}.conv2", out)
            if f"{name}.shortcut.0.weight" in state:
                x = conv(state, f"{name}.shortcut.0", active if activated_shortcut else x, stride)
            x = x + out
    if "bn.weight" in state:
        x = norm(state, "bn", x).clamp(min=0)
    return classify(state, "linear", x)


def mobilenet_v2(state: State, x: Tensor) -> Tensor:
    """ReLU everywhere but after the last convolution of a block; added only where the stride is 1."""
    strides = [1, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]
    x = norm(state, "bn1", conv(state, "conv1", x)).clamp(min=0)
    for i, stride in enumerate(strides):
        name = f"layers.{i}"
        out = norm(state, f"{name}.bn1", conv(state, f"{name}.conv1", x)).clamp(min=0)
        out = conv(state, f"{name}.conv2", out, stride, groups=out.shape[1])
        out = norm(state, f"{name}.bn2", out).clamp(min=0)
        out = norm(state, f"{name}.bn3", conv(state, f"{name}.conv3", out))
        if f"{name}.shortcut.0.weight" in state:
            x = norm(state, f"{name}.shortcut.1", conv(state, f"{name}.shortcut.0", x))
        x = x + out if stride == 1 else out
    x = norm(state, "bn2", conv(state, "conv2", x)).clamp(min=0)
    return classify(state, "linear", x)


def small_cnn(state: State, x: Tensor) -> Tensor:
    for i, stride in ((1, 2), (2, 2), (3, 1), (4, 2)):
        x = norm(state, f"bn{i}", conv(state, f"conv{i}", x, stride)).clamp(min=0)
    return classify(state, "linear", x)
