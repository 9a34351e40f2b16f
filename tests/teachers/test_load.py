"""Teachers of our own making: the shipped one, runs, files; frozen, and refused where they do not fit the images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from robustill.data import Dataset, Split, load
from robustill.models import Classifier, create_model, save_model
from robustill.teachers import check_fits, load_teacher

NAMES = ("ant", "bee", "cat")


def saved(
    folder: Path, *, seed: int = 0, classes: int = 3, channels: int = 1, names: tuple[str, ...] | None = None
) -> Classifier:
    """A network in a folder; ``names`` are its classes, where it says them."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = create_model("SmallCNN(width=2)", classes, in_channels=channels)
    save_model(folder, model, extra=None if names is None else {"classes": names})
    return model


def dataset(names: tuple[str, ...] = NAMES, channels: int = 1) -> Dataset:
    labels = torch.arange(len(names))
    split = Split(torch.zeros(len(names), channels, 8, 8, dtype=torch.uint8), labels)
    return Dataset("npz:animals.npz", split, split, names)


def weight(model: Classifier) -> torch.Tensor:
    value: torch.Tensor = model.state_dict()["linear.weight"]
    return value


def test_the_shipped_teacher_is_made_for_the_embedded_images() -> None:
    teacher = load_teacher("demo")
    check_fits("Teacher", "demo", teacher, load("demo"))
    x = torch.zeros(2, 1, 28, 28)
    assert teacher(x).shape == (2, 10) and teacher(x).isfinite().all()


@pytest.mark.parametrize("text", ["demo", "run:{}/run", "file:{}/run/checkpoints/best"])
def test_a_teacher_is_frozen(text: str, tmp_path: Path) -> None:
    saved(tmp_path / "run" / "checkpoints" / "best")
    teacher = load_teacher(text.format(tmp_path))
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    x = torch.zeros(1, 1, 28, 28, requires_grad=True)
    (gradient,) = torch.autograd.grad(teacher(x).sum(), x)  # of the image, which AdaAD's attack and GD need
    assert gradient.isfinite().all()


def test_a_run_stands_for_its_best_epoch(tmp_path: Path) -> None:
    saved(tmp_path / "checkpoints" / "last", seed=1)
    best = saved(tmp_path / "checkpoints" / "best", seed=2)
    assert torch.equal(weight(load_teacher(f"run:{tmp_path}")), weight(best))


def test_a_run_without_a_best_epoch_stands_for_its_last(tmp_path: Path) -> None:
    last = saved(tmp_path / "checkpoints" / "last", seed=1)
    assert torch.equal(weight(load_teacher(f"run:{tmp_path}")), weight(last))


def test_a_file_is_a_folder_or_the_weights_in_it(tmp_path: Path) -> None:
    model = saved(tmp_path / "model")
    for text in (f"file:{tmp_path}/model", f"file:{tmp_path}/model/model.safetensors"):
        assert torch.equal(weight(load_teacher(text)), weight(model))


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    best = saved(tmp_path / "run" / "checkpoints" / "best", names=NAMES)
    for text in ("run:~/run", "file:~/run/checkpoints/best", "file:~/run/checkpoints/best/model.safetensors"):
        teacher = load_teacher(text)
        assert torch.equal(weight(teacher), weight(best))
        with pytest.raises(ValueError, match="must name the same classes"):
            check_fits("Teacher", text, teacher, dataset(("cat", "bee", "ant")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run:{}/nowhere", "nowhere has no finished epoch"),
        ("run:{}", "has no finished epoch"),
        ("file:{}/nowhere", "nowhere"),
        ("file:{}", "model.safetensors"),
        ("demmo", "A teacher is one of demo, run:DIRECTORY, file:PATH.* Found: 'demmo'."),
        ("", "A teacher is one of .* Found: ''."),
        ("run:", "A teacher is one of"),
        ("file:", "A teacher is one of"),
    ],
)
def test_no_network_behind_the_text(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_teacher(text.format(tmp_path))


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    saved(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"model.safetensors is no safetensors file, or not all of it"):
        load_teacher(f"file:{tmp_path}")


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"architecture": "SmallCNN()"})])
def test_a_damaged_config_is_named(text: str, tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config.json"):
        load_teacher(f"file:{tmp_path}")


def fits(tmp_path: Path, images: Dataset) -> None:
    text = f"file:{tmp_path}"
    check_fits("Teacher", text, load_teacher(text), images)


@pytest.mark.parametrize("names", [NAMES, None], ids=["named alike", "not named"])
def test_the_same_classes_fit(names: tuple[str, ...] | None, tmp_path: Path) -> None:
    saved(tmp_path, names=names)
    fits(tmp_path, dataset())


@pytest.mark.parametrize(
    ("network", "images", "message"),
    [
        (
            {"classes": 4},
            dataset(),
            "Teacher and data must have the same classes. Found: 4 classes in file:.*, 3 in npz:animals.npz. Choose",
        ),
        (
            {"channels": 3},
            dataset(),
            "Teacher and data must have the same channels. Found: 3 in .*, 1 in .* Give --channels 3",
        ),
        (
            {"names": ("bee", "ant", "cat")},
            dataset(),
            "must name the same classes in the same order. Found: bee, ant, cat in .*, ant, bee, cat in npz:animals",
        ),
        ({"names": NAMES}, dataset(("ant", "bee", "dog")), "the same classes in the same order"),
    ],
    ids=["number of classes", "channels", "order", "names"],
)
def test_what_does_not_fit_is_refused(network: dict[str, Any], images: Dataset, message: str, tmp_path: Path) -> None:
    saved(tmp_path, **network)
    with pytest.raises(ValueError, match=message):
        fits(tmp_path, images)
