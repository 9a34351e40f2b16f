"""Robust accuracy of each class: a mean hides the class that an attack takes first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robustill.report.figures import Series, dot_rows
from robustill.report.labels import adversary, count, percent
from robustill.report.measures import Metric, counted, headline, metrics_of
from robustill.report.records import Study
from robustill.report.sections.base import Chart, Fold, Panel, Section
from robustill.report.sections.networks import HEAD, Network, keys, networks, shares
from robustill.report.statistics import Interval
from robustill.report.table import Cell, Column, Table

WORST, MOST = 12, 6
"""Classes in a chart, and charts: with more of them, those of the lowest accuracy, and the first."""


@dataclass(frozen=True)
class Classed:
    """A network with its accuracy for each class, the mean over its seeds; None where a class has no image."""

    network: Network
    shares: tuple[float | None, ...]
    images: tuple[int, ...]

    @property
    def worst(self) -> int:
        return min(range(len(self.shares)), key=lambda at: (self.shares[at] is None, self.shares[at]))


def classes(study: Study) -> Section | None:
    """A chart for each pair, or for each network that belongs to none."""
    metric = headline(metrics_of(study))
    found = [one for network in networks(study) if metric and (one := _classed(network, metric))]
    if metric is None or not found:
        return None
    names = _names(found[0].network)
    together = _together(study, found)
    reached = [share for shown in together[:MOST] for one in shown for share in one.shares if share is not None]
    limits = 100 * min(reached), 100 * max(reached)
    charts = [_chart(shown, names, adversary(metric.key), at, limits) for at, shown in enumerate(together[:MOST])]
    lead = f"Accuracy under {adversary(metric.key)} of each class. {_worst(found, names)}"
    if len(together) > MOST:
        lead += f" The first {MOST} of {len(together)} charts are shown; the table has all."
    if len(names) > WORST:
        lead += f" Of the {len(names)} classes, the {WORST} worst are drawn."
    columns = (*HEAD, Column("Worst class", numeric=False), *(Column(f"{name} %", scale=100) for name in names))
    rows = [(*one.network.cells(sum(one.images)), Cell(names[one.worst]), *map(shares, one.shares)) for one in found]
    table = Table(f"{adversary(metric.key)} accuracy by class.", columns, tuple(rows), "classes")
    return Section(
        "classes",
        "Class by class",
        lead,
        panels=(Panel(tuple(charts), "small", keys=keys(one.network for one in found)),),
        folds=(Fold("Data of these charts", (table,)),),
    )


def _worst(found: list[Classed], names: tuple[str, ...]) -> str:
    """Names the worst class of every network, once if it is the same."""
    lowest = [(one, share) for one in found if (share := one.shares[one.worst]) is not None]
    if len({(one.worst, one.images[one.worst]) for one in found}) == 1 and len(found) > 1:
        first, least = min(lowest, key=lambda pair: pair[1])
        last, most = max(lowest, key=lambda pair: pair[1])
        return (
            f"The worst of all networks is {names[first.worst]}: {percent(least)} ({first.network.label}) to "
            f"{percent(most)} ({last.network.label}) of {count(first.images[first.worst])}."
        )
    if len(found) > 2 * MOST:
        return "The table names the worst of each network."
    told = [
        f"{one.network.label}: {names[one.worst]}, {percent(share)} of {count(one.images[one.worst])}"
        for one, share in lowest
    ]
    return f"The worst of each network: {'; '.join(told)}."


def _classed(network: Network, metric: Metric) -> Classed | None:
    measured = counted(network.group, network.checkpoint, metric)
    counts = [evaluation.accuracies[metric.key].by_class for evaluation in measured]
    counts = [by_class for by_class in counts if by_class]
    if not counts or len({len(by_class) for by_class in counts}) > 1:
        return None
    of_class = [[correct / n for n, correct in one if n] for one in zip(*counts, strict=True)]
    means = tuple(float(np.mean(values)) if values else None for values in of_class)
    return Classed(network, means, tuple(n for n, _ in counts[0]))


def _names(network: Network) -> tuple[str, ...]:
    found = next(e for e in network.evaluations if e.accuracies)
    many = max(len(accuracy.by_class) for accuracy in found.accuracies.values())
    return found.classes or tuple(map(str, range(many)))


def _together(study: Study, found: list[Classed]) -> list[list[Classed]]:
    """Which networks share a chart: the pairs with the teachers, or each student with them."""
    by_group = {one.network.group: one for one in found}
    students = {group for group in study.groups if group in by_group}
    teachers = [one for one in found if one.network.group not in students]
    pairs = [(by_group[p.base], by_group[p.plus]) for p in study.pairs if {p.base, p.plus} <= students]
    paired = {one.network.group for pair in pairs for one in pair}
    alone = [[by_group[group]] for group in study.groups if group in students and group not in paired]
    return [[*teachers, *shown] for shown in (*pairs, *alone)] or [teachers]


def _chart(shown: list[Classed], names: tuple[str, ...], attack: str, at: int, limits: Interval) -> Chart:
    last = shown[-1]
    order = sorted(range(len(names)), key=lambda i: (last.shares[i] is None, last.shares[i]))[:WORST]
    rows = sorted(order) if len(names) <= WORST else order
    series = [
        Series(one.network.label, [None if (s := one.shares[i]) is None else 100 * s for i in rows], one.network.look)
        for one in shown
    ]
    axes = dot_rows(
        [names[i] for i in rows], series, f"{attack} accuracy (%)", bold=(rows.index(last.worst),), limits=limits
    )
    told = []
    for one in shown:
        worst = one.shares[one.worst]
        told.append(f"{one.network.label}, worst {names[one.worst]} with {percent(worst or 0.0)}")
    return Chart(axes, f"classes-{at}", f"{attack} accuracy of each class: {'; '.join(told)}.", last.network.label)
