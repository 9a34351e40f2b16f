"""``robustill train``: one run from its first epoch to its last, or from where it was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from robustill.cli.arguments import make_parser, parse
from robustill.cli.run_arguments import add_run_arguments, run_of
from robustill.train import resume, train


def main(arguments: Sequence[str]) -> None:
    """Trains, and says what to do next."""
    words = list(arguments)
    if words and not words[0].startswith("-"):
        words = ["--config", *words]
    parser = make_parser(
        "train",
        "Trains a network adversarially, with or without a teacher, and keeps its last and its best epoch. RECIPE is "
        "a name of `robustill list recipes` or a YAML file; flags override it.",
        "[RECIPE] [--SETTING VALUE ...]",
    )
    parser.add_argument("--output", type=str | None, help="directory of the run; default: runs/METHOD-STUDENT-seedN")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that is in that directory")
    parser.add_argument("--resume", type=str | None, help="continue the run in this directory; takes no other flag")
    parser.add_argument("--profile", action="store_true", help="print and keep where the time of a training step goes")
    add_run_arguments(parser)
    values = parse(parser, words)
    console = Console()
    if values.resume is not None:
        if len(words) != len([w for w in words if w.startswith("--resume")]) + ("--resume" in words):
            raise ValueError("--resume takes no other flag: a run continues with the settings in its run.yaml.")
        target = resume(Path(values.resume), console=console)
    else:
        run = run_of(values)
        directory = Path(values.output or f"runs/{run.name}")
        target = train(run, directory, overwrite=values.overwrite, profiled=values.profile, console=console)
    print(f"\nThe run is in {target.path}. Measure it with: robustill evaluate {target.path}")
