"""The training loop: one flat generator of epochs, and the choices around it.

    >>> for epoch in fit(student, teacher, batches, method=method, attack=attack, epochs=20):       # doctest: +SKIP
    ...     print(epoch.number, epoch.loss)

The caller logs, validates, saves and breaks; the one callback, ``between``, is for saving inside an epoch. A state
holds everything that a resumed run needs, and a run resumed from it equals an uninterrupted one bit for bit: data
order, augmentation and the attack's noise are pure functions of (seed, epoch, step).
"""

from robustill.training.averages import EMA, SWA, Average
from robustill.training.awp import AWP
from robustill.training.failure import NonFinite
from robustill.training.fit import Epoch, fit
from robustill.training.optimizers import SGD
from robustill.training.precision import choose_precision
from robustill.training.schedules import Cosine, MultiStep, OneCycle, Schedule
from robustill.training.state import State
from robustill.training.update import EpochSource

__all__ = [
    "AWP",
    "EMA",
    "SGD",
    "SWA",
    "Average",
    "Cosine",
    "Epoch",
    "EpochSource",
    "MultiStep",
    "NonFinite",
    "OneCycle",
    "Schedule",
    "State",
    "choose_precision",
    "fit",
]
