"""The tables of a study: the main one, every number behind it, and the differences seed by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from robustill.report.images import measured_on
from robustill.report.labels import count, short
from robustill.report.measures import Metric, comparable, compare, headline, headline_comparison, measure, metrics_of
from robustill.report.records import Group, Record, Study, ordered
from robustill.report.table import Cell, Column, Table
from robustill.results import Accuracy


def main_table(study: Study) -> Table:
    """Teachers first, then every group at every evaluated checkpoint, with the paired difference to the base method."""
    metrics = metrics_of(study)
    strongest = headline(metrics)
    if not any(headline_comparison(pair, strongest) for pair in study.pairs):
        strongest = None  # nothing to compare
    columns = [Column("Network", numeric=False, note="state"), Column("Checkpoint", numeric=False)]
    for metric in metrics:
        columns.append(Column(metric.title, metric.meaning, scale=metric.scale, note="95 % interval"))
        if metric == strongest:
            meaning = "points gained over the base method, paired by seed"
            columns.append(Column(f"Δ {metric.label}", meaning, scale=metric.scale, note="95 % interval"))
    columns += [Column("Seeds", "runs that differ in the seed only"), Column("Parameters")]
    groups = [(study.teacher_label(teacher), Group((teacher,))) for teacher in study.teachers]
    groups += [(study.label(group), group) for group in study.groups]
    best = {metric: top for metric in metrics if (top := _best(study, metric)) is not None}
    rows = [
        _row(study, label, group, checkpoint, metrics, strongest, best)
        for label, group in groups
        for checkpoint in group.checkpoints or [""]
    ]
    return Table(_caption(study, metrics, bool(best)), tuple(columns), tuple(rows), "results")


def _best(study: Study, metric: Metric) -> float | None:
    """The best mean of the students' rows; None where there is no choice, or where they were not measured alike."""
    shown = [(group, name) for group in study.groups for name in group.checkpoints if measure(group, name, metric)]
    measured = [
        record.evaluations[name] for group, name in shown for record in group.records if name in record.evaluations
    ]
    if len({group for group, _ in shown}) < 2 or not comparable(measured, metric):
        return None
    means = [found.mean for group, name in shown if (found := measure(group, name, metric))]
    return min(means) if metric.lower else max(means)


def _row(
    study: Study,
    label: str,
    group: Group,
    checkpoint: str,
    metrics: Sequence[Metric],
    strongest: Metric | None,
    best: Mapping[Metric, float],
) -> tuple[Cell, ...]:
    """A group at a checkpoint; without a checkpoint, a group of which nothing was evaluated."""
    cells = [Cell(label, status(group)), Cell(checkpoint or "–")]
    for metric in metrics:
        cells.append(_measured(group, checkpoint, metric, best.get(metric) if group in study.groups else None))
        if metric == strongest:
            cells.append(_difference(study, group, checkpoint, metric))
    evaluations = [r.evaluations[checkpoint] for r in group.records if checkpoint in r.evaluations]
    sizes = sorted({evaluation.parameters for evaluation in evaluations})
    seeds, of = len(evaluations), len(group.records)
    cells.append(Cell(str(of) if seeds in (of, 0) else f"{seeds} of {of}", value=seeds or of))
    cells.append(Cell(" / ".join(map(count, sizes)) or "–", value=sizes[0] if sizes else None))
    return tuple(cells)


def status(group: Group) -> str:
    """What a reader must know before the numbers: that a run is unfinished, or not evaluated."""
    unfinished = [record for record in group.records if record.unfinished]
    if unfinished:
        done = " and ".join(f"{record.done} of {record.planned}" for record in unfinished)
        return f"unfinished: {done} epochs" + ("" if group.checkpoints else ", not evaluated")
    return "" if group.checkpoints else "not evaluated"


def _measured(group: Group, checkpoint: str, metric: Metric, best: float | None) -> Cell:
    measured = measure(group, checkpoint, metric)
    if measured is None:
        return Cell("–")
    text = metric.show(measured.mean)
    if measured.std is not None:
        text += f" ± {metric.show(measured.std)}"
    note = metric.range(measured.interval)
    return Cell(text, note, measured.mean, best=measured.mean == best, spread=measured.std)


