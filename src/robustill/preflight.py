"""A look at the teachers before hours are spent with them, on a few training images. More is ``teacher check``."""

from __future__ import annotations

from robustill.attacks import Linf
from robustill.data import Split
from robustill.evaluation import measure_batches
from robustill.models import Classifier
from robustill.objectives import IGDM
from robustill.results import Accuracy
from robustill.setting import Setting
from robustill.teachers.check import against_chance, in_words
from robustill.teachers.diagnosis import accuracy_of
from robustill.teachers.expected import TOLERANCE, expected_of
from robustill.teachers.probe import LINEAR, Attacked, Predictions
from robustill.validation import validation_attack

IMAGES, ATTACKED = 256, 64
"""How many training images a teacher classifies, and on how many of them it is attacked: each costs thirty passes."""

Row = tuple[str, str]


def preflight(setting: Setting) -> list[Row]:
    """What the protocol says of the teachers, as label and sentence; nothing where there are none.

    Whatever is found, it is a warning and no refusal: what a teacher has to know is the user's to decide.
    """
    run, rows = setting.run, list[Row]()
    attack = validation_attack(run.attack)
    attacked = Attacked(attack, getattr(attack, "budget", Linf(8 / 255)))
    if setting.teacher is not None and run.teacher is not None:
        found = measure_batches(setting.teacher, _sample(setting, ATTACKED), attacked, seed=run.seed)
        robust = Accuracy(adversary=attacked.text, n=len(found["correct"]), correct=int(found["correct"].sum()))
        under = f", and of {robust.n} under {attacked.text} {in_words(robust)}"
        rows.append(("preflight", _classifies("teacher", run.teacher, setting.teacher, setting, attacked) + under))
        if any(isinstance(term, IGDM) for term in run.method.terms):
            uniform, along = (float(found[name].mean()) for name in ("uniform", "along"))
            rows.append(("linearity", _linearity(uniform, along, robust.n)))
    if setting.natural_teacher is not None and run.natural_teacher is not None:
        said = _classifies("second teacher", run.natural_teacher, setting.natural_teacher, setting, attacked)
        rows.append(("its preflight", said))
    return rows


def _classifies(what: str, text: str, teacher: Classifier, setting: Setting, attacked: Attacked) -> str:
    """How well it knows the training images, with a warning where that is worse than it should be."""
    data, sample = setting.dataset.name, _sample(setting, IMAGES)
    clean = accuracy_of(sample, measure_batches(teacher, sample, Predictions())["prediction"])
    doubts = against_chance(clean, setting.dataset.num_classes)
    expected = expected_of(text, data, attacked.attack, attacked.budget)
    # Most networks know training images better than test images: too well is no doubt here
    if expected is not None and expected.clean is not None and clean.interval[1] + TOLERANCE < expected.clean:
        doubts.append(f"By {expected.source} it is {expected.clean:.1%} of the test images.")
    advice = f"WARNING: {' '.join(doubts)} See robustill teacher check {text} --data {data}. " if doubts else ""
    return f"{advice}Of {clean.n} training images the {what} classifies {in_words(clean)} correctly"


def _sample(setting: Setting, count: int) -> Split:
    split = setting.batches.split
    return split.stratified(min(count, len(split)), setting.run.seed)


def _linearity(uniform: float, along: float, images: int) -> str:
    """Whether IGDM may read the teacher's gradients off its outputs."""
    found = f"{uniform:.3f} under uniform noise and {along:.3f} along an attack"
    text = f"the teacher's remainder is {found}, {images} images"
    if max(uniform, along) <= LINEAR:
        return text
    return f"WARNING: {text}; robust teachers have about 0.02, and with one far above it IGDM is likely to hurt"
