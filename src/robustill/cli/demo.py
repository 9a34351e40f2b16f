"""``robustill demo``: the main job on embedded data, from one command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from robustill.cli.arguments import make_parser, parse
from robustill.demo import demo
from robustill.expression import parse as parse_expression
from robustill.limits import THREADS, require_between
from robustill.objectives import Objective

MOST_SEEDS = 1000


def main(arguments: Sequence[str]) -> None:
    """Runs the demo and names the report."""
    parser = make_parser(
        "demo",
        "Distils two small students from a robust teacher on embedded images, equal but for IGDM, measures all three "
        "and writes a report.",
        "[--seeds N] [--train_teacher] [--output DIRECTORY]",
    )
    parser.add_argument("--seeds", type=int, default=1, help="pairs of students; two or more give an interval")
    parser.add_argument("--term", type=str, default="IGDM(alpha=10)", help="what the second student of a pair adds")
    parser.add_argument("--train_teacher", action="store_true", help="train a teacher first, on the embedded images")
    parser.add_argument("--output", type=str, default="runs/demo", help="the directory of the runs and of report.html")
    parser.add_argument("--overwrite", action="store_true", help="replace the demo that is in that directory")
    parser.add_argument("--jobs", type=int | None, help="processes at a time; default: one for each CPU core")
    values = parse(parser, arguments)
    require_between("--seeds", values.seeds, 1, MOST_SEEDS)
    if values.jobs is not None:
        require_between("--jobs", values.jobs, 1, THREADS)
    report = demo(
        Path(values.output),
        parse_expression(values.term, Objective),
        seeds=values.seeds,
        train_teacher=values.train_teacher,
        jobs=values.jobs,
        overwrite=values.overwrite,
        console=Console(),
    )
    print(f"Open {report}")
