"""``robustill audit``: does the robust accuracy of a run, a checkpoint or a teacher deserve belief?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from robustill.attacks import Budget
from robustill.audit import FULL, QUICK, AuditResult, Check, Effort, Record, audit
from robustill.cli.arguments import make_parser, parse
from robustill.data import Dataset, load
from robustill.expression import parse as parse_expression
from robustill.files import require_writable
from robustill.measure import SINGLE, checkpoints, instead, load_checkpoint, load_other
from robustill.models import Classifier
from robustill.prepare import choose_device, use_threads
from robustill.results import RunDirectory

STYLES = {"pass": "green", "warn": "yellow", "fail": "bold red", "skipped": "dim"}


def main(arguments: Sequence[str]) -> int:
    """Audits, prints the findings, writes audit.json, and gives 1 where a check failed."""
    parser = make_parser(
        "audit",
        "Asks whether a network's robust accuracy deserves belief: some thirty checks of the network, its gradients, "
        "the attacks against each other and the report. Ends with status 1 where one fails.",
        "RUN|CHECKPOINT [--FIELD VALUE ...]",
    )
    parser.add_argument(
        "target",
        type=str,
        metavar="RUN|CHECKPOINT",
        help="a run's directory (its best epoch), a folder with model.safetensors and config.json, or the text of a "
        "teacher, such as py:pkg.mod:function",
    )
    parser.add_argument("--data", type=str | None, help="where the images come from; default: the run's data")
    parser.add_argument("--image_size", type=int | None, help="side of the images in pixels; default: as the run's")
    parser.add_argument("--channels", type=int | None, help="1 (grey) or 3 (colour); default: as the run's")
    parser.add_argument("--teacher", type=str | None, help="what it was distilled from; default: the run's teacher")
    parser.add_argument("--budget", type=str, default="Linf(8/255)", help="the ball that attacks search")
    parser.add_argument("--samples", type=int | None, help="a stratified sample of so many test images; default: 256")
    parser.add_argument("--full", action="store_true", help="1,000 images, and the standard AutoAttack on all of them")
    parser.add_argument("--seed", type=int, default=0, help="of the sample and of every draw")
    parser.add_argument("--output", type=str | None, help="the file to write; default: audit.json in the directory")
    parser.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int | None, help="CPU threads; default: PyTorch's choice")
    values = parse(parser, arguments)
    use_threads(values.threads)
    budget, effort = parse_expression(values.budget, Budget), _effort(values.full, values.samples)
    subject = prepare(
        values.target,
        values.data,
        values.teacher,
        choose_device(values.device),
        image_size=values.image_size,
        channels=values.channels,
    )
    file = Path(values.output) if values.output else subject.folder / "audit.json"
    require_writable(file)
    console = Console()
    with console.status("") as status:

        def announce(check: Check) -> None:
            status.update(f"{check.id}  {escape(check.title)}")

        result = audit(
            subject.model,
            subject.dataset.test,
            budget=budget,
            teacher=subject.teacher,
            effort=effort,
            seed=values.seed,
            record=subject.record,
            model_name=subject.name,
            data_name=subject.dataset.name,
            teacher_name=subject.teacher_name,
            announce=announce,
        )
    result.save(file)
    console.print(table(result))
    console.print(
        f"{result.verdict}: {sentence(result)} Written: {file}", markup=False, highlight=False, soft_wrap=True
    )
    return 1 if result.verdict == "fail" else 0


@dataclass(frozen=True)
class Audited:
    """What the command line names: a network, its images, its teacher and what is on record about it."""

    name: str
    folder: Path
    model: Classifier
    dataset: Dataset
    teacher: Classifier | None
    teacher_name: str | None
    record: Record


def prepare(
    target: str,
    data: str | None,
    teacher: str | None,
    device: torch.device,
    *,
    image_size: int | None = None,
    channels: int | None = None,
) -> Audited:
    """Loads everything, and refuses what does not fit. What is not given is the run's own.

    Raises:
        ValueError: the target, its data or its teacher are not to be had, or do not fit each other.
    """
    run = RunDirectory(Path(target))
    elsewhere = not run.path.exists() and (":" in target or target == "demo")
    own = {} if elsewhere else run.settings()
    settings = instead(own, data=data, image_size=image_size, channels=channels, teacher=teacher)
    found = {} if elsewhere else checkpoints(run)
    dataset = _dataset(target, settings)
    name = target if elsewhere else next(key for key in ("best", "last", "model") if key in found)
    teacher_name = settings.get("teacher")
    return Audited(
        name=name,
        folder=Path() if elsewhere else run.path,
        model=load_other("Network", target, dataset, device)
        if elsewhere
        else load_checkpoint(found[name], dataset, device, own=name != SINGLE),
        dataset=dataset,
        teacher=None if teacher_name is None else load_other("Teacher", teacher_name, dataset, device),
        teacher_name=teacher_name,
        record=Record() if elsewhere else _record(run, name, dataset, own=data is None),
    )


def _dataset(target: str, settings: Mapping[str, Any]) -> Dataset:
    text = settings.get("data")
    if text is None:
        raise ValueError(f"{target} is no run that names its data. Give --data demo, folder:PATH or npz:PATH.")
    return load(text, image_size=settings.get("image_size"), channels=settings.get("channels"))


def _record(run: RunDirectory, name: str, dataset: Dataset, *, own: bool) -> Record:
    """What a run says of its network; of its images where they are its ``own``, of its accuracy where it is of them."""
    rows, evaluation = run.metrics(), run.evaluations().get(name)
    if evaluation is not None and (
        evaluation.data != dataset.name or evaluation.image_shape not in (None, dataset.test.shape)
    ):
        evaluation = None
    return Record(
        evaluation=evaluation,
        validation=tuple(row["validation_robust"] for row in rows if "validation_robust" in row),
        train=dataset.train if own else None,
    )


def _effort(full: bool, samples: int | None) -> Effort:
    effort = FULL if full else QUICK
    if samples is None:
        return effort
    if samples < 1:
        raise ValueError(f"--samples must be at least 1. Found: {samples}.")
    return replace(effort, samples=samples, strong=samples if full else min(effort.strong, samples))


def table(result: AuditResult) -> Table:
    """One row a check; what warned or failed says what that means."""
    rows = Table("", "", "check", "measured", "threshold", box=None, padding=(0, 1))
    for found in result.findings:
        style = STYLES[found.verdict]
        grave = found.verdict in ("warn", "fail")
        what = escape(found.title) + (f"\n[{style}]{escape(found.meaning)}[/{style}]" if grave else "")
        verdict = f"[{style}]{found.verdict}[/{style}]"
        rows.add_row(found.id, verdict, what, escape(found.measured), escape(found.threshold))
    return rows


def sentence(result: AuditResult) -> str:
    """How the findings are distributed, and from what they are."""
    return f"{result.summary}; {result.n} images of {result.data}, {result.budget}, {result.seconds:.0f} s."
