"""Run directories without training: what ``robustill train`` and ``robustill evaluate`` leave, from chosen numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from robustill.results import Accuracy, Evaluation, Mean, Point, RunDirectory

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
PGD20 = "PGD(budget=Linf(8/255), steps=20, step_size=2/255)"
AUTOATTACK = "AutoAttack(budget=Linf(8/255))"
N = 400

AUDIT = {
    "verdict": "warn",
    "summary": "1 warn, 1 pass",
    "findings": [
        {
            "id": id,
            "title": title,
            "meaning": "What it means.",
            "check": "Check()",
            "verdict": verdict,
            "value": 0.0,
            "measured": "0 of 256",
            "threshold": "at most 1%",
            "seconds": 0.1,
        }
        for id, title, verdict in (("A1", "Eval mode", "pass"), ("C2", "A single class", "warn"))
    ],
    "data": "demo",
    "budget": "Linf(8/255)",
    "n": 256,
}
"""What ``robustill audit`` writes, as far as a report reads it."""

PROFILE = {
    "steps": 5,
    "step_seconds": 0.04,
    "phase_seconds": {"data": 0.004, "attack: student": 0.03, "outer: rest": 0.0, "optimizer": 0.006},
    "own": 0.97,
}


def run_directory(
    path: Path,
    *,
    method: str = "PGDAT()",
    teacher: str | None = "run:somewhere/teacher",
    seed: int = 0,
    epochs: int = 6,
    done: int | None = None,
    accuracies: Mapping[str, Mapping[str, float]] | None = None,
    agreement: tuple[float, float] | None = (0.5, 0.6),
    validated: bool = True,
    classes: Sequence[str] = CLASSES,
    pictures: int = 2,
    images: np.ndarray | None = None,
    settings: Mapping[str, Any] | None = None,
    full: bool = False,
) -> Path:
    """A student's directory; ``accuracies`` is checkpoint -> adversary -> share of ``N`` images.

    ``full``: with everything that can be measured, an audit and a profile.
    """
    run = RunDirectory(path)
    path.mkdir(parents=True)
    choices: dict[str, Any] = {"data": "demo", "student": "SmallCNN(width=16)", "teacher": teacher, "method": method}
    choices |= {"attack": "PGD(budget=Linf(8/255), steps=10, step_size=2/255)", "epochs": epochs, "batch_size": 128}
    choices |= {**(settings or {}), "seed": seed}
    run.settings_file.write_text(yaml.safe_dump(choices, sort_keys=False))
    protocol = [
        ["data", "demo: 4,000 training, 1,000 validation and 2,000 test images, 10 classes, 1x28x28, pixels in [0, 1]"],
        ["student", "SmallCNN(width=16), 20,490 parameters, 1.1 M multiply-accumulates an image, takes raw pixels"],
        ["teacher", f"{teacher}: SmallCNN(width=64), 839,434 parameters, eval mode, frozen"],
        ["method", method],
        ["attack", f"{choices['attack']}, from Uniform(), student in eval mode"],
        ["loss", "one value an image, KL summed over classes; mean over the batch; logits, softmax and KL in float32"],
        ["BatchNorm", "student in train mode in the outer step, one batch a forward, in the order x', x"],
        [
            "optimizer",
            "SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.0005); OneCycle(warmup=0.2); weight average: none",
        ],
        ["length", f"{epochs} epochs of 32 steps, batch 128"],
        ["selection", "best: highest accuracy under PGD on 1,000 held-out training images; last: kept too"],
        ["cost", "14.0 student forwards an image and step, a teacher's forward counting 38.2"],
        ["seed", str(seed)],
    ]
    (path / "protocol.json").write_text(json.dumps(protocol))
    environment = {"robustill": "0.1.0", "python": "3.11.2", "torch": "2.13.0", "machine": "2 CPU cores, 24 GiB memory"}
    (path / "environment.json").write_text(json.dumps(environment))
    rows = [
        metrics_row(epoch, epochs, seed, method, validated)
        for epoch in range(1, (epochs if done is None else done) + 1)
    ]
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pictured: dict[str, Any] = {"classes": classes, "pictures": pictures, "images": images}
    for name, shares in (accuracies or {}).items():
        evaluate(path, name, shares, agreement=agreement, seed=seed, full=full, **pictured)
    if full:
        (path / "audit.json").write_text(json.dumps(AUDIT))
        run.profile_file.write_text(json.dumps(PROFILE))
    return path


def teacher_directory(path: Path, accuracies: Mapping[str, float], *, name: str = "best", **kwargs: Any) -> Path:
    """A teacher that has only been evaluated."""
    path.mkdir(parents=True)
    (path / "protocol.json").write_text(json.dumps([["architecture", "SmallCNN(width=64)"], ["origin", "shipped"]]))
    evaluate(path, name, accuracies, agreement=None, parameters=839_434, teacher=False, **kwargs)
    return path


def metrics_row(epoch: int, epochs: int, seed: int, method: str, validated: bool) -> dict[str, Any]:
    noise = np.random.default_rng((epoch, seed, len(method))).normal(0, 0.008, 2)
    progress = 1 - np.exp(-3 * epoch / epochs)
    row: dict[str, Any] = {
        "epoch": epoch,
        "loss": 2.2 - 1.4 * progress + float(noise[0]),
        "learning_rate": 0.1,
        "seconds": 2.1,
    }
    if validated:
        row |= {
            "validation_clean": 0.4 + 0.48 * progress,
            "validation_robust": 0.25 + 0.55 * progress + float(noise[1]),
            "remainder": 0.01 + 0.004 * float(progress),
        }
        row["best"] = epoch == epochs - 1
    return row


def evaluate(
    path: Path,
    name: str,
    shares: Mapping[str, float],
    *,
    n: int = N,
    agreement: tuple[float, float] | None = (0.5, 0.6),
    parameters: int = 20_490,
    teacher: bool = True,
    classes: Sequence[str] = CLASSES,
    pictures: int = 2,
    images: np.ndarray | None = None,
    flags: bool = True,
    adversary: str = PGD20,
    seed: int = 0,
    full: bool = False,
) -> Evaluation:
    """Writes evaluation/NAME.json and .npz with exactly these shares of ``n`` images correct."""
    arrays: dict[str, np.ndarray] = {}
    accuracies = {}
    for key, share in shares.items():
        correct = round(share * n)
        accuracies[key] = Accuracy(
            adversary="Clean()" if key == "clean" else AUTOATTACK if key == "autoattack" else adversary,
            n=n,
            correct=correct,
            stages=staged(round(shares["clean"] * n), correct) if key == "autoattack" else None,
            by_class=by_class(correct, n, len(classes)) if full else (),
        )
        if flags:
            arrays[f"correct_{key}"] = np.arange(n) < correct
    means = {}
    if agreement:
        for key, mean in zip(("gd", "gc"), agreement, strict=True):
            noise = np.random.default_rng((seed, len(path.name))).uniform(-0.1, 0.1, n)
            values = (mean + noise - noise.mean()).astype(np.float32)
            means[key] = Mean.of(values.astype(np.float64))
            if flags:
                arrays[key] = values
    if pictures:
        arrays |= gallery(pictures, images, seed=seed + len(path.name), teacher=teacher)
    evaluation = Evaluation(
        model=f"{path.name}/{name}",
        parameters=parameters,
        data="demo",
        split="test",
        classes=tuple(classes),
        accuracies=accuracies,
        agreement=means,
        measures=measures(shares["clean"], teacher) if full else {},
        curves={"pgd20": curve(accuracies)} if full else {},
        teacher="run:somewhere/teacher" if teacher else None,
        batch_size=256,
        seed=0,
        seconds=1.5,
        arrays=arrays,
    )
    RunDirectory(path).save_evaluation(name, evaluation)
    return evaluation


def staged(clean: int, last: int) -> dict[str, int]:
    """APGD-CE breaks three quarters of what is broken, APGD-T the rest."""
    first = clean - 3 * (clean - last) // 4
    return {"clean": clean, "apgd-ce": first, "apgd-t": last, "fab-t": last, "square": last}


def by_class(correct: int, n: int, classes: int) -> tuple[tuple[int, int], ...]:
    """As many images of each class; the last class has lost as many as it can."""
    each = n // classes
    lost = n - correct
    losses = [min(each, lost // 2) if index == classes - 1 else 0 for index in range(classes)]
    rest = lost - sum(losses)
    for index in range(classes - 1):
        losses[index] = rest // (classes - 1) + (index < rest % (classes - 1))
    return tuple((each, each - one) for one in losses)


def curve(accuracies: Mapping[str, Accuracy]) -> tuple[Point, ...]:
    """Clean at 0, PGD-20 at 8/255, in between and beyond on the line through them."""
    clean, attacked = accuracies["clean"], accuracies["pgd20"]
    slope = (clean.correct - attacked.correct) / 8
    shares = {r: Accuracy(adversary=PGD20, n=clean.n, correct=round(clean.correct - slope * r)) for r in (0, 4, 8, 12)}
    return tuple(Point(radius=r / 255, accuracy=accuracy) for r, accuracy in shares.items())


def measures(clean: float, teacher: bool) -> dict[str, Mean]:
    names = ["remainder_uniform", "remainder_adversarial"]
    names += [f"distance_{name}" for name in ("clean", "uniform", "adversarial")] if teacher else []
    return {
        name: Mean(n=N, mean=clean * (index + 1), std=0.1, resampled=(clean, 5.0), text="as measured")
        for index, name in enumerate(names)
    }


def gallery(k: int, images: np.ndarray | None, *, seed: int, teacher: bool) -> dict[str, np.ndarray]:
    """The first ``k`` of ``images`` (noise where there are none), attacked, with gradients that agree in part."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, 1, (k, 1, 8, 8)) if images is None else images[:k]
    y = np.arange(k) % len(CLASSES)
    smooth = np.roll(x, 1, axis=2) - x + 0.5 * (np.roll(x, 1, axis=3) - x)
    gradient = smooth + random.normal(0, 0.25, x.shape)
    x_adv = np.clip(x + 8 / 255 * np.sign(gradient), 0, 1)
    arrays: dict[str, np.ndarray] = {
        "index": np.arange(k) * 3,
        "x": x.astype(np.float32),
        "x_adv": x_adv.astype(np.float32),
        "y": y,
        "clean_prediction": y,
        "adversarial_prediction": np.where(np.arange(k) % 3 == 1, (y + 5) % len(CLASSES), y),
        "gradient": gradient.astype(np.float32),
    }
    slope = np.linspace(-1, 1, 5)[:, None] + 0.2 * np.linspace(-1, 1, 5)[None]
    arrays["surface"] = np.stack([0.5 - slope, 1.5 - slope])[:k].astype(np.float32)
    if teacher:
        arrays["teacher_surface"] = np.stack([2 - 0.5 * slope, 3 - 0.5 * slope])[:k].astype(np.float32)
        arrays |= {"teacher_clean_prediction": y, "teacher_adversarial_prediction": y}
        arrays |= {"teacher_gradient": smooth.astype(np.float32), "gc": random.uniform(0.3, 0.9, k).astype(np.float32)}
    return {f"gallery_{key}": values for key, values in arrays.items()}
