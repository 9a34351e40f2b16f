"""The pictures of the report: which images, and that what is said of them is true."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from robustill.attacks import PGD, Linf
from robustill.data import Split, to_float
from robustill.evaluation import gallery, input_gradient
from tests.networks import conv_net

PGD5 = PGD(budget=Linf(32 / 255), steps=5, step_size=16 / 255)
LABELS = [2, 2, 0, 3, 0, 1, 3, 2, 1, 0]


def split() -> Split:
    pixels = torch.randint(256, (10, 3, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Split(pixels, torch.tensor(LABELS))


def test_the_first_image_of_each_class_in_the_order_of_the_split() -> None:
    found = gallery(conv_net(classes=4), split(), PGD5)
    assert found["index"].tolist() == [0, 2, 3, 5]
    assert found["y"].tolist() == [2, 0, 3, 1]
    assert np.array_equal(found["x"], to_float(split().images)[[0, 2, 3, 5]].numpy())


def test_no_more_classes_than_asked_for() -> None:
    assert gallery(conv_net(classes=4), split(), PGD5, images=2)["y"].tolist() == [0, 1]


def test_every_model_is_shown_the_same_images() -> None:
    one, other = (gallery(conv_net(seed=seed, classes=4), split(), PGD5) for seed in (1, 2))
    assert np.array_equal(one["x"], other["x"]) and not np.array_equal(one["x_adv"], other["x_adv"])


def test_what_is_said_of_the_images_is_true() -> None:
    student, teacher = conv_net(classes=4).eval(), conv_net(seed=2, classes=4).eval()
    found = gallery(student, split(), PGD5, teacher=teacher)
    x, x_adv = torch.from_numpy(found["x"]), torch.from_numpy(found["x_adv"])
    assert Linf(32 / 255).norm(x_adv - x).max() <= 32 / 255 + 1e-6 and x_adv.min() >= 0 and x_adv.max() <= 1
    for network, who in ((student, ""), (teacher, "teacher_")):
        assert found[f"{who}clean_prediction"].tolist() == network(x).argmax(1).tolist()
        assert found[f"{who}adversarial_prediction"].tolist() == network(x_adv).argmax(1).tolist()
        gradient = input_gradient(network, x, torch.from_numpy(found["y"])).numpy()
        assert np.array_equal(found[f"{who}gradient"], gradient)
    ours, theirs = (torch.from_numpy(found[f"{who}gradient"]).flatten(1) for who in ("", "teacher_"))
    assert np.allclose(found["gc"], F.cosine_similarity(ours, theirs), atol=1e-6)


def test_without_a_teacher_nothing_is_said_of_one() -> None:
    found = gallery(conv_net(classes=4), split(), PGD5)
    assert sorted(found) == sorted(
        ["index", "x", "x_adv", "y", "clean_prediction", "adversarial_prediction", "gradient", "surface"]
    )


def test_the_seed_decides_the_noise() -> None:
    first, again, other = (gallery(conv_net(classes=4), split(), PGD5, seed=seed)["x_adv"] for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
