"""What training took: student forwards against the robustness they bought, and where the time of a step goes."""

from __future__ import annotations

from robustill.report.facts import fact, forward_cost, step_cost
from robustill.report.figures import Point, bar_rows, scatter
from robustill.report.measures import headline, measure, metrics_of
from robustill.report.records import Record, Study
from robustill.report.sections.base import Chart, Fold, Panel, Section
from robustill.report.sections.networks import HEAD, keys, networks, number, shares
from robustill.report.table import Cell, Column, Table
from robustill.report.tables import named_records


def cost(study: Study) -> Section | None:
    """The cost of a step against robust accuracy; the cost of different students in multiply-accumulates."""
    metric = headline(metrics_of(study))
    students = [network for network in networks(study) if network.group in study.groups]
    shown = [n for n in students if metric and measure(n.group, n.checkpoint, metric) and _cost(n.group.records[0])]
    if metric is None or len(shown) < 2:  # one point says no more than the protocol
        return None
    sizes = {fact(n.group.records[0].protocol, "student") for n in shown}
    unit = "student forwards" if len(sizes) == 1 else "M multiply-accumulates"
    points, rows = [], []
    for network in shown:
        record, robust = network.group.records[0], measure(network.group, network.checkpoint, metric)
        assert robust  # only such networks are shown
        step, forward = _cost(record) or 0.0, forward_cost(record.protocol)
        x = step if len(sizes) == 1 else step * (forward or 0.0)
        low, high = robust.interval
        points.append(Point(network.label, x, 100 * robust.mean, None, (100 * low, 100 * high), network.look))
        seconds = [sum(row.get("seconds", 0.0) for row in r.metrics) for r in network.group.records if r.metrics]
        mean = sum(seconds) / len(seconds) if seconds else None
        cells = [number(step), number(forward), Cell(fact(record.protocol, "length") or "–"), number(mean)]
        rows.append((*network.cells(robust.images[0]), *cells, shares(robust.mean)))
    columns = (
        *HEAD,
        Column("Student forwards", "an image and step"),
        Column("M multiply-accumulates", "of a student forward of one image"),
        Column("Length", numeric=False),
        Column("Training seconds", "the mean over the seeds, on the machine of each run"),
        Column(metric.title, metric.meaning, scale=100),
    )
    spots = [f"{p.label} {p.x:,.1f} and {p.y:.1f} %" for p in points]
    alt = f"Cost in {unit} against {metric.label} accuracy: {'; '.join(spots)}."
    axes = scatter(points, f"{unit} an image and step", f"{metric.label} accuracy (%)")
    lead = (
        "A step’s cost in student forwards, attack and outer step together; a backward to the image counts one, a full "
        "one two, and the teacher’s by its size. Longer training is not in it: the table has the length of each."
    )
    table = Table("Cost and accuracy.", columns, tuple(rows), "cost")
    return Section(
        "cost",
        "Cost against robustness",
        lead,
        panels=(Panel((Chart(axes, "cost", alt),), "large", keys=keys(shown)),),
        folds=(Fold("Data of this chart", (table,)),),
    )


def _cost(record: Record) -> float | None:
    return step_cost(record.protocol)


def profile(study: Study) -> Section | None:
    """Where the time of a step went, for the runs of which it was measured."""
    charts: list[Chart] = []
    rows: list[tuple[Cell, ...]] = []
    for label, record in named_records(study):
        phases = {name: s for name, s in record.profile.get("phase_seconds", {}).items() if s}
        if not phases:
            continue
        total, steps = record.profile["step_seconds"], record.profile["steps"]
        watched = sum(phases.values())
        names = [f"{name}: {1000 * seconds:.1f} ms, {seconds / watched:.0%}" for name, seconds in phases.items()]
        axes = bar_rows(names, [1000 * seconds for seconds in phases.values()], "ms of a step")
        alt = f"{label}, a step of {1000 * total:.1f} ms: {'; '.join(names)}."
        charts.append(Chart(axes, f"profile-{len(charts)}", alt, f"{label}: {1000 * total:.0f} ms a step"))
        rows += [
            (Cell(label), Cell(name), number(1000 * s), number(s / watched, 3), Cell(str(steps), value=steps))
            for name, s in phases.items()
        ]
    if not charts:
        return None
    titles = ("Milliseconds", "Share", "Steps measured")
    columns = (Column("Run", numeric=False), Column("Phase", numeric=False), *map(Column, titles))
    return Section(
        "profile",
        "Where the time goes",
        "A training step, measured before the first epoch; “busy” machines make such times mean little.",
        panels=(Panel(tuple(charts)),),
        folds=(
            Fold("Data of these charts", (Table("Seconds of a step, by phase.", columns, tuple(rows), "profile"),)),
        ),
    )
