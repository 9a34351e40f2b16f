"""The few numbers of the first screen, each with what it is compared to."""

from __future__ import annotations

from dataclasses import dataclass

from robustill.report.labels import percent
from robustill.report.measures import (
    Comparison,
    Metric,
    compare,
    headline,
    headline_comparison,
    measure,
    metrics_of,
    shown_checkpoint,
)
from robustill.report.records import Group, Study
from robustill.report.verdict import added_name


@dataclass(frozen=True)
class Tile:
    """One number of the first screen, with what it is compared to."""

    label: str
    value: str
    change: str
    tone: str
    notes: tuple[str, ...]


def tiles(study: Study) -> tuple[Tile, ...]:
    """The numbers of the one pair, or of the one group, that the verdict speaks of."""
    main = headline(metrics_of(study))
    metrics = sorted(metrics_of(study), key=lambda metric: metric != main)
    compared = [(pair, found) for pair in study.pairs if (found := headline_comparison(pair, main))]
    if len(compared) == 1:
        pair, shown = compared[0]
        return tuple(_tile(c) for metric in metrics if (c := compare(pair, shown.checkpoint, metric)))
    if compared or len(study.groups) > 1:
        return ()
    group = study.groups[0] if study.groups else Group(study.teachers)
    checkpoint = shown_checkpoint(study, group)
    rows = [(metric, measure(group, checkpoint, metric)) for metric in metrics]
    return tuple(
        Tile(_tile_label(m), _with_unit(m, row.mean), "", "", (f"95 % interval {m.range(row.interval)}",))
        for m, row in rows
        if row
    )


def _tile(found: Comparison) -> Tile:
    metric, name = found.metric, added_name(found.pair)
    change = metric.difference(found.mean) + (" points" if metric.accuracy else "")
    notes = [f"without {name} {_with_unit(metric, found.base_mean)}"]
    if found.interval:
        notes.append(f"95 % interval {metric.difference_range(found.interval)}")
    return Tile(_tile_label(metric), _with_unit(metric, found.plus_mean), change, found.tone, tuple(notes))


def _tile_label(metric: Metric) -> str:
    names = {"gd": "Gradient distance ", "gc": "Gradient cosine "}
    return f"{metric.label} accuracy" if metric.accuracy else names.get(metric.key, "") + metric.title


def _with_unit(metric: Metric, value: float) -> str:
    return percent(value) if metric.accuracy else metric.show(value)
