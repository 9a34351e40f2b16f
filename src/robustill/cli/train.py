"""``robustill train``: one run from its first epoch to its last, or from where it was interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from robustill.cli.arguments import make_parser, parse
from robustill.cli.run_arguments import add_run_arguments, run_of
from robustill.results import RunDirectory
from robustill.team import gathered, here
from robustill.train import restarted, resume, train


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
    parser.add_argument(
        "--tensorboard", action="store_true", help="show epochs and pictures in TensorBoard: tensorboard --logdir runs"
    )
    add_run_arguments(parser)
    values = parse(parser, words)
    console = Console()
    if values.resume is not None:
        if len(words) != len([w for w in words if w.startswith("--resume")]) + ("--resume" in words):
            raise ValueError("--resume takes no other flag: a run continues with the settings in its run.yaml.")
        with gathered(), _watched(Path(values.resume), _was_shown(Path(values.resume))):
            target = resume(Path(values.resume), console=console)
    else:
        run = run_of(values)
        directory = Path(values.output or f"runs/{run.name}")
        with gathered(), _watched(directory, values.tensorboard):
            if restarted(directory):
                console.print(f"Started anew by torchrun: the run in {directory} goes on.", soft_wrap=True)
                target = resume(directory, console=console)
            else:
                target = train(run, directory, overwrite=values.overwrite, profiled=values.profile, console=console)
    print(f"\nThe run is in {target.path}. Measure it with: robustill evaluate {target.path}")


def _was_shown(directory: Path) -> bool:
    """Whether TensorBoard showed the run, and can again."""
    if not (directory / "tensorboard").is_dir():
        return False
    from robustill.tensorboard import is_installed

    return is_installed()


@contextmanager
def _watched(directory: Path, shown: bool) -> Iterator[None]:
    """The run in TensorBoard while the block trains it, where that is asked for; one of several processes shows it."""
    if not shown or not here().leads:
        yield
        return
    from robustill.tensorboard import require_tensorboard, watching

    require_tensorboard()
    with watching(RunDirectory(directory)):
        yield
