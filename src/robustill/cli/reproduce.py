"""``robustill reproduce``: the paper's tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from robustill.cli.arguments import make_parser, parse
from robustill.reproduce import list_left, reproduce, scale_named, show, targets_named
from robustill.sweep.local import Local


def main(arguments: Sequence[str]) -> int:
    """Does what is missing, writes the targets and prints their tables; 1 if something is missing in the end."""
    parser = make_parser(
        "reproduce",
        "Makes tables and figures of the IGDM paper: trains and measures what is missing, and sets the paper's numbers "
        "beside. Runs are shared between targets and kept: call it again to continue.",
        "TARGET... [--scale demo|mini|paper] [--dry_run]",
    )
    parser.add_argument(
        "targets", type=str, nargs="+", metavar="TARGET", help="table1 to table6, fig2, fig4, fig5, or all"
    )
    parser.add_argument("--scale", type=str, default="demo", help="demo: minutes; mini: hours; paper: GPUs")
    parser.add_argument("--data", type=str | None, help="the images of demo or mini, written as a recipe's data")
    parser.add_argument("--teacher", type=str | None, help="a teacher in the place of demo's or mini's own")
    parser.add_argument("--runs", type=str | None, help="directory of the runs; default: runs/reproduce-SCALE")
    parser.add_argument("--seeds", type=int | None, help="students of each kind; default: 1, at mini 3")
    parser.add_argument("--jobs", type=int, default=1, help="networks at a time")
    parser.add_argument("--retries", type=int, default=1, help="how often a process that died is tried again")
    parser.add_argument("--dry_run", action="store_true", help="list what is left and what it costs, and do nothing")
    parser.add_argument("--show", action="store_true", help="write the targets from what is there, and run nothing")
    values = parse(parser, arguments)
    if values.retries < 0:
        raise ValueError(f"--retries must be at least 0. Found: {values.retries}.")
    scale = scale_named(values.scale, data=values.data, teacher=values.teacher, seeds=values.seeds)
    names = [target.name for target in targets_named(values.targets)]
    runs = Path(values.runs or f"runs/reproduce-{values.scale}")
    console, engine = Console(), Local(values.jobs)
    if values.dry_run:
        list_left(names, scale, runs, jobs=values.jobs, console=console)
        return 0
    if values.show:
        found = show(names, scale, runs, console=console)
    else:
        found = reproduce(names, scale, runs, engine=engine, retries=values.retries, console=console)
    print(f"\nThe files are in {runs / 'reproduce'}.")
    return int(any(collected.missing for collected in found.values()))
