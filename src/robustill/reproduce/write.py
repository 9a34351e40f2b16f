"""The files of a target: JSON with everything; the same numbers as Markdown, CSV, LaTeX and SVG."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from robustill.environment import environment
from robustill.files import write_json, write_text
from robustill.report.svg import draw, standalone_svg
from robustill.report.table import Table
from robustill.reproduce.collect import TEACHER, Collected, Number
from robustill.reproduce.drawings import drawings, facts
from robustill.reproduce.scales import Scale
from robustill.reproduce.subjects import Subject
from robustill.reproduce.tables import differences, sentences, tables
from robustill.results import RunDirectory


def write(found: Collected, scale: Scale, runs: Path) -> list[Table]:
    """Writes RUNS/reproduce/TARGET.json, .md, .csv, .tex and its figures as .svg; gives the tables."""
    made, name = tables(found, scale), found.target.name
    folder = runs / "reproduce"
    write_json(folder / f"{name}.json", to_json(found, scale, runs))
    write_text(folder / f"{name}.md", markdown(found, scale, made))
    write_text(folder / f"{name}.csv", rows(found))
    write_text(folder / f"{name}.tex", "\n".join(table.latex() for table in made))
    for ending, axes in drawings(found, scale).items():
        write_text(folder / f"{name}{ending}.svg", standalone_svg(draw(axes), alt=found.target.title))
    return made


def to_json(found: Collected, scale: Scale, runs: Path) -> dict[str, Any]:
    """Everything that is known of a target, for whoever writes about it."""
    subjects = {place.subject.name: place.subject for place in found.places}
    return {
        "target": found.target.name,
        "title": found.target.title,
        "claim": found.target.claim,
        "scale": scale.name,
        "notes": [*scale.notes],
        "machine": environment()["machine"],
        "environment": {key: value for key, value in environment().items() if key != "command"},
        "numbers": [_row(number) for number in found.numbers.values()],
        "differences": [_row(number) for number in differences(found)],
        "sentences": sentences(found),
        "facts": facts(found),
        "missing": [*found.missing],
        "epochs": [
            {**_cell(cell), "seed": seed, "metrics": [*metrics]} for (cell, seed), metrics in found.epochs.items()
        ],
        "places": [
            {**_cell(place.cell), "seed": place.seed, "directory": place.subject.name} for place in found.places
        ],
        "runs": {name: _settings(subject, runs) for name, subject in subjects.items()},
    }


def _settings(subject: Subject, runs: Path) -> dict[str, Any]:
    """How a network was trained, as its directory has it; RUNS stands for where the runs are."""
    settings, here = RunDirectory(runs / subject.name).settings(), Path("RUNS")
    if not settings:
        return {}
    teacher = subject.teacher.text(here) if subject.teacher else None
    return settings | {"data": subject.images.text(here), "teacher": teacher}


def _cell(cell: Any) -> dict[str, Any]:
    return {f: getattr(cell, f) for f in ("dataset", "student", "teacher", "method", "igdm")}


def _row(number: Number) -> dict[str, Any]:
    seeds = {"only" if seed == TEACHER else str(seed): value for seed, value in number.values.items()}
    return {
        **_cell(number.cell),
        "measure": number.measure.name,
        "title": number.measure.title,
        "by_seed": seeds,
        "seeds": len(seeds),
        "mean": number.mean,
        "standard_deviation": number.spread,
        "interval_95": None if number.interval is None else [*number.interval],
        "images": number.n,
        "measured": number.text,
        "paper": number.paper,
    }


COLUMNS = (
    "kind", "dataset", "student", "teacher", "method", "igdm", "measure", "mean", "standard_deviation", "low_95",
    "high_95", "seeds", "images", "paper",
)  # fmt: skip


def rows(found: Collected) -> str:
    """CSV, one line a number: the values, then the differences that IGDM makes."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for kind, numbers in (("value", found.numbers.values()), ("difference", differences(found))):
        for number in numbers:
            row = _row(number)
            low, high = row["interval_95"] or (None, None)
            writer.writerow({"kind": kind, **row, "low_95": low, "high_95": high})
    return file.getvalue()


def markdown(found: Collected, scale: Scale, made: list[Table]) -> str:
    """The page of a target."""
    name = {"table": "Table", "fig": "Figure"}
    kind = found.target.name.rstrip("0123456789")
    parts = [
        f"# {name[kind]} {found.target.name.removeprefix(kind)}, scale {scale.name}",
        f"{found.target.title}.",
        f"The paper: {found.target.claim}",
        f"Machine: {environment()['machine']}.",
        "\n".join(f"- {note}" for note in scale.notes),
        *(table.markdown().strip() for table in made),
        "\n".join(f"- {sentence}" for sentence in (*sentences(found), *facts(found).get("sentences", ()))),
    ]
    if found.missing:
        parts.append("**Missing:**\n\n" + "\n".join(f"- {sentence}" for sentence in found.missing))
    return "\n\n".join(part for part in parts if part) + "\n"
