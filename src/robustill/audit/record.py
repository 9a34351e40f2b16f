"""What was said about a network before it was audited."""

from __future__ import annotations

from dataclasses import dataclass

from robustill.data.split import Split
from robustill.results import Evaluation


@dataclass(frozen=True, kw_only=True)
class Record:
    """All of it may be unknown; the checks that ask for it are skipped then.

    Attributes:
        evaluation: what was reported of this network.
        validation: robust accuracy on held-out images after each epoch, in shares.
        train: every image that the network was trained on or chosen by.
    """

    evaluation: Evaluation | None = None
    validation: tuple[float, ...] = ()
    train: Split | None = None
