"""The main table, and clean against robust accuracy."""

from __future__ import annotations

from dataclasses import dataclass

from robustill.report import figures
from robustill.report.measures import Measurement, Metric, headline, measure, metrics_of, shown_checkpoint
from robustill.report.records import Group, Study
from robustill.report.sections.base import Chart, Fold, Key, Panel, Section
from robustill.report.sections.looks import group_colours, is_base
from robustill.report.statistics import Interval
from robustill.report.svg import COLOURS, inline_svg
from robustill.report.tables import Cell, Column, Table, main_table, paired_table, raw_table

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
    networks = _networks(study, metric) if metric and metric != CLEAN else []
    if metric is None or len(networks) < 2:  # one point says no more than its row of the table
        return None
    points = [network.point for network in networks]
    places = {network.group: place for place, network in enumerate(networks)}
    arrows = [(places[p.base], places[p.plus]) for p in study.pairs if p.base in places and p.plus in places]
    spots = [f"{point.label} at {point.clean:.1f} % clean and {point.robust:.1f} % {metric.label}" for point in points]
    alt = f"Clean against {metric.label} accuracy: {'; '.join(spots)}."
    lead = "Up is more robust, right is more accurate on unchanged images. Thin lines are 95 % intervals."
    if arrows:
        lead += " An arrow goes from a base method to the same method with a term added."
    titles = ("Clean %", "95 % low", "95 % high", f"{metric.label} %", "95 % low", "95 % high")
    columns = (Column("Network", numeric=False), Column("Checkpoint", numeric=False), *map(Column, titles))
    table = Table("Points of the chart.", columns, tuple(network.row() for network in networks))
    chart = Chart(inline_svg(figures.tradeoff(points, arrows, metric.label), name="tradeoff", alt=alt))
    return Section(
        "tradeoff",
        "Clean against robust",
        lead,
        panels=(Panel((chart,), "large", keys=tuple(_key(point, metric) for point in points)),),
        folds=(Fold("Data of this chart", (table,)),),
    )


@dataclass(frozen=True)
class Network:
    """A point of the chart with the measurements it shows."""

    group: Group
    point: figures.Point
    clean: Measurement
    robust: Measurement

    def row(self) -> tuple[Cell, ...]:
        numbers = [n for m in (self.clean, self.robust) for n in (m.mean, *m.interval)]
        cells = [Cell(f"{100 * number:.2f}", value=number) for number in numbers]
        return (Cell(self.point.label), Cell(self.clean.checkpoint), *cells)


def _networks(study: Study, metric: Metric) -> list[Network]:
    """Teachers and groups that were measured both clean and under the attack."""
    colours = group_colours(study)
    named = [(study.teacher_label(teacher), Group((teacher,))) for teacher in study.teachers]
    named += [(study.label(group), group) for group in study.groups]
    networks = []
    for label, group in named:
        checkpoint = shown_checkpoint(study, group)
        clean, robust = measure(group, checkpoint, CLEAN), measure(group, checkpoint, metric)
        if clean and robust:
            point = figures.Point(
                label,
                100 * clean.mean,
                100 * robust.mean,
                _hundredfold(clean.interval),
                _hundredfold(robust.interval),
                colour=colours.get(group, COLOURS["ink"]),
                filled=not is_base(study, group),
                star=group not in colours,
            )
            networks.append(Network(group, point, clean, robust))
    return networks


def _key(point: figures.Point, metric: Metric) -> Key:
    numbers = f"{point.clean:.1f} % clean, {point.robust:.1f} % {metric.label}"
    return Key(point.label, point.colour, "star" if point.star else "dot" if point.filled else "ring", numbers)


def _hundredfold(interval: Interval) -> Interval:
    return 100 * interval[0], 100 * interval[1]
