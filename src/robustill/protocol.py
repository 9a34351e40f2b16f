"""The protocol of a run: what is trained and how, as label and sentence, before the first step and in the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from robustill.attacks import Clean, Zero
from robustill.component import in_full
from robustill.models import Classifier, count_parameters
from robustill.objectives import Switched, trace
from robustill.preflight import preflight
from robustill.recipes.paper import cells
from robustill.run import Run
from robustill.setting import Setting
from robustill.training.schedules import falls_too_late
from robustill.validation import validation_attack


def protocol(setting: Setting) -> list[tuple[str, str]]:
    """Everything a reader needs to know to believe, or to repeat, the numbers of a run."""
    run, method = setting.run, setting.run.method
    average = in_full(run.average) if run.average else "none"
    rows = [
        ("data", _data(setting)),
        ("student", f"{run.student}, {_network(setting.student, setting.student_macs)}"),
        ("method", "; ".join(in_full(part) for part in (replace(method, terms=()), *method.terms))),
        ("attack", _attack(setting)),
        ("loss", "one value an image, KL summed over classes; mean over the batch; logits, softmax and KL in float32"),
        ("BatchNorm", _batch_norm(setting)),
        ("optimizer", f"{in_full(run.optimizer)}; {_schedule(run)}; weight average: {average}{_extras(run)}"),
        ("length", f"{run.epochs} epochs of {len(setting.batches)} steps, batch {run.batch_size}{_parts(setting)}"),
        ("augmentation", in_full(run.augmentation)),
        ("selection", _selection(setting)),
        ("precision", _precision(setting)),
        ("cost", _cost(setting)),
        ("seed", str(run.seed)),
    ]
    rows[2:2] = [*_teachers(setting), *preflight(setting)]
    if run.recipe in cells():
        rows += cells()[run.recipe].notes()
    return rows


def _teachers(setting: Setting) -> list[tuple[str, str]]:
    run, macs = setting.run, setting.student_macs
    remembered = ", its logits of clean images computed once" if run.remember_teacher else ""
    return [
        (
            label,
            f"{name}: {network.config.architecture}, {_network(network, ratio * macs)}, eval mode, frozen{remembered}",
        )
        for label, name, network, ratio in (
            ("teacher", run.teacher, setting.teacher, setting.teacher_ratio),
            ("second", f"teacher {run.natural_teacher}", setting.natural_teacher, setting.natural_ratio),
        )
        if network is not None
    ]


def _data(setting: Setting) -> str:
    dataset, (height, width) = setting.dataset, setting.dataset.image_size
    batches, extra = setting.batches, setting.batches.extra
    text = (
        f"{dataset.name}: {len(batches.split):,} training, {setting.held_out:,} validation and "
        f"{len(dataset.test):,} test images, {dataset.num_classes} classes, {dataset.channels}x{height}x{width}, "
        "pixels in [0, 1]"
    )
    text += "; read as they are needed" if batches.split.streamed else ""
    if extra is None:
        return text
    count = extra.count(batches.batch_size)
    return (
        f"{text}; {count} images of each batch of {batches.batch_size} from the {len(extra.split):,} of "
        f"{setting.run.extra}, an epoch being a pass over the training images"
    )


def _network(network: Classifier, macs: float) -> str:
    config = network.config
    inside = f"normalises inside (mean {config.mean}, std {config.std})" if config.mean else "takes raw pixels"
    return f"{count_parameters(network):,} parameters, {macs / 1e6:,.1f} M multiply-accumulates an image, {inside}"


def _batch_norm(setting: Setting) -> str:
    method = setting.run.method
    if isinstance(method.bn_parity, Switched):
        first, then = _order(method.bn_parity.before), _order(method.bn_parity.after)
        order = f"{first}, and {then} after the first {method.bn_parity.begin:g} of the run"
    else:
        order = _order(method.bn_parity or trace(method).student)
    aside = trace(method).aside
    order += f", then {_order(aside.student, 'u')} with u a random direction" if aside else ""
    return f"student in train mode in the outer step, one batch a forward, in the order {order}"


def _parts(setting: Setting) -> str:
    """How a batch is divided, and whose statistics BatchNorm takes."""
    run, processes = setting.run, setting.team.size
    texts = [f"divided among {processes} processes"] if processes > 1 else []
    texts += [f"in {run.accumulate} parts one after the other"] if run.accumulate > 1 else []
    if not texts:
        return ""
    whose = "of the processes together" if run.sync_batch_norm or processes == 1 else "of each process for itself"
    return f" {', '.join(texts)}; BatchNorm's statistics are {whose}{', part by part' if run.accumulate > 1 else ''}"


def _order(points: Sequence[float], step: str = "δ") -> str:
    return ", ".join("x" if c == 0 else "x'" if c == 1 and step == "δ" else f"x{c:+g}{step}" for c in points)


def _attack(setting: Setting) -> str:
    attack, method = setting.run.attack, setting.run.method
    if method.inner is None:
        return "none: the method trains on clean images"
    if attack == Clean():
        return "none: the images stay as they are"
    start = method.start_of(attack)
    where = "the image itself" if start == Zero() else in_full(start)
    return f"{in_full(attack)}, from {where}, student in {method.attack_mode} mode"


def _precision(setting: Setting) -> str:
    run, texts = setting.run, ["evaluation in float32"]
    texts += ["networks compiled"] if run.compile else []
    texts += ["gradient checkpointing"] if run.gradient_checkpointing else []
    texts += ["cuDNN's algorithms timed"] if run.cudnn_benchmark else []
    recorded = "; steps recorded as CUDA graphs" if run.cuda_graphs else ""
    trained = "float32 (TF32 in convolutions)" if (run.precision, run.device) == ("float32", "cuda") else run.precision
    where = f"{trained} on {run.device}, CPU threads: {torch.get_num_threads()}{recorded}"
    return "; ".join([where, *texts, *setting.left_out])


def _schedule(run: Run) -> str:
    late = falls_too_late(run.schedule, run.epochs)
    warning = f" (WARNING: made for a longer run than epochs={run.epochs}: the learning rate never falls)"
    return f"{in_full(run.schedule)}{warning if late else ''}"


def _extras(run: Run) -> str:
    texts = [f"weight perturbation: {in_full(run.perturbation)}"] if run.perturbation else []
    texts += [f"label smoothing {run.label_smoothing:g}"] if run.label_smoothing else []
    texts += [f"gradients clipped to norm {run.clip:g}"] if run.clip is not None else []
    texts += [f"steps that are not finite skipped, up to {run.skip_nonfinite}"] if run.skip_nonfinite else []
    return "".join(f"; {text}" for text in texts)


def _selection(setting: Setting) -> str:
    if setting.held_out == 0:
        return "the last epoch; nothing is held out"
    attack = in_full(validation_attack(setting.run.attack))
    return f"best: highest accuracy under {attack} on {setting.held_out:,} held-out training images; last: kept too"


def _cost(setting: Setting) -> str:
    text = f"{setting.units:,.1f} student forwards an image and step"
    return f"{text}, a teacher's forward counting {setting.teacher_ratio:,.1f}" if setting.cost.needs_teacher else text
