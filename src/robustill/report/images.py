"""Of how many images a number is, and whether these are all there are."""

from __future__ import annotations

from robustill.report.facts import number_of_test_images
from robustill.report.labels import adversary, count, listing
from robustill.report.records import Study
from robustill.results import Evaluation


def images(study: Study, evaluation: Evaluation, n: int) -> str:
    """``all 2,000 test images``, ``a subset of 400 of the 2,000 test images``; ``400 test images`` if nobody knows."""
    total = _totals(study).get(evaluation.data) if evaluation.split == "test" else None
    if total is None or total < n:
        return f"{count(n)} {evaluation.split} images"
    if total == n:
        return f"all {count(n)} test images"
    return f"a subset of {count(n)} of the {count(total)} test images"


def measured_on(study: Study) -> str:
    """The images of all evaluations; where these are several sets, with what was measured on each."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for record in study.records:
        for evaluation in record.evaluations.values():
            for key, accuracy in evaluation.accuracies.items():
                text = images(study, evaluation, accuracy.n)
                found.setdefault(evaluation.data, {}).setdefault(text, {})[adversary(key)] = None
    several = len(found) > 1 or any(len(sets) > 1 for sets in found.values())
    told = {
        data: listing([f"{text} ({', '.join(labels)})" if several else text for text, labels in sets.items()])
        for data, sets in found.items()
    }
    return listing([f"{text} of {data}" for data, text in told.items()]) or "nothing"


def _totals(study: Study) -> dict[str, int]:
    """Name of the data -> its test images, as the runs' protocols say."""
    return dict(found for record in study.records if (found := number_of_test_images(record.protocol)))
