"""Every logged quantity over the epochs."""

from __future__ import annotations

from robustill.report.figures import Curve, Look, training_curve
from robustill.report.records import Group, Record, Study
from robustill.report.sections.base import Chart, Fold, Key, Panel, Section
from robustill.report.sections.looks import looks
from robustill.report.table import Cell, Column, Table
from robustill.report.tables import named_records

QUANTITIES = {
    "validation_robust": ("Validation, under attack", "accuracy (%)", 100.0),
    "validation_clean": ("Validation, clean", "accuracy (%)", 100.0),
    "loss": ("Training loss", "loss", 1.0),
    "remainder": ("Remainder of the linearisation, uniform noise", "share of the output", 1.0),
}
"""Field of metrics.jsonl -> title, axis, scale."""

ENOUGH = 60
"""So many lines at most; further seeds are in the table only."""


def training(study: Study) -> Section | None:
    """Each quantity over the epochs, one line a run."""
    named = [(group, record) for group in study.groups for record in group.records if record.metrics]
    if not named:
        return None
    looked = looks(study)
    shown = _shown(named)
    charts = []
    planned = max((r.planned for _, r in shown if r.unfinished), default=None)
    for key, (title, quantity, scale) in QUANTITIES.items():
        curves = [
            curve for group, record in shown if (curve := _curve(study.label(group), record, key, scale, looked[group]))
        ]
        if curves:
            ends = [f"{c.label} ends at {c.y[-1]:.3g} after epoch {c.x[-1]}" for c in curves]
            alt = f"{title}, {quantity}, over the epochs: {'; '.join(ends)}."
            charts.append(Chart(training_curve(curves, quantity, epochs=planned), f"curve-{key}", alt, title))
    groups = dict.fromkeys(group for group, _ in shown)
    lead = "A line a run; its last mark is the last epoch."
    if any(row.get("best") for _, record in shown for row in record.metrics):
        lead = (
            "A line a run; a diamond is the epoch kept as best by its validation images, the last mark the last epoch."
        )
    if planned:
        lead += " A line that ends early belongs to a run that has not finished."
    if len(shown) < len(named):
        lead += f" The first seed of each method is drawn; all {len(named)} runs are in the table."
    if study.pairs:
        lead += " The losses of different methods have different terms and are not comparable."
    return Section(
        "training",
        "Training",
        lead,
        panels=(Panel(tuple(charts), keys=tuple(Key(study.label(g), looked[g], line=True) for g in groups)),),
        folds=(Fold("Data of these charts", (_epochs_table(study),)),),
    )


def _shown(named: list[tuple[Group, Record]]) -> list[tuple[Group, Record]]:
    first: dict[Group, Record] = {}
    for group, record in named:
        first.setdefault(group, record)
    return named if len(named) <= ENOUGH else list(first.items())


def _curve(label: str, record: Record, key: str, scale: float, look: Look) -> Curve | None:
    rows = [row for row in record.metrics if row.get(key) is not None]
    if not rows:
        return None
    best = max((index for index, row in enumerate(rows) if row.get("best")), default=None)
    return Curve(label, [r["epoch"] for r in rows], [scale * r[key] for r in rows], best, look)


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
    return Table("Every row of metrics.jsonl; accuracies as shares of one.", columns, tuple(rows), "epochs")


def _logged(value: object) -> Cell:
    if isinstance(value, bool):
        return Cell("yes" if value else "")
    if isinstance(value, int | float):
        return Cell(f"{value:.4g}", value=value)
    return Cell("" if value is None else str(value))
