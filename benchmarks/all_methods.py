"""Every method, alone and with IGDM, on all of Fashion-MNIST, with one common teacher.

    python scripts/embed_fashion_mnist.py --full fashion_mnist_full.npz
    python benchmarks/all_methods.py --data npz:fashion_mnist_full.npz --runs runs/all_methods --jobs 2

Called again it continues where it stopped: a finished run is kept, a begun one is resumed. At the end the numbers of
all runs are written to ``benchmarks/results/all_methods.json`` and, as a table, to ``docs/all_methods.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from typing import Any

from robustill.attacks import PGD, Linf
from robustill.component import find
from robustill.data.augmentation import CropFlip
from robustill.environment import environment
from robustill.expression import parse
from robustill.files import write_json
from robustill.measure import measure_run
from robustill.methods.iad2 import IAD2
from robustill.methods.natural import Natural
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.models import SmallCNN
from robustill.objectives import IGDM, Method, StudentCE
from robustill.results import RunDirectory
from robustill.run import Run
from robustill.train import complete

METHODS = [parse(f"{name}()", Method) for name in find("robustill.methods", Method)]
ALPHA = 10.0
"""IGDM's weight, times the scale of RSLAD's loss, 0.1: in the paper's grid too RSLAD's weight is a tenth."""
ATTACK = PGD(budget=Linf(8 / 255), steps=5, step_size=3 / 255)
RESULTS = Path(__file__).parent / "results" / "all_methods.json"
PAGE = Path(__file__).parents[1] / "docs" / "all_methods.md"
MARKER = "<!-- made by benchmarks/all_methods.py -->"


def teacher(data: str) -> Run:
    """The common teacher, of 94 thousand parameters, four times its students."""
    return _run(data, PGDAT(), epochs=10, student=SmallCNN(width=32))


def natural_teacher(data: str) -> Run:
    """IAD-II's second teacher."""
    return _run(data, Natural(), epochs=3, student=SmallCNN(width=32))


def students(data: str, runs: Path, seeds: int) -> Iterator[tuple[str, Run]]:
    """Every cell by name, one seed after the other."""
    for seed in range(seeds):
        for method in METHODS:
            second = f"run:{runs / 'natural_teacher'}" if isinstance(method, IAD2) else None
            base = replace(
                _run(data, method, epochs=5, student=SmallCNN()),
                teacher=f"run:{runs / 'teacher'}",
                natural_teacher=second,
                seed=seed,
            )
            for run in (base, replace(base, method=attacked(method) + term(method))):
                yield run.name, run


def attacked(method: Method) -> Method:
    """The method with an attack, which IGDM needs: PGD-AT's, where the method itself has none."""
    return replace(method, inner=StudentCE()) if method.inner is None else method


def term(method: Method) -> IGDM:
    return IGDM(alpha=ALPHA * method.scale if isinstance(method, RSLAD) else ALPHA)


def _run(data: str, method: Method, *, epochs: int, student: SmallCNN) -> Run:
    return Run(
        data=data,
        student=student,
        method=method,
        attack=ATTACK,
        epochs=epochs,
        augmentation=CropFlip(padding=2),
        precision="bfloat16",
        threads=1,
    )


def finish(directory: Path, run: Run) -> str:
    """Trains and measures a run, or what is left of it."""
    target = RunDirectory(directory)
    if target.evaluations():
        return f"{directory.name}: was there"
    done = measure_run(complete(run, directory))["last"]
    shares = ", ".join(f"{share.accuracy:.2%} {name}" for name, share in done.accuracies.items())
    return f"{directory.name}: {shares}, n {done.accuracies['clean'].n}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="npz:FILE with all images of Fashion-MNIST")
    parser.add_argument("--runs", type=Path, required=True, help="directory of the runs")
    parser.add_argument("--seeds", type=int, default=2, help="students of each cell")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side, of one thread each")
    given = parser.parse_args()
    for name, run in (("teacher", teacher(given.data)), ("natural_teacher", natural_teacher(given.data))):
        print(finish(given.runs / name, run), flush=True)
    cells = list(students(given.data, given.runs, given.seeds))
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(finish, given.runs / name, run) for name, run in cells]
        for future in as_completed(futures):
            print(future.result(), flush=True)
    rows = [row(given.runs / name) for name in ("teacher", "natural_teacher", *(name for name, _ in cells))]
    write_json(RESULTS, {"runs": rows, "environment": environment()})
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text[: text.index(MARKER) + len(MARKER)] + "\n" + table(rows), encoding="utf-8")


def row(directory: Path) -> dict[str, Any]:
    """What a finished run was and what its last epoch measures."""
    target = RunDirectory(directory)
    last = target.evaluations()["last"]
    return {
        "name": directory.name,
        "method": target.settings()["method"],
        "seed": target.settings()["seed"],
        "n": last.accuracies["clean"].n,
        **{name: accuracy.accuracy for name, accuracy in last.accuracies.items()},
        **{name: mean.mean for name, mean in last.agreement.items()},
        "seconds": sum(epoch["seconds"] for epoch in target.metrics()),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """One line a method: each measure alone and with IGDM, the mean of the seeds, and the difference seed by seed."""
    lines = [
        "| method | clean | + IGDM | PGD-20 | + IGDM | difference by seed | GD | + IGDM | GC | + IGDM |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for method in METHODS:
        name = type(method).__name__
        alone = [r for r in rows if r["name"].startswith(f"{name.lower()}-smallcnn")]
        joined = [r for r in rows if r["name"].startswith(f"{name.lower()}-igdm-")]
        cells = [f"`{name}`"]
        for key, scale, digits in (("clean", 100, 1), ("pgd20", 100, 1), ("gd", 1, 3), ("gc", 1, 3)):
            cells += [f"{scale * mean(r[key] for r in group):.{digits}f}" for group in (alone, joined)]
            if key == "pgd20":
                cells.append(", ".join(f"{100 * (b[key] - a[key]):+.1f}" for a, b in zip(alone, joined, strict=True)))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
