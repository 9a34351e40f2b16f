"""``robustill sweep``: many runs from one file, here or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live

from robustill.cli.arguments import make_parser, parse
from robustill.report import main_table, read_study
from robustill.sweep import Task, conduct_sweep, read_sweep
from robustill.sweep.conduct import Engine
from robustill.sweep.local import Local
from robustill.sweep.on_ray import OnRay
from robustill.sweep.plan import summary
from robustill.sweep.table import Progress


def main(arguments: Sequence[str]) -> int:
    """Does what is left of the sweep, and prints the table of all that is finished; 1 if a point failed."""
    parser = make_parser(
        "sweep",
        "Trains and measures every point of a grid or list of settings, each in a run directory of its own. Finished "
        "points are skipped, interrupted ones go on: call it again to continue. FILE holds recipe, settings, grid, "
        "runs and evaluate (see docs/sweep.md).",
        "FILE [--output DIRECTORY] [--jobs N | --ray auto|ADDRESS]",
    )
    parser.add_argument("file", type=str, metavar="FILE", help="the sweep, a YAML file")
    parser.add_argument("--output", type=str | None, help="directory of the runs; default: runs/NAME-OF-THE-FILE")
    parser.add_argument("--jobs", type=int, default=1, help="points at a time on this machine")
    parser.add_argument("--ray", type=str | None, help="auto, or the address of a Ray cluster (extra: cluster)")
    parser.add_argument("--cpus", type=int, default=1, help="cores a point takes on the cluster")
    parser.add_argument("--gpus", type=float, default=0.0, help="devices a point takes on the cluster, or a fraction")
    parser.add_argument("--retries", type=int, default=1, help="how often a point whose process died is tried again")
    parser.add_argument("--dry_run", action="store_true", help="list the points and what is left, and do nothing")
    values = parse(parser, arguments)
    file = Path(values.file)
    sweep, output = read_sweep(file), Path(values.output or f"runs/{file.stem}")
    if values.retries < 0:
        raise ValueError(f"--retries must be at least 0. Found: {values.retries}.")
    engine: Engine = OnRay(values.ray, values.cpus, values.gpus) if values.ray else Local(values.jobs)
    tasks, console = [Task(point, output) for point in sweep.points], Console()
    console.print(f"{summary(sweep.points)}, in {output}", markup=False, highlight=False, soft_wrap=True)
    if values.dry_run:
        for task in tasks:
            state = "finished" if task.finished else "left"
            console.print(f"{state:>8}  {task.point.name}", markup=False, highlight=False, soft_wrap=True)
        return 0
    progress, failed = Progress(tasks), 0
    with Live(progress, console=console, refresh_per_second=1, transient=True):
        for outcome in conduct_sweep(sweep, output, engine, retries=values.retries):
            progress.note(outcome)
            if outcome.error is not None:
                failed += 1
                text = f"failed: {outcome.task.name}: {outcome.error}"
                console.print(text, markup=False, highlight=False, soft_wrap=True)
    finished = [task.directory for task in tasks if task.finished]
    if finished:
        console.print(main_table(read_study(finished)).plain(), markup=False, highlight=False, soft_wrap=True)
        console.print(f"\nShow them with: robustill report {output}/*", markup=False, highlight=False, soft_wrap=True)
    return 1 if failed else 0
