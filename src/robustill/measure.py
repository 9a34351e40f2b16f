"""Measuring what a run left behind: its last and its best epoch, against the teacher, written beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from robustill.attacks import Budget, Linf
from robustill.data import Dataset, load
from robustill.evaluation import Ledger, Shard, Surrogate, adversaries_named, contribute, evaluate
from robustill.models import Classifier, load_model, read_entries
from robustill.prepare import choose_device
from robustill.progress import Bar
from robustill.results import Evaluation, RunDirectory
from robustill.teachers import check_fits, load_teacher
from robustill.team import here
from robustill.yardstick import Yardstick, measure_named, radii_of

SINGLE = "model"
"""What a network is called that is in no run."""


def checkpoints(target: RunDirectory) -> dict[str, Path]:
    """The saved networks of a run by name; ``best`` is left out where it is the last epoch itself.

    A folder that holds a model itself, and no run, is a single checkpoint: ``model``.

    Raises:
        ValueError: there is none.
    """
    if (target.path / "config.json").exists():
        return {SINGLE: target.path}
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


def instead(settings: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    """The settings of a run, and what is given in place of its own; None is nothing given."""
    return {**settings, **{key: value for key, value in given.items() if value is not None}}


def measure_run(
    target: RunDirectory,
    *,
    data: str | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    teacher: str | None = None,
    attacks: Sequence[str] = ("clean", "pgd20"),
    budget: Budget | None = None,
    eps: Sequence[float] = (),
    measures: Sequence[str] = (),
    surrogate: str | None = None,
    engine: str = "ours",
    samples: int | None = None,
    batch_size: int = 256,
    seed: int = 0,
    shard: Shard | None = None,
    force: bool = False,
    device: str = "auto",
    console: Console | None = None,
) -> dict[str, Evaluation]:
    """Evaluates the last and the best epoch of a run, or a single checkpoint, and writes the results beside it.

    Every finished batch is kept at once: the same call goes on where an interrupted one stopped. In a team each process
    measures a shard, in a folder that all of them see, and the first one puts them together and has the results.

    Args:
        target: the run, or the folder of a checkpoint.
        data, image_size, channels, teacher: as in a recipe; None takes the run's own.
        attacks: names of adversaries (``robustill.evaluation.adversaries``).
        budget: the ball they search unless they name their own; None is Linf(8/255).
        eps: radii of a curve for every attack over that ball, at about twice the price of one radius.
        measures: distance (of the logits to the teacher's) and remainder (of the linearisation), or one of them.
        surrogate: the network on which ``vmi`` is found, as the text of a teacher.
        engine: of AutoAttack: ours, or reference, which is pyautoattack.
        samples: a stratified sample of so many test images; None takes all.
        batch_size, seed: of the evaluation.
        shard: measure its batches only, and write no result; once all shards are there, a call without one puts them
            together.
        force: attack at length although clean accuracy is at chance.
        device: auto, cpu or cuda.
        console: where the progress is drawn.

    Raises:
        ValueError: what is asked for cannot be understood, or does not fit.
    """
    team = here()
    if shard is not None and team.size > 1:
        raise ValueError("torchrun divides an evaluation by itself. Found: --shard too. Leave one of them out.")
    settings = instead(target.settings(), data=data, image_size=image_size, channels=channels, teacher=teacher)
    place, ball = choose_device(device), budget or Linf(8 / 255)
    found = checkpoints(target)
    text, name = settings.get("data"), settings.get("teacher")
    if text is None:
        raise ValueError(f"{target.path} is no run that names its data. Give --data demo, folder:PATH or npz:PATH.")
    size, depth = settings.get("image_size"), settings.get("channels")
    with team.one_first():
        dataset = load(text, image_size=size, channels=depth, stream=settings.get("stream"), device=place)
        guide = None if name is None else load_other("Teacher", name, dataset, place)
        other = None if surrogate is None else Surrogate(load_other("Surrogate", surrogate, dataset, place), surrogate)
    adversaries = adversaries_named(attacks, ball, surrogate=other, engine=engine)
    yardstick = Yardstick(
        dataset=dataset,
        split=dataset.test if samples is None else dataset.test.stratified(samples, seed),
        adversaries=adversaries,
        radii=radii_of(adversaries, ball, eps),
        teacher=guide,
        teacher_name=name,
        more=tuple(measure_named(one, settings, ball, guide) for one in measures),
        batch_size=batch_size,
        seed=seed,
        force=force,
    )
    models = {key: load_checkpoint(path, dataset, place, own=key != SINGLE) for key, path in found.items()}
    work, console = sum(yardstick.work(model) for model in models.values()), console or Console(quiet=True)
    own = Shard(team.rank + 1, team.size) if team.size > 1 else shard
    if own is not None:
        with Bar(work, console) as bar:
            for key, model in models.items():
                bar.stage(f"evaluating {key}, shard {own.index} of {own.count}")
                measure_shard(target, key, model, yardstick, own, bar)
        team.meet()
        if shard is not None or not team.leads:
            return {}
        console = Console(quiet=True)  # all that is left is to read the parts
    with Bar(work, console) as bar:
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


def measure(
    target: RunDirectory,
    name: str,
    model: Classifier,
    yardstick: Yardstick,
    bar: Bar,
    *,
    grow: bool = False,
) -> Evaluation:
    """Evaluates one network and writes evaluation/NAME.json and NAME.npz into its run.

    ``grow`` keeps what an earlier evaluation of that name found besides, numbers and arrays; one that is damaged is
    refused before anything is measured.
    """
    before = target.evaluations().get(name) if grow else None
    if before is not None:
        before = replace(before, arrays=target.arrays(name))
    ledger, macs = Ledger(target.parts(name)), yardstick.pass_macs(model)
    evaluation = evaluate(
        model,
        yardstick.split,
        adversaries=yardstick.adversaries,
        radii=yardstick.radii,
        teacher=yardstick.teacher,
        more=yardstick.more,
        batch_size=yardstick.batch_size,
        seed=yardstick.seed,
        force=yardstick.force,
        model_name=name,
        teacher_name=yardstick.teacher_name,
        data_name=yardstick.dataset.name,
        classes=yardstick.dataset.classes,
        ledger=ledger,
        advance=lambda passes: bar.advance(passes * macs),
        tell=bar.note,
    )
    evaluation = evaluation if before is None else before.joined(evaluation)
    target.save_evaluation(name, evaluation)
    ledger.clear()
    return evaluation


def measure_shard(
    target: RunDirectory, name: str, model: Classifier, yardstick: Yardstick, shard: Shard, bar: Bar
) -> None:
    """Measures the batches of one shard into evaluation/NAME.parts."""
    macs = yardstick.pass_macs(model)
    contribute(
        model,
        yardstick.split,
        shard,
        Ledger(target.parts(name)),
        yardstick.measurements,
        batch_size=yardstick.batch_size,
        seed=yardstick.seed,
        force=yardstick.force,
        advance=lambda passes: bar.advance(passes * macs * shard.count),
        tell=bar.note,
    )


def load_other(what: str, text: str, dataset: Dataset, device: torch.device) -> Classifier:
    """A teacher or a surrogate on a device, refused where it does not fit the data."""
    network = load_teacher(text)
    check_fits(what, text, network, dataset)
    return network.to(device)


def load_checkpoint(path: Path, dataset: Dataset, device: torch.device, *, own: bool = True) -> Classifier:
    """A saved network on a device, refused where it does not fit the data; ``own`` is one of a run, as a recipe is."""
    model = load_model(path, imports=own)
    check_fits("Network", f"file:{path}", model, dataset)
    return model.to(device)
