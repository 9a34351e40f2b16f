"""Images: what the attack adds to them, what the networks make of them, and where each network looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robustill.report.figures import Attacked, attack_strip, gradient_strip
from robustill.report.labels import listing
from robustill.report.measures import shown_checkpoint
from robustill.report.records import Group, Record, Study
from robustill.report.sections.base import Chart, Fold, Panel, Section
from robustill.report.table import Cell, Column, Table
from robustill.report.verdict import added_name

ATTACKED, MAPPED = 8, 9
"""At most so many images in the gallery and among the gradient maps: two rows of four, three of three."""


@dataclass(frozen=True)
class Pictured:
    """A run whose images are shown."""

    label: str
    record: Record
    checkpoint: str
    arrays: dict[str, np.ndarray]

    @property
    def title(self) -> str:
        return self.label if self.record.seed is None else f"{self.label}, seed {self.record.seed}"

    @property
    def classes(self) -> tuple[str, ...]:
        return self.record.evaluations[self.checkpoint].classes

    def positions(self, most: int) -> range:
        return range(min(most, len(self.arrays["gallery_index"])))

    def name_of(self, at: int) -> tuple[int, str]:
        """The number of an image in the test set, and its class."""
        return int(self.arrays["gallery_index"][at]), _class(self.classes, int(self.arrays["gallery_y"][at]))


def pictured(study: Study) -> list[Pictured]:
    """Both sides of the first pair that kept images, or else the first group that did."""
    for pair in study.pairs:
        for base, plus in pair.seeds():
            checkpoint = shown_checkpoint(study, pair.plus)
            sides = [_kept(study, pair.base, base, checkpoint), _kept(study, pair.plus, plus, checkpoint)]
            if kept := [side for side in sides if side]:
                return kept
    for group in study.groups:
        for record in group.records:
            if side := _kept(study, group, record, shown_checkpoint(study, group)):
                return [side]
    return []


def pair_names(study: Study, shown: Sequence[Pictured]) -> list[str]:
    """What the students are called where both of a pair are shown side by side."""
    return ["base", f"+ {added_name(study.pairs[0])}"] if len(shown) == 2 else ["student"]


def _kept(study: Study, group: Group, record: Record, checkpoint: str | None) -> Pictured | None:
    arrays = record.arrays.get(checkpoint or "", {})
    if checkpoint is None or not {"gallery_index", "gallery_x", "gallery_y"} <= arrays.keys():
        return None
    return Pictured(study.label(group), record, checkpoint, arrays)


def _class(classes: Sequence[str], index: int) -> str:
    return classes[index] if 0 <= index < len(classes) else str(index)


def gallery(study: Study) -> Section | None:
    """Images, what the attack adds to them, and what student and teacher make of both."""
    panels, rows = [], []
    for number, shown in enumerate(pictured(study)):
        if "gallery_x_adv" not in shown.arrays:
            continue
        x, x_adv = (shown.arrays[key].astype(np.float64) for key in ("gallery_x", "gallery_x_adv"))
        largest = float(np.abs(x_adv - x).max()) or 1 / 255
        charts = []
        for at in shown.positions(ATTACKED):
            attacked = _attacked(shown, x[at], x_adv[at], at)
            index, _ = shown.name_of(at)
            answers = attacked.predictions.items()
            says = [f"the {who} says {clean} and, attacked, {adversarial}" for who, (clean, adversarial) in answers]
            size = 255 * float(np.abs(x_adv[at] - x[at]).max())
            alt = f"Image {index}, {attacked.truth}, clean, its perturbation, and attacked: {'; '.join(says)}."
            charts.append(Chart(attack_strip(attacked, largest), f"attack-{number}-{at}", alt, attacked.truth))
            head = [Cell(shown.label), Cell(str(index), value=index), Cell(attacked.truth)]
            rows += [(*head, Cell(who), *map(Cell, said), Cell(f"{size:.1f}/255", value=size)) for who, said in answers]
        title = f"Attacks on {shown.title}, checkpoint “{shown.checkpoint}”"
        panels.append(Panel(tuple(charts), title=title))
    if not panels:
        return None
    names = ("Attacked network", "Image", "Class", "Judged by", "Clean image", "Attacked image", "Largest change")
    columns = tuple(Column(name, numeric=name == "Image") for name in names)
    lead = (
        "Above each image its true class. The perturbation is enlarged: mid-grey is no change. "
        "A cross marks a wrong answer; the attack was made against the student, and the teacher judges the same image."
    )
    table = Table("Predictions for the images above.", columns, tuple(rows), "predictions")
    return Section(
        "gallery", "What the attack does", lead, panels=tuple(panels), folds=(Fold("Data of these pictures", (table,)),)
    )


def _attacked(shown: Pictured, x: np.ndarray, x_adv: np.ndarray, at: int) -> Attacked:
    predictions = {}
    for who, prefix in (("student", "gallery"), ("teacher", "gallery_teacher")):
        keys = f"{prefix}_clean_prediction", f"{prefix}_adversarial_prediction"
        if set(keys) <= shown.arrays.keys():
            clean, adversarial = (_class(shown.classes, int(shown.arrays[key][at])) for key in keys)
            predictions[who] = (clean, adversarial)
    return Attacked(_class(shown.classes, int(shown.arrays["gallery_y"][at])), x, x_adv, predictions)


def gradients(study: Study) -> Section | None:
    """Input gradients of teacher and students for the same images, with each student's cosine to the teacher."""
    shown = [one for one in pictured(study) if "gallery_gradient" in one.arrays]
    if not shown:
        return None
    names = pair_names(study, shown)
    first, charts, rows = shown[0], [], []
    for at in first.positions(MAPPED):
        index, truth = first.name_of(at)
        maps, cosines = {}, {}
        if "gallery_teacher_gradient" in first.arrays:
            maps["teacher"] = first.arrays["gallery_teacher_gradient"][at]
        for name, one in zip(names, shown, strict=True):
            places = np.flatnonzero(one.arrays["gallery_index"] == index)
            if len(places):
                maps[name] = one.arrays["gallery_gradient"][places[0]]
                if "gallery_gc" in one.arrays:
                    cosines[name] = float(one.arrays["gallery_gc"][places[0]])
        told = [f"{name} has cosine {cosine:.2f} to the teacher" for name, cosine in cosines.items()]
        alt = f"Input gradients for image {index}, {truth}, of {listing(list(maps))}. {'; '.join(told)}"
        strip = gradient_strip(first.arrays["gallery_x"][at].astype(np.float64), maps, cosines)
        charts.append(Chart(strip, f"gradient-{at}", alt, truth))
        numbers = [Cell(f"{cosines[n]:.4f}", value=cosines[n]) if n in cosines else Cell("") for n in names]
        rows.append((Cell(str(index)), Cell(truth), *numbers))
    lead = (
        "How the loss of each network changes with each pixel, the channels summed, each map in its own scale: "
        "vermillion raises the loss, blue lowers it. Beneath a student’s map: its cosine to the teacher’s gradient."
    )
    columns = (
        Column("Image", numeric=False),
        Column("Class", numeric=False),
        *(Column(f"Cosine, {name}") for name in names),
    )
    runs = "; ".join(f"{name}: {one.title}" for name, one in zip(names, shown, strict=True))
    table = Table(f"Cosines for the images above; {runs}.", columns, tuple(rows), "cosines")
    return Section(
        "gradients",
        "Where the networks look",
        lead,
        panels=(Panel(tuple(charts), "medium", title=runs),),
        folds=(Fold("Data of these maps", (table,)),),
    )
