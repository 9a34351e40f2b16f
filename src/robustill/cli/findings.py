"""What an evaluation found beyond the table of accuracies, in lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from robustill.component import write
from robustill.results import Accuracy, Evaluation


def findings(evaluations: Mapping[str, Evaluation]) -> Iterator[str]:
    """Worst classes, stages of AutoAttack, curves and other measures of each network that was measured."""
    seen: list[Evaluation] = []
    for name, evaluation in evaluations.items():
        nameless = replace(evaluation, model="")
        if nameless not in seen:  # the last epoch may be the best
            seen.append(nameless)
            yield from (f"{name}, {line}" for line in _lines(evaluation))


def _lines(evaluation: Evaluation) -> Iterator[str]:
    for name, accuracy in evaluation.accuracies.items():
        if accuracy.worst_class is not None:
            n, correct = accuracy.by_class[accuracy.worst_class]
            worst = Accuracy(adversary=accuracy.adversary, n=n, correct=correct)
            label = evaluation.classes[accuracy.worst_class] if evaluation.classes else accuracy.worst_class
            yield f"{name}: worst class {label}, {_percent(worst)} of {n:,} images"
        if accuracy.stages is not None:
            shares = [f"{100 * count / accuracy.n:.1f} % after {stage}" for stage, count in accuracy.stages.items()]
            yield f"{name}: {', '.join(shares).replace('after clean', 'clean', 1)}"
    for name, points in evaluation.curves.items():
        shares = [f"{write(point.radius) if point.radius else 0}: {_percent(point.accuracy)}" for point in points]
        yield f"{name} by radius: {'; '.join(shares)}"
    for name, mean in evaluation.measures.items():
        low, high = mean.interval
        yield f"{name}: {mean.mean:.4g} ({low:.4g} to {high:.4g}) over {mean.n:,} images"


def _percent(accuracy: Accuracy) -> str:
    low, high = (100 * bound for bound in accuracy.interval)
    return f"{100 * accuracy.accuracy:.1f} % ({low:.1f} to {high:.1f})"
