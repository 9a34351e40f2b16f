"""Measuring what a run left behind: its last and its best epoch, against the teacher, written beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console

from robustill.attacks import Adversary, Budget, Linf
from robustill.cost import forward_macs
from robustill.data import Dataset, load
from robustill.data.batches import in_order
from robustill.data.split import Split
from robustill.evaluation import adversaries_named, evaluate, passes
from robustill.models import Classifier, load_model, read_entries
from robustill.progress import Bar
from robustill.results import Evaluation, RunDirectory
from robustill.setting import choose_device
from robustill.teachers import check_fits, load_teacher


@dataclass(frozen=True)
class Yardstick:
    """What networks are measured with: the same images, attacks and teacher for all of them.

    Attributes:
        dataset: where the images come from, with the names of their classes.
        split: the test images, or a sample of them.
        adversaries: by name.
        teacher, teacher_name: for GD and GC; None without.
        batch_size, seed: of the evaluation.
    """

    dataset: Dataset
    split: Split
    adversaries: Mapping[str, Adversary]
    teacher: Classifier | None = None
    teacher_name: str | None = None
    batch_size: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1. Found: {self.batch_size}.")

    def work(self, model: Classifier) -> float:
        """What measuring a network takes, in multiply-accumulates."""
        x, _ = next(in_order(self.split, 1))
        own = forward_macs(model, x.to(next(model.parameters()).device))
        return len(self.split) * own * sum(passes(adversary) for adversary in self.adversaries.values())


def checkpoints(target: RunDirectory) -> dict[str, Path]:
    """The saved networks of a run by name; ``best`` is left out where it is the last epoch itself.

    A folder that holds a model itself, and no run, is a single checkpoint: ``model``.

    Raises:
        ValueError: there is none.
    """
    if (target.path / "config.json").exists():
        return {"model": target.path}
    found = {name: target.checkpoint(name) for name in ("last", "best")}
    found = {name: path for name, path in found.items() if (path / "config.json").exists()}
    if not found:
        raise ValueError(
            "Required: a run with a finished epoch, or a folder with model.safetensors and config.json. "
            f"Found: {target.path}{'' if target.path.exists() else ', which does not exist'}."
        )
    if len(found) == 2 and read_entries(found["last"]).get("epoch") == read_entries(found["best"]).get("epoch"):
        del found["best"]
    return found


def measure_run(
    target: RunDirectory,
    *,
    data: str | None = None,
    teacher: str | None = None,
    attacks: Sequence[str] = ("clean", "pgd20"),
    budget: Budget | None = None,
    samples: int | None = None,
    batch_size: int = 256,
    seed: int = 0,
    device: str = "auto",
    console: Console | None = None,
) -> dict[str, Evaluation]:
    """Evaluates the last and the best epoch of a run, or a single checkpoint, and writes the results beside it.

    Args:
        target: the run, or the folder of a checkpoint.
        data, teacher: texts as in a recipe; None takes the run's own.
        attacks: names of adversaries (``robustill.evaluation.adversaries_named``).
        budget: the ball they search; None is Linf(8/255).
        samples: a stratified sample of so many test images; None takes all.
        batch_size, seed: of the evaluation.
        device: auto, cpu or cuda.
        console: where the progress is drawn.
    """
    settings, place = target.settings(), choose_device(device)
    found = checkpoints(target)
    adversaries = adversaries_named(attacks, budget or Linf(8 / 255))
    text = data or settings.get("data")
    if text is None:
        raise ValueError(f"{target.path} is no run that names its data. Give --data demo, folder:PATH or npz:PATH.")
    dataset = load(text, image_size=settings.get("image_size"), channels=settings.get("channels"))
    name, guide = teacher or settings.get("teacher"), None
    if name is not None:
        guide = load_teacher(name)
        check_fits("Teacher", name, guide, dataset)
        guide.to(place)
    split = dataset.test if samples is None else dataset.test.stratified(samples, seed)
    yardstick = Yardstick(dataset, split, adversaries, guide, name, batch_size, seed)
    models = {key: load_checkpoint(path, dataset, place) for key, path in found.items()}
    with Bar(sum(yardstick.work(model) for model in models.values()), console or Console(quiet=True)) as bar:
        return measure_all(target, models, yardstick, bar)


def measure_all(
    target: RunDirectory, models: Mapping[str, Classifier], yardstick: Yardstick, bar: Bar
) -> dict[str, Evaluation]:
    """Evaluates the networks of a run; a last epoch that is the best is measured once and written as both."""
    done = {}
    for name, model in models.items():
        bar.stage(f"evaluating {name}")
        done[name] = measure(target, name, model, yardstick, bar)
    if "last" in done and "best" not in done:
        done["best"] = replace(done["last"], model="best")
        target.save_evaluation("best", done["best"])
    return done


def measure(target: RunDirectory, name: str, model: Classifier, yardstick: Yardstick, bar: Bar) -> Evaluation:
    """Evaluates one network and writes evaluation/NAME.json and NAME.npz into its run."""
    share = yardstick.work(model) / max(1, len(yardstick.split) * sum(map(passes, yardstick.adversaries.values())))
    evaluation = evaluate(
        model,
        yardstick.split,
        adversaries=yardstick.adversaries,
        teacher=yardstick.teacher,
        batch_size=yardstick.batch_size,
        seed=yardstick.seed,
        model_name=name,
        teacher_name=yardstick.teacher_name,
        data_name=yardstick.dataset.name,
        classes=yardstick.dataset.classes,
        advance=lambda done: bar.advance(done * share),
    )
    target.save_evaluation(name, evaluation)
    return evaluation


def load_checkpoint(path: Path, dataset: Dataset, device: torch.device) -> Classifier:
    """A saved network on a device, refused where it does not fit the data."""
    model = load_model(path)
    check_fits("Network", f"file:{path}", model, dataset)
    return model.to(device)
