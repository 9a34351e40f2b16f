"""How robust a network is, measured on a split of images, streamed, in float32.

    >>> from robustill.evaluation import evaluate, standard_adversaries
    >>> adversaries = standard_adversaries(Linf(8/255))
    >>> evaluation = evaluate(student, dataset.test, adversaries=adversaries, teacher=teacher)  # doctest: +SKIP
    >>> evaluation.accuracies["pgd20"].accuracy, evaluation.accuracies["pgd20"].interval        # doctest: +SKIP

A :class:`Measurement` is one thing that is measured of every image: :class:`Under` an adversary, along a
:class:`Curve` of radii, the :class:`Agreement` or the :class:`Distance` to a teacher, the :class:`Remainder` of the
linearisation. With a :class:`Ledger` every finished batch is written down at once, so that an evaluation can be
interrupted, and divided among processes::

    >>> ledger = Ledger(Path("evaluation.parts"))                                               # doctest: +SKIP
    >>> evaluate(student, dataset.test, adversaries=adversaries, ledger=ledger)                 # doctest: +SKIP

An evaluation leaves modes, parameters, buffers, ``.grad`` and the global random state as it found them.
"""

from robustill.evaluation.accuracy import Under, correct_under, passes
from robustill.evaluation.adversaries import Surrogate, adversaries_named, split_names, standard_adversaries
from robustill.evaluation.agreement import Agreement, gradient_agreement, input_gradient
from robustill.evaluation.batchwise import Shard, measure_batches
from robustill.evaluation.curve import Curve
from robustill.evaluation.distance import Distance, pointwise_distance
from robustill.evaluation.evaluate import contribute, evaluate, plan
from robustill.evaluation.gallery import gallery
from robustill.evaluation.ledger import Ledger
from robustill.evaluation.linearity import Remainder, remainder_proportion
from robustill.evaluation.measurement import Measurement

__all__ = [
    "Agreement",
    "Curve",
    "Distance",
    "Ledger",
    "Measurement",
    "Remainder",
    "Shard",
    "Surrogate",
    "Under",
    "adversaries_named",
    "contribute",
    "correct_under",
    "evaluate",
    "gallery",
    "gradient_agreement",
    "input_gradient",
    "passes",
    "plan",
    "pointwise_distance",
    "remainder_proportion",
    "split_names",
    "standard_adversaries",
    "measure_batches",
]
