"""How a group is drawn, the same in every chart."""

from __future__ import annotations

from robustill.report.records import Group, Study
from robustill.report.svg import COLOURS

SERIES = tuple(colour for name, colour in COLOURS.items() if name.startswith("c"))


def group_colours(study: Study) -> dict[Group, str]:
    """A colour for each group; groups of one base method share theirs where there are more groups than colours."""
    bases = list(dict.fromkeys(group.terms[0] for group in study.groups))
    many = len(study.groups) > len(SERIES)
    keys = [bases.index(group.terms[0]) if many else index for index, group in enumerate(study.groups)]
    return {group: SERIES[key % len(SERIES)] for group, key in zip(study.groups, keys, strict=True)}


def is_base(study: Study, group: Group) -> bool:
    """Whether another group is this one with a term added: drawn dashed and hollow."""
    return any(pair.base is group for pair in study.pairs)
