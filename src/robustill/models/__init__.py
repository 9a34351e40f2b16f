"""Networks that take images in [0, 1] and normalise inside.

By name, in the sizes that papers speak of, or as text with any sizes::

    >>> from robustill.models import count_parameters, create_model, list_models
    >>> model = create_model("resnet18", num_classes=10)
    >>> count_parameters(model)
    11173962
    >>> thin = create_model("ResNet(depth=18, width=16)", 10, in_channels=1)
    >>> thin.config.architecture
    'ResNet(width=16)'
    >>> create_model("resnet18", 10, width=16).config.architecture
    'ResNet(width=16)'

Every network takes grey or colour images of any size from 28x28 on. Normalisation constants belong to the model, so
nobody else normalises, and they add no key to its state dict::

    >>> teacher = create_model("dm_wrn_28_10", 10, mean=(0.4914, 0.4822, 0.4465), std=(0.2471, 0.2435, 0.2616))

:func:`save_model` writes a folder, :func:`load_model` reads it. A family of your own is one subclass of
:class:`Architecture` whose ``build`` returns any ``nn.Module`` from images to logits; put it into this package, or
name it by its import path::

    >>> mine = create_model("my_pkg.mine:MyNet(width=2)", 10)  # doctest: +SKIP
"""

from robustill.models.architecture import Architecture
from robustill.models.checkpoint import load_model, load_weights, read_config, read_entries, save_model
from robustill.models.classifier import Adapter, Classifier, ModelConfig, count_parameters
from robustill.models.cnn import SmallCNN
from robustill.models.create import NAMED, create_model, from_config, list_models, resolve
from robustill.models.deepmind_preact_resnet import DeepMindPreActResNet
from robustill.models.deepmind_wide_resnet import DeepMindWideResNet
from robustill.models.from_timm import Timm
from robustill.models.layers import Float32Linear, Normalize
from robustill.models.mobilenet_v2 import MobileNetV2
from robustill.models.preact_resnet import PreActResNet
from robustill.models.resnet import ResNet
from robustill.models.wide_resnet import WideResNet

__all__ = [
    "create_model",
    "list_models",
    "load_model",
    "save_model",
    "count_parameters",
    "Architecture",
    "SmallCNN",
    "ResNet",
    "PreActResNet",
    "MobileNetV2",
    "WideResNet",
    "DeepMindWideResNet",
    "DeepMindPreActResNet",
    "Timm",
    "NAMED",
    "resolve",
    "from_config",
    "Classifier",
    "Adapter",
    "ModelConfig",
    "Float32Linear",
    "Normalize",
    "load_weights",
    "read_config",
    "read_entries",
]
