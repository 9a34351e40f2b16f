"""The logits around an image: where they are measured, and what they are for a network that is known."""

from __future__ import annotations

import numpy as np
import torch

from robustill.attacks import PGD, Linf
from robustill.data import Split
from robustill.evaluation import gallery
from robustill.evaluation.gallery import SURFACES
from robustill.evaluation.surface import random_direction, surface
from tests.networks import conv_net

GENERATOR = torch.Generator()


def some(images: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(images, 3, 6, 6, generator=draw)
    return x, torch.arange(images) % 4, 0.1 * torch.randn(x.shape, generator=draw)


def test_the_random_direction_is_as_long_as_the_perturbation_and_another() -> None:
    _, _, delta = some()
    across = random_direction(delta, GENERATOR.manual_seed(1))
    assert torch.allclose(across.flatten(1).norm(dim=1), delta.flatten(1).norm(dim=1))
    assert torch.cosine_similarity(across.flatten(1), delta.flatten(1)).abs().max() < 0.5


def test_middle_and_ends_are_the_image_and_the_image_with_each_direction() -> None:
    network, (x, y, delta) = conv_net(classes=4).eval(), some()
    across = random_direction(delta, GENERATOR.manual_seed(1))
    found = surface(network, x, y, delta, across, steps=5)
    assert found.shape == (3, 5, 5)

    def margin(point: torch.Tensor) -> torch.Tensor:
        logits = network(point)
        own = logits.gather(1, y[:, None]).squeeze(1)
        highest: torch.Tensor = logits.scatter(1, y[:, None], -torch.inf).amax(1)
        found: torch.Tensor = own - highest
        return found

    for place, point in (((2, 2), x), ((4, 2), x + delta), ((2, 4), x + across), ((0, 0), x - delta - across)):
        assert torch.allclose(found[:, place[0], place[1]], margin(point), atol=1e-5)


def test_a_linear_network_has_a_plane_with_the_slopes_of_its_weights() -> None:
    x, _, delta = some()
    across = random_direction(delta, GENERATOR.manual_seed(1))
    layer = torch.nn.Linear(108, 2)
    linear = torch.nn.Sequential(torch.nn.Flatten(), layer)
    found = surface(linear, x, torch.zeros(3, dtype=torch.int64), delta, across, steps=5)
    weight = layer.weight[0] - layer.weight[1]
    for direction, dim in ((delta, 1), (across, 2)):
        slope = direction.flatten(1) @ weight / 2  # from one of five points to the next
        assert torch.allclose(found.diff(dim=dim), slope[:, None, None], atol=1e-5)


def test_the_network_is_left_in_its_mode_and_the_gallery_has_the_surfaces_of_both() -> None:
    student, teacher = conv_net(classes=4).train(), conv_net(seed=2, classes=4).train()
    images = torch.randint(256, (6, 3, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    attack = PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255)
    found = gallery(student, Split(images, torch.arange(6) % 4), attack, teacher=teacher)
    assert student.training and teacher.training
    assert found["surface"].shape == found["teacher_surface"].shape and len(found["surface"]) == SURFACES
    middle = found["surface"].shape[1] // 2
    right = found["clean_prediction"][:SURFACES] == found["y"][:SURFACES]
    assert np.array_equal(found["surface"][:, middle, middle] > 0, right)
    assert np.array_equal(
        found["surface"][:, -1, middle] > 0, found["adversarial_prediction"][:SURFACES] == found["y"][:SURFACES]
    )
