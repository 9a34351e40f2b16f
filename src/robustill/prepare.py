"""Loading and checking everything that a run names, before a file is written."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import chain

import torch
from torch import nn

from robustill.allocation import keep_freed_memory
from robustill.data import Batches, Dataset, Extra, hold_out, load, load_extra, place
from robustill.data.batches import Share, in_order
from robustill.data.split import Split
from robustill.evaluation.radius import budget_of
from robustill.folding import folded
from robustill.limits import THREADS, require_between
from robustill.models import Classifier, create_model
from robustill.objectives import Remembered
from robustill.run import Run
from robustill.setting import Setting, cost_of
from robustill.teachers import check_fits, load_teacher
from robustill.team import Team, here
from robustill.torchrun import local_size
from robustill.training import choose_precision
from robustill.training.compilation import compiler_problem
from robustill.training.graph import recordable
from robustill.training.threads import choose_threads
from robustill.types import Images


def prepare(run: Run) -> Setting:
    """Loads and checks everything that a run names; in a team, each process for itself.

    Raises:
        ValueError: data, teacher or device are not to be had, or do not fit each other.
    """
    device, team = choose_device(run.device), here()
    threads = team.same(choose_threads()) if run.threads is None else run.threads
    use_threads(threads)  # before the first number is computed: sums depend on it
    keep_freed_memory()
    run = replace(
        run,
        device=device.type,
        threads=threads,
        precision=choose_precision(run.precision, device),
        cuda_graphs=run.cuda_graphs
        and recordable(device, team, accumulate=run.accumulate, gradient_checkpointing=run.gradient_checkpointing),
    )
    with team.one_first():
        dataset = load(run.data, image_size=run.image_size, channels=run.channels, stream=run.stream, device=device)
        training, validation = _divide(dataset, run)
        extra = _extra(run, dataset, device) if run.extra else None
        teacher, natural_teacher = _teachers(run, dataset)
    batches = Batches(
        training.to(device),
        batch_size=run.batch_size,
        seed=run.seed,
        augmentation=run.augmentation,
        extra=extra,
        share=Share(team.rank, team.size),
    )
    check_shares(run, team, batches)
    mean, std = dataset.channel_statistics() if run.normalize else (None, None)
    with torch.random.fork_rng():
        torch.manual_seed(run.seed)
        student = create_model(run.student, dataset.num_classes, in_channels=dataset.channels, mean=mean, std=std)
    if run.sync_batch_norm:
        student = nn.SyncBatchNorm.convert_sync_batchnorm(student)
    setting = Setting(
        run=run,
        dataset=dataset,
        batches=batches,
        validation=validation.to(device) if validation else None,
        student=_placed(student, device),
        teacher=_placed(teacher, device) if teacher else None,
        natural_teacher=_placed(natural_teacher, device) if natural_teacher else None,
        team=team,
    )
    if (budget := budget_of(run.attack)) is not None:
        budget.require_room(setting.image)
    setting = _without_what_is_missing(setting)
    return replace(setting, remembered=_remembered(setting)) if run.remember_teacher else setting


def _without_what_is_missing(setting: Setting) -> Setting:
    """The same without what would make it faster and this machine does not have."""
    run, device = setting.run, setting.device
    no_compiler = compiler_problem(device) if run.compile else ""
    no_cudnn = "no cudnn_benchmark: cuDNN is for GPUs" if run.cudnn_benchmark and device.type == "cpu" else ""
    run = replace(
        run,
        compile=run.compile and not no_compiler,
        cudnn_benchmark=run.cudnn_benchmark and not no_cudnn,
    )
    return replace(setting, run=run, left_out=tuple(filter(None, (no_compiler, no_cudnn))))


def _remembered(setting: Setting) -> tuple[Remembered | None, Remembered | None]:
    """The teachers with their logits of every training image, asked once for each, in the precision of training."""
    run, batches = setting.run, setting.batches
    if cost_of(run) == cost_of(replace(run, remember_teacher=False)):
        raise ValueError(
            f"remember_teacher needs a method that asks its teacher for clean images. Found: {run.method}, which does "
            "not. Leave it out."
        )
    splits = [batches.split, *([batches.extra.split] if batches.extra else [])]

    def images(network: nn.Module) -> Iterator[Images]:
        for x, _ in chain.from_iterable(in_order(split, run.batch_size) for split in splits):
            with folded([network], x):
                yield x

    def filled(network: nn.Module | None) -> Remembered | None:
        if network is None:
            return None
        with torch.autocast(run.device, torch.bfloat16, enabled=run.precision == "bfloat16"):
            return Remembered(network, images(network))

    return filled(setting.teacher), filled(setting.natural_teacher)


def check_shares(run: Run, team: Team, batches: Batches) -> None:
    """Refuses batches that do not go round, and synchronised BatchNorm where it cannot be."""
    smallest = team.size * run.accumulate
    if run.batch_size < smallest:
        raise ValueError(
            f"batch_size must be at least {smallest}, an image for each of {run.accumulate} parts (accumulate) in "
            f"{team.size} processes. Found: {run.batch_size}."
        )
    if run.sync_batch_norm and team.size > 1:
        if run.device != "cuda":
            raise ValueError(
                "sync_batch_norm in several processes needs a GPU for each: PyTorch synchronises it on GPUs only. "
                f"Found: device={run.device}. Leave it out, or run in one process."
            )
        if batches.smallest < smallest:
            raise ValueError(
                f"sync_batch_norm needs an image for every process in every part of a batch, {smallest} in all. Found: "
                f"{batches.smallest} images in the last batch of an epoch. Give another batch_size."
            )


def check_alone(setting: Setting) -> None:
    """Refuses batches of which a part is a single image, where the student's BatchNorm cannot take its deviation."""
    run, team, last = setting.run, setting.team, setting.batches.smallest
    parts = team.size * run.accumulate
    if last >= 2 * parts or (run.sync_batch_norm and team.size > 1):
        return
    try:
        with torch.no_grad(), torch.random.fork_rng():
            deepcopy(setting.student).train()(setting.image)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            f"{run.student} needs 2 images in every part of a batch: of images of this size its BatchNorm sees one "
            f"pixel each. Found: a last batch of {last}, divided by {parts} (processes times accumulate). Give another "
            "batch_size, or a smaller accumulate."
        ) from error


