"""Teachers that other Python packages build: networks of timm with their weights, and any function of your own."""

from __future__ import annotations

import importlib
from typing import Any

from torch import nn

from robustill.models import Adapter, Classifier, ModelConfig


def load_timm(name: str) -> Classifier:
    """A network of timm with its pretrained weights, classes and normalisation.

    Raises:
        ValueError: timm is not installed, does not know the network, or cannot get its weights.
    """
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError as error:
        raise ValueError(
            f"timm:{name} needs the package timm, which cannot be imported ({error}); "
            "install it with: pip install 'robustill[timm]'."
        ) from None
    if not timm.is_model(name):
        raise ValueError(f"timm {timm.__version__} has no network called {name!r}; see timm.list_models('*NAME*').")
    try:
        net: Any = timm.create_model(name, pretrained=True)
    except Exception as error:  # of the hub, of the network, of the file: each package under timm has its own
        raise ValueError(f"timm cannot get the weights of {name} ({type(error).__name__}: {error}).") from None
    made = net.pretrained_cfg
    config = ModelConfig(
        architecture=f"Timm({name!r})",
        num_classes=net.num_classes,
        in_channels=made["input_size"][0],
        mean=tuple(made["mean"]),
        std=tuple(made["std"]),
    )
    return Adapter(net).configure(config).eval()


def load_python(path: str) -> Classifier:
    """What a function ``pkg.mod:function`` returns when it is called without arguments.

    It should return a network from images in [0, 1] to logits, which normalises by itself if it has to.

    Raises:
        ValueError: there is no such function, or it does not return a network whose classes can be told. What the
            function itself raises is passed on.
    """
    module, _, name = path.partition(":")
    if not module or not name.isidentifier():
        raise ValueError(f"A teacher of your own is written py:pkg.mod:function. Found: 'py:{path}'.")
    try:
        function = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ValueError(f"Cannot import {module!r} for py:{path}: {error}. Is its folder in PYTHONPATH?") from None
    if not callable(function):
        raise ValueError(f"py:{path} must name a function of the module {module}. Found: {function!r}.")
    try:
        net = function()
    except TypeError as error:
        raise ValueError(
            f"py:{path} must return a network when it is called without arguments. Found: it fails "
            f"(TypeError: {error}). ROBUSTILL_TRACEBACK=1 shows where."
        ) from error
    if not isinstance(net, nn.Module):
        raise ValueError(f"py:{path} must return a network (torch.nn.Module). Found: {type(net).__name__}.")
    if isinstance(net, Classifier) and hasattr(net, "config"):  # made by create_model or load_model
        return net.eval()
    return _adapted(net, path).eval()


def _adapted(net: nn.Module, path: str) -> Classifier:
    linear = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    convolutions = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    if not linear or not convolutions:
        raise ValueError(
            f"The classes and channels of py:{path} are read from its last linear layer and its first convolution; "
            "it lacks one of them. Return a network of robustill.models.create_model instead."
        )
    config = ModelConfig(
        architecture=f"py:{path}", num_classes=linear[-1].out_features, in_channels=convolutions[0].in_channels
    )
    return Adapter(net).configure(config)
