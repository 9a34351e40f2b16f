"""How a group is drawn, the same in every chart."""

from __future__ import annotations

from robustill.report.figures.style import MARKERS, Look
from robustill.report.records import Group, Study
from robustill.report.svg import COLOURS

SERIES = tuple(COLOURS[name] for name in ("c2", "c1", "c3", "c4", "c5", "c6", "c7"))
"""Blue and vermillion first: most reports have two groups."""


def looks(study: Study) -> dict[Group, Look]:
    """A colour for each group; with more groups than colours one for each base method, then other marks.

    Where another group is this one with a term added, it is a base method: dashed and hollow.
    """
    bases = list(dict.fromkeys(group.terms[0] for group in study.groups))
    many = len(study.groups) > len(SERIES)
    hollow = {pair.base for pair in study.pairs}
    found: dict[Group, Look] = {}
    for index, group in enumerate(study.groups):
        key = bases.index(group.terms[0]) if many else index
        filled = group not in hollow
        siblings = [g for g in found if g.terms[0] == group.terms[0] and found[g].filled == filled] if many else []
        marker = MARKERS[(key // len(SERIES) + len(siblings)) % len(MARKERS)]
        found[group] = Look(SERIES[key % len(SERIES)], filled, marker)
    return found
