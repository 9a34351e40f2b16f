"""One call that measures a network and gives what is written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from torch import nn

from robustill.attacks import Adversary, Attack, Clean
from robustill.data.split import Split
from robustill.environment import environment
from robustill.evaluation.accuracy import Under
from robustill.evaluation.admission import admit
from robustill.evaluation.agreement import Agreement
from robustill.evaluation.batchwise import Shard, measure_batches
from robustill.evaluation.curve import Curve
from robustill.evaluation.gallery import gallery
from robustill.evaluation.ledger import Ledger
from robustill.evaluation.measurement import Measurement
from robustill.evaluation.summary import accuracy, averages, points
from robustill.results import Evaluation


def evaluate(
    model: nn.Module,
    split: Split,
    *,
    adversaries: Mapping[str, Adversary],
    radii: Mapping[str, Sequence[float]] | None = None,
    teacher: nn.Module | None = None,
    more: Sequence[Measurement] = (),
    batch_size: int = 256,
    seed: int = 0,
    force: bool = False,
    model_name: str = "",
    teacher_name: str | None = None,
    data_name: str = "",
    classes: tuple[str, ...] = (),
    ledger: Ledger | None = None,
    advance: Callable[[float], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Evaluation:
    """Measures accuracy under each adversary and, with a teacher, the agreement of input gradients.

    Args:
        model, teacher: networks from images in [0, 1] to logits, on one device.
        split: the images.
        adversaries: by the name under which each is reported.
        radii: of a curve for the adversaries of these names, at about twice the price of one radius.
        more: what else is measured, such as :class:`Distance` and :class:`Remainder`.
        batch_size: images at a time. The noise of an attack depends on it.
        seed: of the attacks' noise.
        force: go on although clean accuracy is at chance.
        model_name, teacher_name, data_name, classes: written into the result.
        ledger: keeps every finished batch; an interrupted evaluation goes on from there. Its ``clear`` is for the
            caller, once the result is safe.
        advance: told after each batch how many passes were made, for a progress bar.
        tell: told after each batch what has been found so far.

    Returns:
        The numbers; ``arrays`` holds the per-image flags and the gallery.

    Raises:
        ValueError: the model, the images, the labels, the attacks and the names of the classes do not fit each other,
            or clean accuracy is at chance before a long attack.
    """
    began = time.perf_counter()
    measurements = plan(adversaries, radii, teacher, more)
    count = admit(model, split, measurements, batch_size=batch_size, force=force)
    if classes and len(classes) != count:
        raise ValueError(f"classes must name the {count} classes of the model. Found: {len(classes)} names.")
    found = {
        measurement.name: measure_batches(
            model, split, measurement, batch_size=batch_size, seed=seed, ledger=ledger, advance=advance, tell=tell
        )
        for measurement in shortest_first(measurements)
    }
    arrays = {name: values for part in found.values() for name, values in part.items()}
    attack = pictured(measurements)
    if attack is not None:
        pictures = gallery(model, split, attack, teacher=teacher, seed=seed)
        arrays |= {f"gallery_{name}": values for name, values in pictures.items()}
    labels = split.labels.cpu().numpy()
    means = [one for one in measurements if not isinstance(one, Under | Curve)]
    return Evaluation(
        model=model_name,
        parameters=sum(p.numel() for p in model.parameters()),
        data=data_name,
        split="test",
        classes=classes,
        accuracies={under.name: accuracy(under, arrays, labels, count) for under in unders(measurements)},
        agreement=averages([one for one in means if isinstance(one, Agreement)], found),
        measures=averages([one for one in means if not isinstance(one, Agreement)], found),
        curves={one.name: points(one, arrays) for one in measurements if isinstance(one, Curve)},
        teacher=teacher_name,
        batch_size=batch_size,
        seed=seed,
        image_shape=split.shape,
        seconds=time.perf_counter() - began + (0 if ledger is None else ledger.seconds),
        environment=environment(),
        arrays=arrays,
    )


def contribute(
    model: nn.Module,
    split: Split,
    shard: Shard,
    ledger: Ledger,
    measurements: Sequence[Measurement],
    *,
    batch_size: int = 256,
    seed: int = 0,
    force: bool = False,
    advance: Callable[[float], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Measures the batches of one shard into the ledger, for an :func:`evaluate` that will find them there.

    Args:
        measurements: what that evaluation will measure, as :func:`plan` gives it.
    """
    admit(model, split, measurements, batch_size=batch_size, force=force)
    for measurement in shortest_first(measurements):
        measure_batches(
            model,
            split,
            measurement,
            batch_size=batch_size,
            seed=seed,
            ledger=ledger,
            shard=shard,
            advance=advance,
            tell=tell,
        )


def shortest_first(measurements: Sequence[Measurement]) -> list[Measurement]:
    """What is known soon is told soon."""
    return sorted(measurements, key=lambda one: one.passes)


def plan(
    adversaries: Mapping[str, Adversary],
    radii: Mapping[str, Sequence[float]] | None = None,
    teacher: nn.Module | None = None,
    more: Sequence[Measurement] = (),
) -> tuple[Measurement, ...]:
    """What :func:`evaluate` measures, in the order in which it is reported.

    Raises:
        ValueError: two measurements have one name, or an adversary has no budget to draw a curve over.
    """
    made: list[Measurement] = []
    for name, adversary in adversaries.items():
        others = tuple((radii or {}).get(name, ()))
        made.append(Curve(Under(name, adversary), others) if others else Under(name, adversary))
    made += [*more, *(() if teacher is None else (Agreement(teacher),))]
    names = [one.name for one in made]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"Every measurement must have a name of its own. Found twice: {', '.join(sorted(twice))}.")
    return tuple(made)


def unders(measurements: Iterable[Measurement]) -> list[Under]:
    """Every adversary of a plan, those of its curves too."""
    curves_too = (one.under if isinstance(one, Curve) else one for one in measurements)
    return [one for one in curves_too if isinstance(one, Under)]


def pictured(measurements: Iterable[Measurement]) -> Adversary | None:
    """The adversary of the gallery: the last that shows its search on every image, or else the last."""
    attackers = [under.adversary for under in unders(measurements) if not isinstance(under.adversary, Clean)]
    searching = [adversary for adversary in attackers if isinstance(adversary, Attack)]
    return next(reversed(searching or attackers), None)
