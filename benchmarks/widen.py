"""A robust network of any size, without training: one that is at hand, with every channel several times."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from robustill.expression import parse
from robustill.models import Architecture, Classifier, create_model


def widened(model: Classifier, times: int) -> Classifier:
    """The same function, computed by a network of ``times`` the width: each weight ``times`` times, divided by it.

    Raises:
        ValueError: the architecture has no width.
    """
    config = model.config
    architecture: Any = parse(config.architecture, Architecture)
    if not hasattr(architecture, "width"):
        raise ValueError(f"A widened network requires an architecture with a width. Found: {architecture}.")
    wide = create_model(
        replace(architecture, width=times * architecture.width),
        config.num_classes,
        in_channels=config.in_channels,
        mean=config.mean,
        std=config.std,
    )
    narrow = model.state_dict()
    wide.load_state_dict({key: _repeated(narrow[key], like) for key, like in wide.state_dict().items()})
    return wide.eval()


def _repeated(narrow: Tensor, wide: Tensor) -> Tensor:
    times = [many // few for many, few in zip(wide.shape, narrow.shape, strict=True)]
    repeated = narrow.repeat(times) if times else narrow
    return repeated / times[1] if len(times) > 1 else repeated  # as many inputs more, as much less of each