def _difference(study: Study, group: Group, checkpoint: str, metric: Metric) -> Cell:
    pair = next((pair for pair in study.pairs if pair.plus is group), None)
    found = compare(pair, checkpoint, metric) if pair else None
    if found is None:
        return Cell("")
    note = metric.difference_range(found.interval) if found.interval else "one seed"
    return Cell(metric.difference(found.mean), note, found.mean, found.tone)


def _caption(study: Study, metrics: Sequence[Metric], bold: bool) -> str:
    """On what, how many, and what the small numbers are."""
    evaluations = [evaluation for record in study.records for evaluation in record.evaluations.values()]
    if not evaluations:
        return "Nothing has been evaluated yet."
    text = f"Measured on {measured_on(study)}. "
    if any(len(group.records) > 1 for group in study.groups):
        text += "Several seeds: mean ± standard deviation, below it the 95 % interval of the mean. One seed: "
    text += "95 % intervals over the images stand below the values."
    if bold:
        text += " Bold: the best mean of the students’ rows."
    for metric in metrics:
        attacks = {m.adversary for evaluation in evaluations if isinstance(m := metric.of(evaluation), Accuracy)}
        if len(attacks) > 1:
            text += f" {metric.label} was not the same attack in every row: {'; '.join(sorted(attacks))}."
    return text


def raw_table(study: Study) -> Table:
    """Every number of every evaluation file, as it stands there: the data behind the main table."""
    columns = [Column(t, numeric=False) for t in ("Network", "Run", "Checkpoint", "Images", "Measured", "How")]
    columns += [Column(t) for t in ("n", "Correct", "Value", "95 % low", "95 % high")]
    rows = []
    for label, record in named_records(study):
        for checkpoint in ordered(set(record.evaluations)):
            evaluation = record.evaluations[checkpoint]
            where = f"{evaluation.data}, {evaluation.split}"
            head = [Cell(label), Cell(record.name), Cell(checkpoint), Cell(where)]
            for key, a in evaluation.accuracies.items():
                tail = [_number(a.correct), _number(a.accuracy), *map(_number, a.interval)]
                label_ = Metric(key, accuracy=True).label
                rows.append((*head, Cell(label_), Cell(short(a.adversary)), _number(a.n), *tail))
            for key, m in evaluation.agreement.items():
                tail = [Cell(""), _number(m.mean), *map(_number, m.interval)]
                metric = Metric(key, accuracy=False)
                rows.append((*head, Cell(metric.label), Cell(metric.meaning), _number(m.n), *tail))
    caption = "Every number of the evaluation files; accuracies as shares of one."
    return Table(caption, tuple(columns), tuple(rows), "numbers")


def _number(value: float) -> Cell:
    return Cell(count(value) if isinstance(value, int) else f"{value:.4f}", value=value)


def named_records(study: Study) -> list[tuple[str, Record]]:
    """Every run with the name of its row: the teachers, then the groups seed by seed."""
    named = [(study.teacher_label(teacher), teacher) for teacher in study.teachers]
    for group in study.groups:
        several = len(group.records) > 1
        named += [(study.label(group) + (f", seed {r.seed}" if several else ""), r) for r in group.records]
    return named


def paired_table(study: Study) -> Table:
    """Base, extended and difference of every metric, seed by seed."""
    rows = []
    for pair in study.pairs:
        for checkpoint in pair.plus.checkpoints:
            for metric in metrics_of(study):
                found = compare(pair, checkpoint, metric)
                for seed, base, plus in zip(found.seeds, found.base, found.plus, strict=True) if found else ():
                    head = [Cell(study.label(pair.plus)), Cell(checkpoint), Cell(str(seed)), Cell(metric.title)]
                    numbers = [Cell(metric.show(one), value=metric.scale * one) for one in (base, plus)]
                    change = Cell(metric.difference(plus - base), value=metric.scale * (plus - base))
                    rows.append((*head, *numbers, change))
    names = ("Network", "Checkpoint", "Seed", "Measured")
    columns = [*(Column(n, numeric=False) for n in names), *map(Column, ("Base method", "With the term", "Difference"))]
    return Table("Differences to the base method, paired by seed.", tuple(columns), tuple(rows), "pairs")
