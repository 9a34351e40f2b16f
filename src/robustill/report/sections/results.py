"""The main table, and clean against robust accuracy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from robustill.report.figures import CROWD, Point, scatter
from robustill.report.measures import Measurement, Metric, headline, measure, measured_alike, metrics_of
from robustill.report.records import Study
from robustill.report.sections.base import Chart, Fold, Key, Panel, Section
from robustill.report.sections.networks import HEAD, Network, networks
from robustill.report.statistics import Interval
from robustill.report.table import Cell, Column, Table
from robustill.report.tables import main_table, paired_table, raw_table

CLEAN = Metric("clean", accuracy=True)


def results(study: Study) -> Section:
    """The main table, and behind folds every number it was made of."""
    folds = []
    if any(record.evaluations for record in study.records):
        folds.append(Fold("Every measured number, and how it was measured", (raw_table(study),)))
    paired = paired_table(study)
    if paired.rows:
        folds.append(Fold("Differences seed by seed", (paired,)))
    agreement = [
        f"{metric.label}: {metric.meaning}." for metric in metrics_of(study) if not metric.accuracy and metric.meaning
    ]
    return Section("results", "Results", lead=" ".join(agreement), table=main_table(study), folds=tuple(folds))


def tradeoff(study: Study) -> Section | None:
    """Clean against robust accuracy, an arrow from each base method to the same with a term added."""
    metric = headline(metrics_of(study))
    plotted = _plotted(study, metric) if metric and metric != CLEAN else []
    if metric is None or len(plotted) < 2:  # one point says no more than its row of the table
        return None
    points = [one.point for one in plotted]
    places = {one.network.group: place for place, one in enumerate(plotted)}
    arrows = [(places[p.base], places[p.plus]) for p in study.pairs if p.base in places and p.plus in places]
    spots = [f"{point.label} at {point.x:.1f} % clean and {point.y:.1f} % {metric.label}" for point in points]
    alt = f"Clean against {metric.label} accuracy: {'; '.join(spots)}."
    lead = "Up is more robust, right is more accurate on unchanged images. "
    lead += "The table has the 95 % intervals." if len(points) > CROWD else "Thin lines are 95 % intervals."
    if arrows:
        lead += " An arrow goes from a base method to the same method with a term added."
    if not measured_alike([(one.network.group, one.robust.checkpoint) for one in plotted], metric):
        lead += " Not all of these networks were measured alike: the table of every number says on what, and how."
    columns = [Column(title, scale=100) for title in ("Clean %", "Clean % low", "Clean % high")]
    columns += [Column(f"{metric.label} %{end}", scale=100) for end in ("", " low", " high")]
    table = Table(
        "Points of the chart, with their 95 % intervals.",
        (*HEAD, *columns),
        tuple(one.row() for one in plotted),
        "tradeoff",
    )
    axes = scatter(points, "clean accuracy (%)", f"{metric.label} accuracy (%)", arrows=arrows)
    charts = [Chart(axes, "tradeoff", alt)]
    if near := _crowd(points):
        inside = [(near.index(a), near.index(b)) for a, b in arrows if a in near and b in near]
        bare = [replace(points[at], x_interval=None, y_interval=None) for at in near]
        axes = scatter(bare, "clean accuracy (%)", f"{metric.label} accuracy (%)", arrows=inside)
        title = f"The {len(near)} that are close together"
        charts.append(
            Chart(axes, "tradeoff-near", f"{title}, drawn larger: {metric.label} against clean accuracy.", title)
        )
    return Section(
        "tradeoff",
        "Clean against robust",
        lead,
        panels=(Panel(tuple(charts), "large", keys=tuple(_key(point, metric) for point in points)),),
        folds=(Fold("Data of this chart", (table,)),),
    )


@dataclass(frozen=True)
class Plotted:
    """A point of the chart with the measurements it shows."""

    network: Network
    point: Point
    clean: Measurement
    robust: Measurement

    def row(self) -> tuple[Cell, ...]:
        numbers = [n for m in (self.clean, self.robust) for n in (m.mean, *m.interval)]
        return (*self.network.cells(self.robust.images[0]), *(Cell(f"{100 * n:.2f}", value=n) for n in numbers))


def _plotted(study: Study, metric: Metric) -> list[Plotted]:
    """Teachers and groups that were measured both clean and under the attack."""
    found = []
    for network in networks(study):
        clean, robust = (measure(network.group, network.checkpoint, one) for one in (CLEAN, metric))
        if clean and robust:
            x, y = 100 * clean.mean, 100 * robust.mean
            intervals = _hundredfold(clean.interval), _hundredfold(robust.interval)
            point = Point(network.label, x, y, *intervals, look=network.look)
            found.append(Plotted(network, point, clean, robust))
    return found


def _crowd(points: list[Point]) -> list[int]:
    """Which points stand so close together that others, far away, make them one spot; empty where none do."""
    places = np.array([(point.x, point.y) for point in points])
    apart = np.abs(places - np.median(places, axis=0))
    near = np.flatnonzero((apart <= 6 * np.maximum(np.median(apart, axis=0), 0.1)).all(axis=1)).tolist()
    return near if 4 <= len(near) < len(points) else []


def _key(point: Point, metric: Metric) -> Key:
    return Key(point.label, point.look, note=f"{point.x:.1f} % clean, {point.y:.1f} % {metric.label}")


def _hundredfold(interval: Interval) -> Interval:
    return 100 * interval[0], 100 * interval[1]
