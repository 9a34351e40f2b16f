"""From a name or a text to a model."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from typing import Any

import torch

from robustill.component import find
from robustill.models.architecture import Architecture
from robustill.models.classifier import Adapter, Classifier, ModelConfig
from robustill.models.cnn import SmallCNN
from robustill.models.deepmind_preact_resnet import DeepMindPreActResNet
from robustill.models.deepmind_wide_resnet import DeepMindWideResNet
from robustill.models.from_timm import Timm
from robustill.models.mobilenet_v2 import MobileNetV2
from robustill.models.preact_resnet import PreActResNet
from robustill.models.resnet import ResNet
from robustill.models.wide_resnet import WideResNet
from robustill.wording import brief

NAMED: dict[str, Architecture] = {
    "dm_preact_resnet18": DeepMindPreActResNet(depth=18),
    "dm_wrn_28_10": DeepMindWideResNet(depth=28, factor=10),
    "dm_wrn_34_20": DeepMindWideResNet(depth=34, factor=20),
    "dm_wrn_70_16": DeepMindWideResNet(depth=70, factor=16),
    "mobilenet_v2": MobileNetV2(),
    "preact_resnet18": PreActResNet(depth=18),
    "preact_resnet34": PreActResNet(depth=34),
    "resnet18": ResNet(depth=18),
    "resnet34": ResNet(depth=34),
    "resnet50": ResNet(depth=50),
    "small_cnn": SmallCNN(),
    "wrn_16_4": WideResNet(depth=16, factor=4),
    "wrn_28_10": WideResNet(depth=28, factor=10),
    "wrn_34_10": WideResNet(depth=34, factor=10),
    "wrn_34_20": WideResNet(depth=34, factor=20),
}
"""Short names of the sizes that papers speak of."""

PARAMETERS = 10**10
"""A network of more is a slip, which would take minutes and all memory to find out."""


def list_models() -> list[str]:
    """The names that :func:`create_model` knows, in alphabetical order."""
    return sorted(NAMED)


def create_model(
    architecture: str | Architecture,
    num_classes: int,
    *,
    in_channels: int = 3,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    **overrides: Any,
) -> Classifier:
    """A network with random weights, from images in [0, 1] (``[batch, in_channels, height, width]``) to logits.

    Args:
        architecture: an :class:`Architecture`, its text (``"ResNet(depth=18, width=16)"``), one of
            :func:`list_models`, or ``timm:NAME``.
        num_classes: how many logits, at least two.
        in_channels: 1 for grey images, 3 for colour.
        mean, std: for a network that normalises its input inside, one number for each channel.
        **overrides: fields of the architecture to change, ``create_model("resnet18", 10, width=16)``.

    Raises:
        ValueError: the name, a field, or a value is not known or does not fit; the message says what would.
    """
    choice = resolve(architecture, **overrides)
    config = ModelConfig(
        architecture=repr(choice),
        num_classes=num_classes,
        in_channels=in_channels,
        mean=None if mean is None else tuple(mean),
        std=None if std is None else tuple(std),
    )
    return _build(choice, config)


def from_config(config: ModelConfig, *, imports: bool = False) -> Classifier:
    """The network that a config describes, with random weights.

    Args:
        imports: whether the module of somebody's own architecture is imported; see :mod:`robustill.expression`.

    Raises:
        ValueError: the architecture is not known here, or not without an import.
    """
    return _build(_read(config.architecture.strip(), imports=imports), config)


def resolve(architecture: str | Architecture, **overrides: Any) -> Architecture:
    """The architecture that a name or a text means, with some fields changed.

    Raises:
        ValueError: see :func:`create_model`.
    """
    choice = _read(architecture.strip()) if isinstance(architecture, str) else architecture
    known = [field.name for field in dataclasses.fields(choice)]
    for name in overrides:
        if name not in known:
            raise ValueError(
                f"{type(choice).__name__} has no field {name!r}; its fields are: {', '.join(known) or 'none'}."
            )
    return dataclasses.replace(choice, **overrides)


def _read(text: str, *, imports: bool = True) -> Architecture:
    if text in NAMED:
        return NAMED[text]
    if text.startswith("timm:"):
        return Timm(text.removeprefix("timm:"))
    classes = find("robustill.models", Architecture)
    if "(" not in text and text not in classes:
        names = [*list_models(), *classes]
        nearest = difflib.get_close_matches(text, names, n=1, cutoff=0.4)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(names)}, timm:NAME."
        raise ValueError(f"No model is called {brief(text)}; {hint}")
    from robustill.expression import parse  # knows every component; nothing but the edges of the library needs it

    return parse(text, Architecture, imports=imports)


def _build(choice: Architecture, config: ModelConfig) -> Classifier:
    _require_size(choice, config)
    network = choice.build(num_classes=config.num_classes, in_channels=config.in_channels)
    model = network if isinstance(network, Classifier) else Adapter(network)
    return model.configure(config)


def _require_size(choice: Architecture, config: ModelConfig) -> None:
    """Refuses a network of absurd size before its memory is asked for; what cannot be told so is built."""
    try:
        with torch.device("meta"):
            network = choice.build(num_classes=config.num_classes, in_channels=config.in_channels)
    except (RuntimeError, NotImplementedError):  # somebody's own may need numbers while it is built
        return
    count = sum(parameter.numel() for parameter in network.parameters())
    if count > PARAMETERS:
        raise ValueError(
            f"A network must have at most {PARAMETERS:.0e} parameters. Found: {count:.1e} in {choice!r} for "
            f"{config.num_classes} classes. Give a smaller width."
        )
