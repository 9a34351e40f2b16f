"""Networks of timm (Wightman, PyTorch Image Models), an optional package: ``timm:NAME`` or ``Timm('NAME')``."""

from __future__ import annotations

import importlib
from typing import Any

from torch import nn

from robustill.models.architecture import Architecture
from robustill.models.classifier import Adapter


class Timm(Architecture, kw_only=False):
    """A network of timm by its name there, without pretrained weights. State dict: timm's own keys.

    Raises, when it builds:
        ValueError: timm is not installed, or knows no such network.
    """

    name: str

    def build(self, *, num_classes: int, in_channels: int) -> Adapter:
        try:
            timm: Any = importlib.import_module("timm")
        except ImportError as error:
            raise ValueError(
                f"timm:{self.name} needs the package timm, which cannot be imported ({error}); "
                "install it with: pip install 'robustill[timm]'."
            ) from None
        if not timm.is_model(self.name):
            raise ValueError(f"timm {timm.__version__} has no network called {self.name!r}; see timm.list_models().")
        net: nn.Module = timm.create_model(self.name, num_classes=num_classes, in_chans=in_channels)
        return Adapter(net)
