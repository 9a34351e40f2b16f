"""A few images with what the networks make of them: the pictures of the report.

Arrays, each over the k images: ``index`` in the split, ``x``, ``x_adv``, ``y``, ``clean_prediction``,
``adversarial_prediction``, ``gradient`` (input gradient at x) and, with a teacher, ``teacher_clean_prediction``,
``teacher_adversarial_prediction``, ``teacher_gradient`` and ``gc`` (their cosine). The attack is on the student.
``surface`` and ``teacher_surface`` (see ``robustill.evaluation.surface``) are over the first ``SURFACES`` of them only.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from robustill.attacks.base import Adversary, frozen
from robustill.data.batches import in_order
from robustill.data.seeds import generator
from robustill.data.split import Split
from robustill.evaluation.agreement import cosine, input_gradient
from robustill.evaluation.device import device_of
from robustill.evaluation.surface import random_direction, surface
from robustill.precision import exact_float32
from robustill.types import Images, Labels

SURFACES = 2
"""How many images have their logits measured around them."""


@exact_float32()
def gallery(
    model: nn.Module,
    split: Split,
    attack: Adversary,
    *,
    teacher: nn.Module | None = None,
    images: int = 10,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """The arrays for the first image of each of the first ``images`` classes: the same images for every model."""
    labels = split.labels.cpu().numpy()
    index = np.sort(np.unique(labels, return_index=True)[1][:images])
    device = device_of(model)
    x, y = next(iter(in_order(split.subset(torch.from_numpy(index)).to(device), len(index))))
    x_adv = attack(model, x, y, generator=generator(seed, "gallery", device=device))
    across = random_direction(x_adv - x, generator(seed, "surface", device=device))
    arrays: dict[str, Tensor] = {"x": x, "x_adv": x_adv, "y": y, **_seen_by(model, x, x_adv, y, across, "")}
    if teacher is not None:
        arrays |= _seen_by(teacher, x, x_adv, y, across, "teacher_")
        arrays["gc"] = cosine(arrays["gradient"], arrays["teacher_gradient"])
    return {"index": index} | {name: values.cpu().numpy() for name, values in arrays.items()}


def _seen_by(network: nn.Module, x: Images, x_adv: Images, y: Labels, across: Images, prefix: str) -> dict[str, Tensor]:
    with frozen(network), torch.no_grad():
        clean, adversarial = network(x).argmax(1), network(x_adv).argmax(1)
    return {
        f"{prefix}clean_prediction": clean,
        f"{prefix}adversarial_prediction": adversarial,
        f"{prefix}gradient": input_gradient(network, x, y),
        f"{prefix}surface": surface(network, x[:SURFACES], y[:SURFACES], (x_adv - x)[:SURFACES], across[:SURFACES]),
    }
