"""The figures of the paper from the numbers of a target, and what can be said of them in numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.axes import Axes

from robustill.recipes.paper import Cell
from robustill.report.figures import (
    Curve,
    Look,
    Point,
    Series,
    bar_rows,
    dot_rows,
    radius_curve,
    scatter,
    styled,
    training_curve,
)
from robustill.report.statistics import fit
from robustill.report.svg import COLOURS
from robustill.reproduce.collect import Collected, Number
from robustill.reproduce.scales import Scale
from robustill.reproduce.tables import differences

SERIES = [value for name, value in COLOURS.items() if name.startswith("c")]


def drawings(found: Collected, scale: Scale) -> dict[str, Axes]:
    """The figures of a target by the ending of their name; none where there is nothing to draw."""
    draw = DRAWN.get(found.target.name, changes)
    return {name: labelled(axes) for name, axes in draw(found, scale).items()}


@styled
def labelled(axes: Axes) -> Axes:
    """The axes with a legend beside them, where anything on them has a name."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return axes


def changes(found: Collected, scale: Scale) -> dict[str, Axes]:
    """What IGDM changes in the first measure but the clean accuracy, a row for each pair: the seeds, and their mean."""
    pairs = [pair for pair in differences(found) if pair.values and pair.measure.name != "Clean"]
    pairs = [pair for pair in pairs if pair.measure is pairs[0].measure]
    if not pairs:
        return {}
    several = len({(pair.cell.dataset, pair.cell.teacher) for pair in pairs}) > 1
    rows = [
        ", ".join([*([scale.block_words(p.cell.dataset, p.cell.teacher)] if several else []), p.cell.method])
        for p in pairs
    ]
    seeds = sorted({seed for pair in pairs for seed in pair.values})
    series = [Series("mean over the seeds", [pair.mean for pair in pairs], Look(COLOURS["c1"]))]
    if len(seeds) > 1:
        look = Look(COLOURS["c2"], filled=False)
        names = ["one seed", *("_" for _ in seeds[1:])]  # one entry of the legend stands for all
        each = zip(names, seeds, strict=True)
        series = [Series(name, [pair.values.get(seed) for pair in pairs], look) for name, seed in each] + series
    axes = dot_rows(rows, series, f"{pairs[0].measure.title}: with IGDM − without", wide=True)
    axes.axvline(0, color=COLOURS["muted"], linewidth=1, linestyle=":", zorder=1)
    return {"": axes}


def linearity(found: Collected, scale: Scale) -> dict[str, Axes]:
    """Figure 2: the remainder of the teachers, and of three trainings along their epochs."""
    made = {}
    teachers = [n for n in found.numbers.values() if not n.cell.method and n.mean is not None]
    if teachers:
        names = [scale.block_words(n.cell.dataset, n.cell.teacher) for n in teachers]
        made["-teachers"] = bar_rows(names, [n.mean or 0.0 for n in teachers], "remainder under uniform noise of 8/255")
    methods = list(dict.fromkeys(cell for cell, _ in found.epochs))
    curves = [
        Curve(
            cell.method,
            [row["epoch"] for row in rows if "remainder" in row],
            [row["remainder"] for row in rows if "remainder" in row],
            look=Look(SERIES[methods.index(cell)]),
        )
        for (cell, _), rows in found.epochs.items()
        if rows
    ]
    return made | ({"-training": training_curve(curves, "remainder")} if curves else {})


def correlation(found: Collected, scale: Scale) -> dict[str, Axes]:
    """Figure 4: AutoAttack accuracy over GC and over GD; a method alone is hollow, an arrow leads to it with IGDM."""
    made = {}
    methods = list(dict.fromkeys(cell.method for cell in found.cells))
    for measure in ("GC", "GD"):
        points: dict[Cell, Point] = {}
        for ours, other in beside(found, measure):
            cell = ours.cell
            if ours.mean is not None and other.mean is not None:
                look = Look(SERIES[methods.index(cell.method)], filled=cell.igdm)
                points[cell] = Point(cell.row if cell.igdm else "_", other.mean, ours.mean, look=look)
        if points:
            places = {cell: place for place, cell in enumerate(points)}
            arrows = [(places[cell.base], place) for cell, place in places.items() if cell.igdm and cell.base in places]
            line = fit([p.x for p in points.values()], [p.y for p in points.values()])
            axes = scatter([*points.values()], measure, "AutoAttack accuracy (%)", arrows=arrows, fit=line)
            made[f"-{measure.lower()}"] = axes
    return made


def beside(found: Collected, measure: str) -> list[tuple[Number, Number]]:
    """Every AutoAttack accuracy with another number of the same networks."""
    return [
        (number, found.numbers[cell, measure])
        for (cell, name), number in found.numbers.items()
        if name == "AA" and (cell, measure) in found.numbers
    ]


def radii(found: Collected, scale: Scale) -> dict[str, Axes]:
    """Figure 5: accuracy under PGD-20 and AutoAttack over the radius."""
    made = {}
    for attack in ("PGD", "AA"):
        curves = []
        for place, cell in enumerate(found.cells):
            points = {
                float(n.measure.name.removeprefix(f"{attack}@").removesuffix("/255")): n.mean
                for n in found.of(cell)
                if n.measure.name.startswith(f"{attack}@") and n.mean is not None
            }
            if points:
                look = Look(SERIES[place], filled=cell.igdm)
                curves.append(Curve(cell.row, [*points], [*points.values()], look=look))
        if curves:
            made[f"-{attack.lower()}"] = radius_curve(curves, {"AA": "AutoAttack"}.get(attack, "PGD-20"), "255ths")
    return made


DRAWN: Mapping[str, Callable[[Collected, Scale], dict[str, Axes]]] = {
    "table1": lambda found, scale: {},
    "fig2": linearity,
    "fig4": correlation,
    "fig5": radii,
}
"""What draws something else than what IGDM changes."""


def facts(found: Collected) -> dict[str, Any]:
    """What a figure says in numbers: of Figure 4 the line through the points, its correlation and their number.

    The points are the means over the seeds, as in the paper, and its own line goes through its points of Table 2.
    """
    if found.target.name != "fig4":
        return {}
    made: dict[str, Any] = {"sentences": []}
    for measure in ("GC", "GD"):
        pairs = beside(found, measure)
        ours = [(b.mean, a.mean) for a, b in pairs if a.mean is not None and b.mean is not None]
        paper = [(b.paper, a.paper) for a, b in pairs if a.paper is not None and b.paper is not None]
        lines = {name: fit([x for x, _ in p], [y for _, y in p]) for name, p in (("ours", ours), ("paper", paper))}
        made[measure] = {name: None if line is None else vars(line) for name, line in lines.items()}
        for name, line in lines.items():
            if line is not None:
                made["sentences"].append(
                    f"AutoAttack over {measure}, {name}: slope {line.slope:.3g}, r = {line.r:.2f}, n = {line.n}."
                )
    return made
