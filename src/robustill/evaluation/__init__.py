"""How robust a network is, measured on a split of images, streamed, in float32.

    >>> from robustill.evaluation import evaluate, standard_adversaries
    >>> adversaries = standard_adversaries(Linf(8/255))
    >>> evaluation = evaluate(student, dataset.test, adversaries=adversaries, teacher=teacher)  # doctest: +SKIP
    >>> evaluation.accuracies["pgd20"].accuracy, evaluation.accuracies["pgd20"].interval        # doctest: +SKIP

An evaluation leaves modes, parameters, buffers, ``.grad`` and the global random state as it found them.
"""

from robustill.evaluation.accuracy import correct_under, passes
from robustill.evaluation.adversaries import adversaries_named, standard_adversaries
from robustill.evaluation.agreement import gradient_agreement, input_gradient
from robustill.evaluation.evaluate import evaluate
from robustill.evaluation.gallery import gallery
from robustill.evaluation.linearity import remainder_proportion

__all__ = [
    "adversaries_named",
    "correct_under",
    "evaluate",
    "gallery",
    "gradient_agreement",
    "input_gradient",
    "passes",
    "remainder_proportion",
    "standard_adversaries",
]
