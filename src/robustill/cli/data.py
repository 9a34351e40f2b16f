"""``robustill data check``: what a set of images is made of, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from robustill.cli.arguments import make_parser, parse
from robustill.data import DataCheck, PartCheck, check, load
from robustill.files import require_writable, write_json
from robustill.progress import Bar
from robustill.wording import printable

SHOWN = 10
"""Broken files and duplicates that are named on the screen; the JSON names all."""


def main(arguments: Sequence[str]) -> int:
    """Prints what was found; gives the exit status, 1 if something is wrong."""
    words = list(arguments)
    if words and words[0] not in ("check", "-h", "--help"):
        raise ValueError(f"The action must be check, as in robustill data check demo. Found: {words[0]!r}.")
    parser = make_parser(
        "data",
        "Looks at every image of a set, each in its own size: counts, classes, sizes, channels, range, broken files "
        "and copies. Exit status 1 says that something is wrong: images that cannot be read, images that "
        "are in training and test, or classes without a test image.",
        "check DATA [--json FILE]",
    )
    parser.add_argument("data", type=str, metavar="DATA", help="where the images come from; see robustill list data")
    parser.add_argument("--json", type=str | None, help="write all that was found there, every file by its name")
    values = parse(parser, words[1:] if words[:1] == ["check"] else words)
    if values.json is not None:
        require_writable(Path(values.json))
    dataset, console = load(values.data, stream=True), Console()
    with Bar(len(dataset.train) + len(dataset.test), console) as bar:
        bar.stage(f"checking {values.data}")
        found = check(dataset, advance=bar.advance)
    if values.json is not None:
        write_json(Path(values.json), found.as_json())
    show(found, console)
    return 1 if found.wrong else 0


def show(found: DataCheck, console: Console) -> None:
    """The table, below it a sentence for everything that should be known, and the files that are meant."""
    console.print(table(found))
    for label, sentences in (("WRONG", found.wrong), ("note", found.notes)):
        for sentence in sentences:
            console.print(f"{label}: {sentence}", markup=False, highlight=False, soft_wrap=True)
    if not found.wrong:
        console.print("Nothing wrong was found.", highlight=False)
    for title, lines in (
        ("Images that cannot be read", [*found.train.broken, *found.test.broken]),
        ("In training and test", [" = ".join(group) for group in found.across]),
        ("Under two labels", [" = ".join(group) for group in (*found.train.conflicts, *found.test.conflicts)]),
    ):
        if lines:
            more = f"\n  and {len(lines) - SHOWN:,} more: --json names all" if len(lines) > SHOWN else ""
            text = "".join(f"\n  {printable(line)}" for line in lines[:SHOWN])
            console.print(f"\n{title}:{text}{more}", markup=False, highlight=False, soft_wrap=True)


def table(found: DataCheck) -> Table:
    """What the two splits are made of, side by side."""
    rows = Table(found.data, "training", "test", box=None)
    train, test = _column(found.train), _column(found.test)
    for label, value in train.items():
        rows.add_row(label, value, test[label])
    return rows


def _column(part: PartCheck) -> dict[str, str]:
    counts = part.classes.values()
    copies = sum(len(group) - 1 for group in part.duplicates)
    return {
        "images": f"{part.images:,}",
        "classes": f"{sum(count > 0 for count in counts)} of {len(counts)}",
        "images a class": f"{min(counts):,} to {max(counts):,}" if len(set(counts)) > 1 else f"{max(counts):,}",
        "sizes": _listed([*part.sizes.items()]),
        "channels": _listed([({1: "grey", 3: "colour"}[kind], count) for kind, count in part.channels.items()]),
        "pixels": f"{part.low} to {part.high}",
        "broken": f"{len(part.broken):,}",
        "copies": f"{copies:,}",
    }


def _listed(counted: Sequence[tuple[str, int]], shown: int = 3) -> str:
    """The most frequent, with their counts where there are several."""
    if len(counted) == 1:
        return counted[0][0]
    more = f" and {len(counted) - shown} more" if len(counted) > shown else ""
    return ", ".join(f"{name} ({count:,})" for name, count in counted[:shown]) + more
