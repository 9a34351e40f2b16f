"""How the time of a step grows with the steps of the attack, with the batch and with the images of an epoch.

    python -m benchmarks.scaling

Each quantity is doubled twice while the others stay; a time that is proportional to the operations has as many
operations a second in every line. All lines take turns.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.machine import Clock
from benchmarks.step import Task, contestant, operations
from robustill.allocation import keep_freed_memory
from robustill.environment import environment
from robustill.files import write_json

RESULTS = Path(__file__).parent / "results" / "step" / "scaling.json"
METHOD = "RSLAD + IGDM"
BASE = Task(student="ResNet(depth=18, width=16)", teacher="WideResNet(depth=16, factor=2)", batch=16, steps=5)


def lines() -> list[tuple[str, Task, int]]:
    """What is doubled, the task, and how many steps of training are timed together."""
    factors = (1, 2, 4)
    attack = [("steps of the attack", replace(BASE, steps=BASE.steps * factor), 1) for factor in factors]
    batch = [("batch", replace(BASE, batch=BASE.batch * factor), 1) for factor in factors]
    return [*attack, *batch, *[("images", BASE, factor) for factor in factors]]


def seconds(tasks: Sequence[tuple[str, Task, int]], precision: str, repeats: int) -> list[list[float]]:
    """The times of every line, in turns; a first one does not count."""
    steps = [contestant(task, METHOD, precision) for _, task, _ in tasks]
    taken: list[list[float]] = [[] for _ in tasks]
    for seed in range(1 + repeats):
        for line, step in enumerate(steps):
            clock = Clock()
            with clock.running():
                for number in range(tasks[line][2]):
                    step(seed + number)
            taken[line].append(clock.seconds)
    return [times[1:] for times in taken]


def table(rows: Sequence[dict[str, Any]]) -> str:
    out = ["| doubled | attack steps | batch | images | seconds | billion operations a second |"]
    out.append("|---|---|---|---|---|---|")
    for row in rows:
        task, time = row["task"], median(row["seconds"])
        images, rate = row["images"], row["operations"] / time / 1e9
        out.append(f"| {row['doubled']} | {task['steps']} | {task['batch']} | {images} | {time:.3f} | {rate:.0f} |")
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    tasks = lines()
    rows = [
        {
            "doubled": doubled,
            "task": asdict(task),
            "images": count * task.batch,
            "operations": count * operations(task, METHOD),
            "seconds": taken,
        }
        for (doubled, task, count), taken in zip(tasks, seconds(tasks, given.precision, given.repeats), strict=True)
    ]
    write_json(RESULTS, {"method": METHOD, "precision": given.precision, "rows": rows, "environment": environment()})
    print(table(rows))


if __name__ == "__main__":
    main()
