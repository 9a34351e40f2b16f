"""Is a student trained in bfloat16 as good as one trained in float32? The demo's student, three of each.

    python benchmarks/precision.py --runs runs/precision

Called again it continues where it stopped. Both students of a seed begin with the same weights and see the same
batches; evaluation is in float32. The numbers go to ``benchmarks/results/precision.json``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

from robustill.environment import environment
from robustill.files import write_json
from robustill.measure import measure_run
from robustill.objectives import IGDM
from robustill.recipes import recipe_file
from robustill.results import RunDirectory
from robustill.run import Run
from robustill.train import complete, read_run

RESULTS = Path(__file__).parent / "results" / "precision.json"
PRECISIONS: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
MEASURES = ("clean", "pgd20")


def runs(seeds: int, epochs: int) -> list[Run]:
    """The demo's student with IGDM, in both precisions, seed by seed."""
    base = read_run(recipe_file("demo"))
    base = replace(base, method=base.method + IGDM(alpha=10), epochs=epochs, threads=1)
    return [replace(base, seed=seed, precision=precision) for seed in range(seeds) for precision in PRECISIONS]


def row(directory: Path, run: Run) -> dict[str, Any]:
    """Trains and measures a run, or what is left of it."""
    target = complete(run, directory)
    evaluations = target.evaluations() or measure_run(target)
    found = evaluations["last"].accuracies
    seconds = sum(epoch["seconds"] for epoch in RunDirectory(directory).metrics())
    accuracies = {name: found[name].accuracy for name in MEASURES}
    return {"precision": run.precision, "seed": run.seed, "n": found["clean"].n, **accuracies, "seconds": seconds}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Mean and deviation over the seeds, in percent, and the differences seed by seed."""
    lines = ["| measure | float32 | bfloat16 | bfloat16 - float32, by seed |", "|---|---|---|---|"]
    for name in MEASURES:
        values = {p: [100 * row[name] for row in rows if row["precision"] == p] for p in PRECISIONS}
        cells = [f"{mean(found):.2f} ± {stdev(found):.2f}" for found in values.values()]
        differences = [f"{b - a:+.2f}" for a, b in zip(*values.values(), strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} | {', '.join(differences)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="directory of the runs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    given = parser.parse_args()
    rows = []
    for run in runs(given.seeds, given.epochs):
        rows.append(row(given.runs / f"{run.precision}-seed{run.seed}", run))
        print(rows[-1], flush=True)
    write_json(RESULTS, {"settings": runs(1, given.epochs)[0].texts(), "rows": rows, "environment": environment()})
    print(table(rows))


if __name__ == "__main__":
    main()
