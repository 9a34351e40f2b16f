"""What every model is: a network from images in [0, 1] to logits that normalises inside and knows its making."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from torch import Tensor, nn

from robustill.models.layers import Float32Linear, Normalize, require_constants
from robustill.precision import at_least_float32
from robustill.types import Images, Logits


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What is needed to build a model again, and is not in its weights.

    Attributes:
        architecture: the text of an :class:`~robustill.models.architecture.Architecture`.
        num_classes: how many logits there are, at least two.
        in_channels: 1 for grey images, 3 for colour.
        mean, std: normalisation constants for each channel, or None for a network that takes raw pixels.

    Raises:
        ValueError: a number is out of range, or the constants do not fit the channels.
    """

    architecture: str
    num_classes: int
    in_channels: int = 3
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.num_classes < 2:
            raise ValueError(f"A classifier needs at least 2 classes; found num_classes={self.num_classes}.")
        if self.in_channels < 1:
            raise ValueError(f"Images have at least 1 channel; found in_channels={self.in_channels}.")
        require_constants(self.mean, self.std)
        if self.mean is not None and len(self.mean) != self.in_channels:
            raise ValueError(
                f"mean and std need one number for each of {self.in_channels} channels; found {len(self.mean)}."
            )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> ModelConfig:
        """Reads what :meth:`to_json` wrote; keys that it does not know are somebody else's.

        Raises:
            ValueError: a key is missing or its value has another type.
        """
        absent = [field.name for field in fields(cls) if field.name not in row]
        if absent:
            raise ValueError(f"A model's config needs the keys {', '.join(absent)}.")
        for key, kind in (("architecture", str), ("num_classes", int), ("in_channels", int)):
            if not isinstance(row[key], kind) or isinstance(row[key], bool):
                raise ValueError(f"The config's {key} should be of type {kind.__name__}; found {row[key]!r}.")
        return cls(
            architecture=row["architecture"],
            num_classes=row["num_classes"],
            in_channels=row["in_channels"],
            mean=_constants("mean", row["mean"]),
            std=_constants("std", row["std"]),
        )


def _constants(key: str, value: Any) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, Sequence) or not all(isinstance(number, int | float) for number in value):
        raise ValueError(f"The config's {key} should be a list of numbers or null; found {value!r}.")
    return tuple(value)


class Classifier(nn.Module, ABC):
    """Base of the networks: ``forward`` takes pixels in [0, 1], normalises them and hands them to :meth:`classify`.

    ``normalize`` holds no entry of the state dict. ``config`` is set by :func:`~robustill.models.create_model`.
    """

    config: ModelConfig

    def __init__(self) -> None:
        super().__init__()
        self.normalize = Normalize()

    def configure(self, config: ModelConfig) -> Classifier:
        """Says what the network is, and with it which normalisation comes first. Comes before a move to a device."""
        self.config = config
        self.normalize = Normalize(config.mean, config.std)
        return self

    def forward(self, x: Images) -> Logits:
        return self.classify(self.normalize(x))

    @abstractmethod
    def classify(self, x: Images) -> Logits:
        """Logits of images that are normalised already."""


class Adapter(Classifier):
    """Any other network as a :class:`Classifier`. Its state dict is that of the network, key by key.

    The network's last linear layer (in the order of registration) is replaced by one that computes in float32 and
    shares its weights.

    Raises, in use:
        ValueError: the network does not return a tensor.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = _with_float32_logits(net)
        self.register_state_dict_post_hook(_without_prefix)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_with_prefix)  # type: ignore[no-untyped-call]

    def classify(self, x: Images) -> Logits:
        logits = self.net(x)
        if not isinstance(logits, Tensor):
            raise ValueError(
                f"A network should return its logits as one tensor; {type(self.net).__name__} returned a "
                f"{type(logits).__name__}."
            )
        return at_least_float32(logits)


def _with_float32_logits(net: nn.Module) -> nn.Module:
    linear = [(name, layer) for name, layer in net.named_modules() if type(layer) is nn.Linear]
    if not linear:
        return net
    path, layer = linear[-1]
    if not path:
        return Float32Linear.sharing(layer)
    parent, _, name = path.rpartition(".")
    setattr(net.get_submodule(parent), name, Float32Linear.sharing(layer))
    return net


def _without_prefix(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Mapping[str, Any]) -> None:
    for key in [key for key in state if key.startswith(f"{prefix}net.")]:
        state[prefix + key.removeprefix(f"{prefix}net.")] = state.pop(key)


def _with_prefix(module: nn.Module, state: dict[str, Any], prefix: str, *report: Any) -> None:
    for key in [key for key in state if key.startswith(prefix)]:
        state[f"{prefix}net.{key.removeprefix(prefix)}"] = state.pop(key)


def count_parameters(model: nn.Module) -> int:
    """How many numbers training may change (buffers, such as running means, are not among them)."""
    return sum(parameter.numel() for parameter in model.parameters())
