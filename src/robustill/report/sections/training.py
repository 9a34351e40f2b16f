"""Every logged quantity over the epochs."""

from __future__ import annotations

from robustill.report import figures
from robustill.report.records import Record, Study
from robustill.report.sections.base import Chart, Fold, Key, Panel, Section
from robustill.report.sections.looks import group_colours, is_base
from robustill.report.svg import inline_svg
from robustill.report.tables import Cell, Column, Table, named_records

QUANTITIES = {
    "validation_robust": ("Validation, under attack", "accuracy (%)", 100.0),
    "validation_clean": ("Validation, clean", "accuracy (%)", 100.0),
    "loss": ("Training loss", "loss", 1.0),
    "remainder": ("Remainder of the linearisation, uniform noise", "share of the output", 1.0),
}
"""Field of metrics.jsonl -> title, axis, scale."""


def training(study: Study) -> Section | None:
    """Each quantity over the epochs, one line a run."""
    named = [(group, record) for group in study.groups for record in group.records if record.metrics]
    if not named:
        return None
    colours = group_colours(study)
    charts = []
    planned = max((r.planned for _, r in named if r.unfinished), default=None)
    for key, (title, quantity, scale) in QUANTITIES.items():
        curves = [
            curve
            for group, record in named
            if (curve := _curve(study.label(group), record, key, scale, colours[group], is_base(study, group)))
        ]
        if curves:
            axes = figures.training_curve(curves, quantity, epochs=planned)
            ends = [f"{c.label} ends at {c.y[-1]:.3g} after epoch {c.x[-1]}" for c in curves]
            alt = f"{title}, {quantity}, over the epochs: {'; '.join(ends)}."
            charts.append(Chart(inline_svg(axes, name=f"curve-{key}", alt=alt), title))
    groups = dict.fromkeys(group for group, _ in named)
    keys = [Key(study.label(g), colours[g], "dashed" if is_base(study, g) else "line") for g in groups]
    lead = "A dot marks the last epoch."
    if any(row.get("best") for _, record in named for row in record.metrics):
        lead = "A diamond marks the epoch kept as best by its validation images, a dot the last epoch."
    if planned:
        lead += " A line that ends early belongs to a run that has not finished."
    if study.pairs:
        lead += " The losses of different methods have different terms and are not comparable."
    return Section(
        "training",
        "Training",
        lead,
        panels=(Panel(tuple(charts), keys=tuple(keys)),),
        folds=(Fold("Data of these charts", (_epochs_table(study),)),),
    )


def _curve(label: str, record: Record, key: str, scale: float, colour: str, dashed: bool) -> figures.Curve | None:
    rows = [row for row in record.metrics if row.get(key) is not None]
    if not rows:
        return None
    best = max((index for index, row in enumerate(rows) if row.get("best")), default=None)
    return figures.Curve(label, [r["epoch"] for r in rows], [scale * r[key] for r in rows], best, colour, dashed)


def _epochs_table(study: Study) -> Table:
    keys = list(
        dict.fromkeys(key for record in study.records for row in record.metrics for key in row if key != "epoch")
    )
    rows = [
        (Cell(label), Cell(str(row["epoch"]), value=row["epoch"]), *(_logged(row.get(key)) for key in keys))
        for label, record in named_records(study)
        for row in record.metrics
    ]
    columns = (Column("Run", numeric=False), Column("Epoch"), *(Column(key.replace("_", " ")) for key in keys))
    return Table("Every row of metrics.jsonl; accuracies as shares of one.", columns, tuple(rows))


def _logged(value: object) -> Cell:
    if isinstance(value, bool):
        return Cell("yes" if value else "")
    if isinstance(value, int | float):
        return Cell(f"{value:.4g}", value=value)
    return Cell("" if value is None else str(value))
