"""Whether networks whose input gradients are closer to the teacher's are more robust (Figure 4 of the IGDM paper)."""

from __future__ import annotations

from robustill.report.figures import CROWD, Point, scatter
from robustill.report.labels import count
from robustill.report.measures import STRONGEST, Metric, headline, measure, metrics_of
from robustill.report.records import Study
from robustill.report.sections.base import Chart, Fold, Panel, Section
from robustill.report.sections.networks import HEAD, Network, keys, networks, number, shares
from robustill.report.statistics import fit
from robustill.report.table import Cell, Column, Table


def agreement(study: Study) -> Section | None:
    """GD and GC against AutoAttack, or against the attack that was run instead."""
    metrics = metrics_of(study)
    quick = Metric("autoattack-quick", accuracy=True)
    robust = headline(metrics)
    if robust is not None and robust.key not in STRONGEST and quick in metrics:
        robust = quick
    means = [metric for metric in metrics if not metric.accuracy]
    shown = [n for n in networks(study) if all(measure(n.group, n.checkpoint, m) for m in (*means, robust) if m)]
    if robust is None or robust.key == "clean" or not means or len(shown) < 2:
        return None
    lead = "Each point is a student" + ("." if len(shown) > CROWD else "; thin lines are 95 % intervals.")
    if robust.key not in STRONGEST:
        lead += f" The standard AutoAttack was not run on these networks, so {robust.label} stands in for it."
    charts, told = [], []
    for metric in means:
        points = [_point(network, metric, robust) for network in shown]
        line = fit([p.x for p in points], [p.y for p in points])
        axes = scatter(points, metric.label, f"{robust.label} accuracy (%)", fit=line, small=True)
        spots = [f"{p.label} at {p.x:.3f} and {p.y:.1f} %" for p in points]
        alt = f"{metric.label} against {robust.label} accuracy: {'; '.join(spots)}."
        if line:
            told.append(f"{metric.label} r = {line.r:.2f}".replace("-", "−"))
        charts.append(Chart(axes, f"agreement-{metric.key}", alt, metric.title))
    if told:
        lead += (
            f" Dotted: the least-squares line; correlation {', '.join(told)} over n = {count(len(shown), 'network')}."
        )
    else:
        lead += f" With n = {len(shown)} networks no correlation is computed."
    columns = (*HEAD, *(Column(m.title, m.meaning) for m in means), Column(robust.title, robust.meaning, scale=100))
    table = Table("Points of these charts.", columns, tuple(_row(n, means, robust) for n in shown), "agreement")
    return Section(
        "agreement",
        "Gradients and robustness",
        lead,
        panels=(Panel(tuple(charts), "medium", keys=keys(shown)),),
        folds=(Fold("Data of these charts", (table,)),),
    )


def _point(network: Network, metric: Metric, robust: Metric) -> Point:
    x, y = (measure(network.group, network.checkpoint, one) for one in (metric, robust))
    assert x and y  # only such networks are shown
    low, high = y.interval
    return Point(network.label, x.mean, 100 * y.mean, x.interval, (100 * low, 100 * high), network.look)


def _row(network: Network, means: list[Metric], robust: Metric) -> tuple[Cell, ...]:
    found = [measure(network.group, network.checkpoint, metric) for metric in (*means, robust)]
    *values, share = [one.mean for one in found if one]
    images = found[-1].images[0] if found[-1] else 0
    return (*network.cells(images), *map(number, values), shares(share))
