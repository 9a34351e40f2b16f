"""Accuracy over the radius of the budget (Figure 5 of the IGDM paper)."""

from __future__ import annotations

import re

import numpy as np

from robustill.report.figures import Curve, radius_curve
from robustill.report.labels import adversary
from robustill.report.measures import Metric, like_the_first
from robustill.report.records import Study
from robustill.report.sections.base import Chart, Fold, Panel, Section
from robustill.report.sections.networks import HEAD, Network, keys, networks, shares
from robustill.report.table import Cell, Column, Table
from robustill.results import Evaluation


def radius(study: Study) -> Section | None:
    """A chart for each attack that was run over several radii."""
    shown = networks(study)
    attacks = list(dict.fromkeys(key for n in shown for evaluation in n.evaluations for key in evaluation.curves))
    charts, tables = [], []
    for attack in attacks:
        measured = [(n, found) for n in shown if (found := _curve(n, attack))]
        eight = all("Linf(" in _text(network, attack) for network, _ in measured)
        scale, unit = (255, "1/255") if eight else (1, "")
        curves = [
            Curve(n.label, [scale * r for r in found], [100 * s for s in found.values()], look=n.look)
            for n, found in measured
        ]
        usual = scale * 8 / 255 if eight else None
        axes = radius_curve(curves, adversary(attack), unit, usual=usual)
        told = [f"{c.label} from {c.y[0]:.1f} % to {c.y[-1]:.1f} %" for c in curves]
        last = max(max(c.x) for c in curves)
        alt = f"{adversary(attack)} accuracy over radii 0 to {last:.3g} {unit}: {'; '.join(told)}."
        charts.append(Chart(axes, _name(attack), alt, adversary(attack)))
        tables.append(_table(attack, measured, scale, unit))
    if not charts:
        return None
    lead = (
        "How much is left as the attack is allowed more. An image that withstands a radius counts as withstanding "
        "every smaller one; radius 0 is the image itself. A dotted line marks 8/255."
    )
    used = [n for n in shown if any(_curve(n, attack) for attack in attacks)]
    return Section(
        "radius",
        "Accuracy over the radius",
        lead,
        panels=(Panel(tuple(charts), "medium", keys=keys(used, line=True)),),
        folds=(Fold("Data of these charts", tuple(tables)),),
    )


def _name(attack: str) -> str:
    """Of the files and ids: an attack may be a whole expression, with the slash of 8/255."""
    return "radius-" + re.sub(r"[^\w.@-]+", "-", attack).strip("-")


def _curve(network: Network, attack: str) -> dict[float, float]:
    """Radius -> mean accuracy over the seeds; the radii that every seed has."""
    curves = [
        {point.radius: point.accuracy.accuracy for point in evaluation.curves[attack]}
        for evaluation in _evaluations(network, attack)
    ]
    shared = sorted(set.intersection(*map(set, curves))) if curves else []
    return {radius: float(np.mean([curve[radius] for curve in curves])) for radius in shared}


def _evaluations(network: Network, attack: str) -> list[Evaluation]:
    """Those with a curve of the attack, one a seed, that were measured as the first one was."""
    found = [evaluation for evaluation in network.evaluations if attack in evaluation.curves]
    return like_the_first(found, Metric(attack, accuracy=True))


def _text(network: Network, attack: str) -> str:
    return _evaluations(network, attack)[0].accuracies[attack].adversary


def _table(attack: str, measured: list[tuple[Network, dict[float, float]]], scale: float, unit: str) -> Table:
    radii = sorted({radius for _, found in measured for radius in found})
    rows: list[tuple[Cell, ...]] = []
    for network, found in measured:
        images = _evaluations(network, attack)[0].curves[attack][0].accuracy.n
        rows.append((*network.cells(images), *(shares(found.get(radius)) for radius in radii)))
    titles = [f"{scale * radius:g}" + (unit[1:] if unit else "") for radius in radii]
    caption = f"{adversary(attack)} accuracy in percent, by radius. {_text(measured[0][0], attack)}"
    return Table(caption, (*HEAD, *(Column(title, scale=100) for title in titles)), tuple(rows), _name(attack))
