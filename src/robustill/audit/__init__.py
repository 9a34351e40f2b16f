"""Does a robust accuracy deserve belief? Checks of the network, its gradients, the attacks against each other.

    >>> from robustill.audit import audit
    >>> result = audit(model, dataset.test, teacher=teacher)          # doctest: +SKIP
    >>> result.verdict, result.ids("fail"), result["A3"].measured     # doctest: +SKIP
    ('fail', {'A3'}, '256 of 256 images get probabilities; outputs 1.3e-05 to 0.998')

``model`` is any ``nn.Module`` from images in [0, 1] to logits. Checks are of five groups: A the contract that attacks
presuppose, B gradients, C attacks against each other, D attacks on problems whose answer is known, E distillation.
Each measures one number of which more is worse, and compares it with what warns and what fails. Numbers that are
shares of a sample fail only where the lower end of their 95 % interval does.

What presupposes a check that failed is skipped: the cause is in the table, and not all that follows from it.

A check is a component, found in the modules of this package::

    >>> from robustill.audit import checks
    >>> checks()[1]
    Deterministic()
    >>> checks()[1].threshold
    'fails above 0.0001'
"""

from robustill.audit.check import Check, Reading, Skipped
from robustill.audit.conduct import audit, checks
from robustill.audit.record import Record
from robustill.audit.result import AuditResult, Finding
from robustill.audit.subject import FULL, QUICK, Effort, Subject

__all__ = [
    "audit",
    "checks",
    "AuditResult",
    "Finding",
    "Check",
    "Reading",
    "Skipped",
    "Record",
    "Effort",
    "QUICK",
    "FULL",
    "Subject",
]