def _placed(network: Classifier, device: torch.device) -> Classifier:
    """On the device, in the layout in which convolutions are fastest; the numbers are the same up to rounding."""
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def use_threads(threads: int | None) -> None:
    """Lets PyTorch compute on so many CPU threads; None leaves its choice."""
    if threads is not None:
        require_between("threads", threads, 1, THREADS)
        torch.set_num_threads(threads)


def choose_device(wanted: str) -> torch.device:
    """The device that "auto", "cpu" or "cuda" means here."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted not in ("cpu", "cuda") or (wanted == "cuda" and not torch.cuda.is_available()):
        raise ValueError(f"device must be auto, cpu or, where PyTorch finds one, cuda. Found: {wanted}.")
    return _own_gpu() if wanted == "cuda" else torch.device(wanted)


def _own_gpu() -> torch.device:
    """The GPU of this process, which is the current one."""
    if local_size() > torch.cuda.device_count():
        raise ValueError(
            f"Each process needs a GPU of its own. Found: {local_size()} processes on this machine, with "
            f"{torch.cuda.device_count()} GPUs. Give torchrun --nproc-per-node gpu, or robustill --device cpu."
        )
    return torch.device("cuda")


def _divide(dataset: Dataset, run: Run) -> tuple[Split, Split | None]:
    if not run.validation:
        return dataset.train, None
    if run.validation >= len(dataset.train):
        found = f"{run.validation} of {len(dataset.train)} images"
        raise ValueError(
            f"validation must be smaller than the training set. Found: {found}. Hold out about a tenth of them, or 0: "
            "then the last epoch counts as the best."
        )
    training, validation = hold_out(dataset.train, run.validation, run.seed)
    return training, place(validation, run.data, device=run.device)  # in memory if it fits, though the rest may stream


def _extra(run: Run, dataset: Dataset, device: torch.device) -> Extra:
    assert run.extra is not None
    split = load_extra(run.extra, dataset, image_size=run.image_size, channels=run.channels)
    return Extra(place(split, run.extra, stream=run.stream, device=device).to(device), run.extra_ratio)


def _teachers(run: Run, dataset: Dataset) -> tuple[Classifier | None, Classifier | None]:
    """The teacher and the second, naturally trained one: those that are named, refused where one that is needed is not.

    A teacher that the method does not need is welcome: evaluation compares with it. A second one would do nothing.
    """
    needed = cost_of(replace(run, remember_teacher=False))
    where = "demo, run:DIRECTORY or file:PATH"
    if run.teacher is None and needed.needs_teacher:
        raise ValueError(f"{run.method} needs a teacher. Found: none. Give --teacher {where}.")
    if run.natural_teacher is None and needed.needs_natural_teacher:
        raise ValueError(f"{run.method} needs a second teacher. Found: none. Give --natural_teacher {where}.")
    if run.natural_teacher is not None and not needed.needs_natural_teacher:
        raise ValueError(f"{run.method} takes no second teacher. Found: natural_teacher={run.natural_teacher}.")
    return _loaded("Teacher", run.teacher, dataset), _loaded("Natural teacher", run.natural_teacher, dataset)


def _loaded(what: str, name: str | None, dataset: Dataset) -> Classifier | None:
    if name is None:
        return None
    teacher = load_teacher(name)
    check_fits(what, name, teacher, dataset)
    return teacher
