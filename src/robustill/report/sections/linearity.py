"""How far the networks are from linear around an image: what IGDM rests on."""

from __future__ import annotations

import numpy as np

from robustill.report.figures import Series, dot_rows, logit_surface
from robustill.report.records import Study
from robustill.report.sections.base import Chart, Fold, Panel, Section
from robustill.report.sections.networks import HEAD, Network, keys, networks, number
from robustill.report.sections.pictures import Pictured, pair_names, pictured
from robustill.report.table import Column, Table

DISTANCES = {
    "distance_clean": "at the image itself",
    "distance_uniform": "with uniform noise",
    "distance_adversarial": "under the method’s own attack",
}
REMAINDERS = {"remainder_uniform": "uniform noise", "remainder_adversarial": "what PGD-20 finds"}


def distances(study: Study) -> Section | None:
    """How far the students' logits are from the teacher's (Table 5 of the IGDM paper)."""
    lead = "L2 distance between the logits of student and teacher at the same points, the mean over the images."
    return _rows(study, DISTANCES, "distances", "Point by point", lead, "L2 distance of the logits")


def linearity(study: Study) -> Section | None:
    """The share of an output's change that its linearisation leaves out."""
    lead = (
        "‖f(x + ε) − f(x) − ∇f(x)ᵀε‖ over ‖f(x + ε)‖, f the logits: the share of the output that the linearisation at "
        "x leaves out. IGDM reads gradients off differences of outputs, so it presupposes that this is small."
    )
    return _rows(study, REMAINDERS, "linearity", "How linear the networks are", lead, "share of the output")


def _rows(study: Study, names: dict[str, str], id: str, title: str, lead: str, quantity: str) -> Section | None:
    shown = [n for n in networks(study) if any(names.keys() & e.measures.keys() for e in n.evaluations)]
    if not shown:
        return None
    present = [key for key in names if any(_mean(n, key) is not None for n in shown)]
    series = [Series(n.label, [_mean(n, key) for key in present], n.look) for n in shown]
    rows = [names[key] for key in present]
    told = [
        f"{n.label} {', '.join(f'{v:.3g} {names[k]}' for k in present if (v := _mean(n, k)) is not None)}"
        for n in shown
    ]
    chart = Chart(dot_rows(rows, series, quantity, wide=True), id, f"{quantity}: {'; '.join(told)}.")
    columns = (*HEAD, *(Column(names[key]) for key in present))
    cells = [(*n.cells(_images(n, present)), *(number(_mean(n, key)) for key in present)) for n in shown]
    table = Table(f"{quantity}, means over the images. {_how(shown, present)}", columns, tuple(cells), id)
    return Section(
        id,
        title,
        lead,
        panels=(Panel((chart,), "large", keys=keys(shown)),),
        folds=(Fold("Data of this chart", (table,)),),
    )


def _mean(network: Network, key: str) -> float | None:
    return network.mean(lambda evaluation: evaluation.measures[key].mean if key in evaluation.measures else None)


def _images(network: Network, names: list[str]) -> int:
    return next(e.measures[key].n for e in network.evaluations for key in names if key in e.measures)


def _how(shown: list[Network], names: list[str]) -> str:
    texts = {e.measures[key].text: None for n in shown for e in n.evaluations for key in names if key in e.measures}
    return "; ".join(filter(None, texts))


def surfaces(study: Study) -> Section | None:
    """The logits around an image as a landscape, the teacher's beside the students' (Figure 1 of the IGDM paper)."""
    kept = [one for one in pictured(study) if "gallery_surface" in one.arrays]
    if not kept:
        return None
    panels, tables = [], []
    for at in range(len(kept[0].arrays["gallery_surface"])):
        landscapes = _landscapes(study, kept, at)
        if not landscapes:
            continue
        index, truth = kept[0].name_of(at)
        limits = min(float(m.min()) for _, m in landscapes), max(float(m.max()) for _, m in landscapes)
        charts = []
        for place, (name, margins) in enumerate(landscapes):
            middle = len(margins) // 2
            alt = (
                f"Margin of {truth} around image {index}, {name}: {margins[middle, middle]:.2f} at the image, "
                f"{margins[-1, middle]:.2f} with the perturbation, {margins[middle, -1]:.2f} with the random direction."
            )
            charts.append(Chart(logit_surface(margins, limits=limits), f"surface-{at}-{place}", alt, name))
            tables.append(_grid(margins, f"{name}, image {index}, {truth}", f"surface-{at}-{place}"))
        panels.append(Panel(tuple(charts), title=f"Image {index}: {truth}"))
    if not panels:
        return None
    lead = (
        "The logit of the true class over the highest other one around an image, along what the attack found against "
        "that student (δ) and along a random direction of the same length. Blue is above zero: right; orange is wrong. "
        "The line goes from x − δ over the image, the dot, to x + δ. A plane is a network that is linear there. All of "
        "one row have the same scale. The teacher is seen along the δ of the first student."
    )
    return Section(
        "surfaces",
        "The logits around an image",
        lead,
        panels=tuple(panels),
        folds=(Fold("Data of these surfaces", tuple(tables)),),
    )


def _landscapes(study: Study, kept: list[Pictured], at: int) -> list[tuple[str, np.ndarray]]:
    """Teacher and students for one image; nothing where the attack left it as it was."""
    first = kept[0].arrays
    if not np.any(first["gallery_x_adv"][at] != first["gallery_x"][at]):
        return []
    found = [("Teacher", first["gallery_teacher_surface"][at])] if "gallery_teacher_surface" in first else []
    names = pair_names(study, kept)
    index = first["gallery_index"][at]
    for name, one in zip(names, kept, strict=True):
        if at < len(one.arrays["gallery_surface"]) and one.arrays["gallery_index"][at] == index:
            found.append((name, one.arrays["gallery_surface"][at]))
    return [(name, margins.astype(np.float64)) for name, margins in found]


def _grid(margins: np.ndarray, what: str, name: str) -> Table:
    along, across = (np.linspace(-1, 1, n) for n in margins.shape)
    columns = (Column("along δ"), *(Column(f"random {b:.2g}".replace("-", "−")) for b in across))
    rows = [(number(float(a), 2), *(number(float(z), 3) for z in row)) for a, row in zip(along, margins, strict=True)]
    return Table(f"Margins: {what}.", columns, tuple(rows), name)
