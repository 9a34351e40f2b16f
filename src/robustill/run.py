"""A run: one experiment as one frozen record, written as text that runs again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, get_type_hints

import yaml

from robustill.attacks import PGD, Attack, Linf, Zero
from robustill.component import Component
from robustill.data.augmentation import Augmentation, CropFlip, NoAugmentation
from robustill.expression import fits, parse
from robustill.limits import EPOCHS, IMAGES, SEED, require_between
from robustill.methods.pgd_at import PGDAT
from robustill.models.architecture import Architecture
from robustill.models.create import resolve
from robustill.objectives.base import Method
from robustill.objectives.inner import StudentKL
from robustill.recipes.paper import cells
from robustill.training.averages import Average
from robustill.training.awp import AWP
from robustill.training.checkpointing import require_not_compiled
from robustill.training.optimizers import SGD
from robustill.training.precision import Precision
from robustill.training.schedules import OneCycle, Schedule
from robustill.wording import brief, in_words, unknown_setting

RANGES = {
    "epochs": (1, EPOCHS),
    "batch_size": (1, IMAGES),
    "accumulate": (1, IMAGES),
    "validation": (0, IMAGES),
    "seed": (0, SEED),
    "skip_nonfinite": (0, IMAGES),
}
"""The smallest and the largest that a whole number of a run may be."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One experiment. Every field is a flag of ``robustill train`` and a key of a recipe.

    Attributes:
        data: where the images come from: demo, cifar10, folder:PATH, hf:OWNER/NAME and others (robustill list data).
        image_size: side in pixels to which images are resized; null takes them as they are.
        channels: 1 (grey) or 3 (colour); null takes what the images have.
        stream: true reads images as they are needed, false keeps them in memory; null keeps them there if they fit.
        extra: more training images of the same classes, such as synthetic ones, of which every batch has a share:
            npz:PATH, an archive of image and label, npy:PATH, a folder of both, or null.
        extra_ratio: the share of each batch that is extra images.
        student: the architecture to train, an expression or a name (robustill list models); must be given.
        normalize: whether the student subtracts the training set's mean and divides by its deviation, inside the
            network.
        teacher: where the teacher comes from: demo, run:DIRECTORY, file:PATH and others (robustill list teachers).
        natural_teacher: a second teacher, trained on clean images, for the methods that have one (IAD2), or null.
        remember_teacher: whether the teachers' logits of the training images are computed once and kept, where the same
            images come in every epoch (augmentation=NoAugmentation()).
        method: what is trained, an expression (robustill list methods).
        attack: how training searches the budget.
        epochs: passes over the training images.
        batch_size: images a step, of all processes together; the last, smaller batch of an epoch is kept.
        accumulate: in how many parts a process goes through its images of a batch, one after the other, where memory is
            short. BatchNorm's statistics are of a part.
        gradient_checkpointing: whether memory is saved at the price of some time, with the same numbers: the student's
            feature maps of the outer step are computed again when their gradient is due, and a GPU attacks 32 images at
            once (128 in bfloat16), as a CPU always does.
        sync_batch_norm: whether BatchNorm's statistics are those of the images of all processes; otherwise of those of
            each process. Needs GPUs.
        optimizer: learning rate, momentum, weight decay.
        schedule: of the learning rate.
        average: of the weights, EMA(), SWA() or null; validated and saved in the student's place.
        perturbation: of the weights at which the gradient is taken, AWP() or null.
        label_smoothing: the share of the labels' weight that the loss spreads over all classes, in [0, 1).
        clip: the largest norm of the gradient of all parameters together; null for no limit.
        skip_nonfinite: how many steps with a loss or gradient that is not finite are left out, before one stops the
            run.
        augmentation: random changes of the training images.
        validation: how many training images are held out to choose the best epoch by their robust accuracy.
        precision: of training: auto takes bfloat16 where the hardware has it. Evaluation is always float32.
        compile: whether PyTorch compiles student and teacher (torch.compile), which takes a minute or more and pays on
            GPUs. Numbers are the same up to rounding, and so is a run that is resumed.
        cuda_graphs: whether a GPU is told a step once and then to repeat it, which is faster and changes no number; in
            one process, without accumulate. A step that cannot be recorded is made as it is.
        cudnn_benchmark: whether cuDNN times its algorithms on a GPU and takes the fastest, which saves a few percent.
            They may be others in the next run: numbers are the same up to rounding, a run repeats less closely.
        device: auto, cpu or cuda.
        threads: CPU threads; null takes the number that computes fastest now, and writes it down: a run repeats bit for
            bit on as many.
        checkpoint_minutes: how often a state to resume from is saved inside an epoch; null only saves at its end.
        recipe: the name of the recipe that these settings began with; the published numbers of one of the paper's are
            written beside the run's.
        seed: of the initial weights, the order, the augmentation and the attack.
    """

    data: str = "demo"
    image_size: int | None = None
    channels: int | None = None
    stream: bool | None = None
    extra: str | None = None
    extra_ratio: float = 0.7
    student: Architecture
    normalize: bool = False
    teacher: str | None = None
    natural_teacher: str | None = None
    remember_teacher: bool = False
    method: Method = PGDAT()
    attack: Attack = PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)
    epochs: int = 30
    batch_size: int = 128
    accumulate: int = 1
    gradient_checkpointing: bool = False
    sync_batch_norm: bool = False
    optimizer: SGD = SGD()
    schedule: Schedule = OneCycle()
    average: Average | None = None
    perturbation: AWP | None = None
    label_smoothing: float = 0.0
    clip: float | None = None
    skip_nonfinite: int = 0
    augmentation: Augmentation = CropFlip()
    validation: int = 1000
    precision: Precision = "auto"
    compile: bool = False
    cuda_graphs: bool = True
    cudnn_benchmark: bool = False
    device: str = "auto"
    threads: int | None = None
    checkpoint_minutes: float | None = 10.0
    recipe: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            require_between(name, getattr(self, name), least, most)
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1). Found: {self.label_smoothing}.")
        if not 0 < self.extra_ratio < 1:
            raise ValueError(f"extra_ratio must be in (0, 1), the share of a batch. Found: {self.extra_ratio}.")
        if self.clip is not None and not 0 < self.clip < float("inf"):
            raise ValueError(f"clip must be a positive norm, or null for no limit. Found: {self.clip}.")
        if self.recipe is not None and self.recipe not in cells():
            raise ValueError(f"recipe must name a cell of the paper's tables, or be null. Found: {brief(self.recipe)}.")
        if isinstance(self.method.inner, StudentKL) and self.method.start_of(self.attack) == Zero():
            raise ValueError(
                f"{self.method} needs an attack from noise: KL(S(x) ‖ S(x')), which it climbs, is flat at the image "
                "itself, where the first step would follow rounding errors. "
                f"Found: attack={self.attack}. Give PGD with start=Gaussian(0.001)."
            )
        if self.remember_teacher and not isinstance(self.augmentation, NoAugmentation):
            raise ValueError(
                "remember_teacher needs images that are the same in every epoch. Found: "
                f"augmentation={self.augmentation}. Give augmentation=NoAugmentation(), or leave it out."
            )
        require_not_compiled(self.gradient_checkpointing, self.compile)
        if self.checkpoint_minutes is not None and not 0 < self.checkpoint_minutes < float("inf"):
            raise ValueError(
                "checkpoint_minutes must be a positive number of minutes, or null to save after epochs only. "
                f"Found: {self.checkpoint_minutes}."
            )

    @classmethod
    def from_texts(cls, texts: Mapping[str, Any]) -> Run:
        """A run from flags or from a recipe: components as expressions, everything else as itself.

        Raises:
            ValueError: a field is missing or unknown, or its value cannot be understood; the message names the field.
        """
        hints = get_type_hints(cls)
        for name in texts:
            if name not in hints:
                raise ValueError(unknown_setting(name, hints))
        values = dict(texts)
        for name, kind in component_fields().items():
            if isinstance(values.get(name), str):
                try:
                    values[name] = resolve(values[name]) if kind is Architecture else parse(values[name], kind)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        missing = [f.name for f in fields(cls) if f.default is MISSING and values.get(f.name) is None]
        if missing:
            raise ValueError(
                f"{' and '.join(missing)} must be given, for example --student 'ResNet(depth=18, width=16)'."
            )
        for name, value in values.items():
            if not fits(value, hints[name]):
                raise ValueError(f"{name} must be {in_words(hints[name])}. Found: {brief(value)}.")
        return cls(**values)

    @property
    def name(self) -> str:
        """``rslad-igdm-resnet-seed0``: the names of the method, its terms and the student, without their fields."""
        names = [type(part).__name__.lower() for part in (self.method, *self.method.terms, self.student)]
        return f"{'-'.join(names)}-seed{self.seed}"

    def texts(self) -> dict[str, Any]:
        """Every field as a recipe holds it; ``Run.from_texts(run.texts()) == run``."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: repr(v) if isinstance(v, Component) else v for name, v in values.items()}

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.texts(), sort_keys=False, allow_unicode=True, width=1000)


@cache
def component_fields() -> dict[str, type[Component]]:
    """The fields of a run that hold a component, with its kind."""
    found = {}
    for name, hint in get_type_hints(Run).items():
        for kind in (hint, *getattr(hint, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, Component):
                found[name] = kind
    return found
