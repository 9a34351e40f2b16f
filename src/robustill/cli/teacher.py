"""``robustill teacher check``: whether a teacher is what it should be, before hours are spent on it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from robustill.attacks import Budget
from robustill.cli.arguments import make_parser, parse
from robustill.data import load
from robustill.expression import parse as parse_expression
from robustill.prepare import choose_device, use_threads
from robustill.progress import Bar
from robustill.results import Accuracy, Mean
from robustill.teachers import TeacherCheck, check_teacher
from robustill.teachers.probe import LINEAR

MIB = 1 << 20


def main(arguments: Sequence[str]) -> int:
    """Prints what was measured beside what was expected; gives the exit status, 1 if something is wrong."""
    words = list(arguments)
    if words and words[0] not in ("check", "-h", "--help"):
        raise ValueError(
            f"The action must be check, as in robustill teacher check demo --data demo. Found: {words[0]!r}."
        )
    parser = make_parser(
        "teacher",
        "Measures a teacher on a sample of the test images and compares it with what is known of it: a preset, or the "
        "evaluation beside its weights. Exit status 1 says that something is wrong: another accuracy, another "
        "normalisation or order of the classes than it was trained with, or no better than chance.",
        "check TEACHER --data DATA [--FLAG VALUE ...]",
    )
    parser.add_argument("teacher", type=str, metavar="TEACHER", help="where it comes from; see robustill list teachers")
    parser.add_argument("--data", type=str, required=True, help="the images that it should classify")
    parser.add_argument("--image_size", type=int | None, help="side in pixels to which images are resized")
    parser.add_argument("--channels", type=int | None, help="1 (grey) or 3 (colour), to convert the images")
    parser.add_argument("--samples", type=int, default=1000, help="a stratified sample of so many test images")
    parser.add_argument("--full", action="store_true", help="all test images instead of a sample")
    parser.add_argument("--budget", type=str, default="Linf(8/255)", help="the ball that PGD-20 searches")
    parser.add_argument("--batch_size", type=int, default=128, help="images at a time")
    parser.add_argument("--seed", type=int, default=0, help="of the sample and of the attack's noise")
    parser.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int | None, help="CPU threads; default: PyTorch's choice")
    values = parse(parser, words[1:] if words[:1] == ["check"] else words)
    use_threads(values.threads)
    device, console = choose_device(values.device), Console()
    dataset = load(values.data, image_size=values.image_size, channels=values.channels)
    with Bar(1.0, console) as bar:
        bar.stage(f"checking {values.teacher}")
        check = check_teacher(
            values.teacher,
            dataset,
            samples=None if values.full else values.samples,
            budget=parse_expression(values.budget, Budget),
            batch_size=values.batch_size,
            seed=values.seed,
            device=device,
            advance=bar.advance,
        )
    show(check, console)
    return 1 if check.wrong else 0


def show(check: TeacherCheck, console: Console) -> None:
    """The table, and below it a sentence for everything that should be known."""
    console.print(table(check))
    for label, sentences in (("WRONG", check.wrong), ("note", check.notes)):
        for sentence in sentences:
            console.print(f"{label}: {sentence}", markup=False, highlight=False, soft_wrap=True)
    if not check.wrong:
        console.print("As expected." if check.expected else "Nothing wrong was found.", highlight=False)


def table(check: TeacherCheck) -> Table:
    """Measured and expected, with 95 % intervals."""
    expected, used, config = check.expected, check.footprint, check.config
    rows = Table("", "measured", "expected", box=None)
    rows.add_row("clean", _accuracy(check.clean), _share(expected.clean if expected else None))
    rows.add_row("PGD-20", _accuracy(check.robust), _share(expected.robust if expected else None))
    if expected is not None and expected.autoattack is not None:
        rows.add_row("AutoAttack", "", _share(expected.autoattack))
    rows.add_row("remainder, noise", _mean(check.uniform), f"at most {LINEAR}")
    rows.add_row("remainder, attack", _mean(check.along), f"at most {LINEAR}")
    rows.add_row("images", f"{check.clean.n:,} of {check.data}", expected.source if expected else "")
    rows.add_row("network", f"{config.architecture}, {check.parameters:,} parameters")
    rows.add_row("pixels", f"mean {config.mean}, std {config.std}" if config.mean else "taken as they are, in [0, 1]")
    rows.add_row("time", f"{used.forward:.3g} s a forward, {used.step:.3g} s a step of an attack, batch {used.batch}")
    rows.add_row("memory", f"{used.weights / MIB:.1f} MiB of weights, {used.kept / MIB:.1f} MiB kept for a backward")
    return rows


def _accuracy(accuracy: Accuracy) -> str:
    low, high = accuracy.interval
    return f"{100 * accuracy.accuracy:.2f} % ({100 * low:.1f} to {100 * high:.1f})"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"


def _mean(mean: Mean) -> str:
    low, high = mean.interval
    return f"{mean.mean:.4f} ({low:.4f} to {high:.4f})"
