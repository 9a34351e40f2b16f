"""Studies for the tests of the report: a pair of which everything was measured, and twenty runs of three seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.report.fabricate import run_directory, teacher_directory

SHARES = {
    "teacher": {"clean": 0.9, "pgd20": 0.84, "autoattack": 0.825},
    "PGDAT()": {"clean": 0.885, "pgd20": 0.775, "autoattack": 0.755},
    "PGDAT() + IGDM(alpha=10)": {"clean": 0.8825, "pgd20": 0.79, "autoattack": 0.775},
}


def full_pair(folder: Path, **choices: Any) -> list[Path]:
    """A teacher, a base method and the same with IGDM, each with everything that can be measured."""
    base, plus = list(SHARES)[1:]
    return [
        teacher_directory(folder / "teacher", SHARES["teacher"], full=True),
        *(
            run_directory(folder / name, method=method, accuracies={"best": SHARES[method]}, full=True, **choices)
            for name, method in (("base", base), ("igdm", plus))
        ),
    ]


def twenty_runs(folder: Path) -> list[Path]:
    """Seven methods of three seeds, one run of which is missing; the first has no added term."""
    paths = []
    for index, method in enumerate(("PGDAT", "TRADES", "RSLAD", "AdaAD")):
        for term in ("", " + IGDM(alpha=10)") if index else ("",):
            for seed in range(3 - (index == 3 and bool(term))):
                name = f"{method}{'-igdm' if term else ''}-{seed}"
                shares = {"clean": 0.8 + 0.01 * index, "pgd20": 0.7 + 0.01 * seed + (0.02 if term else 0)}
                accuracies = {"best": shares, "last": shares}
                paths.append(
                    run_directory(
                        folder / name,
                        method=f"{method}(){term}",
                        seed=seed,
                        accuracies=accuracies,
                        pictures=0,
                        epochs=4,
                    )
                )
    return paths
