"""robustill: small robust image classifiers, distilled from large ones, and measured so that numbers can be trusted.

Everything a loop needs::

    from robustill import IGDM, PGD, AdaAD, Linf

    method = AdaAD() + IGDM(alpha=70)
    attack = PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)
    for x, y in loader:                                       # x in [0, 1]; networks normalise inside
        loss = method.loss(student, teacher, x, y, attack=attack, progress=epoch / epochs)
        optimizer.zero_grad(); loss.backward(); optimizer.step()

Names are looked up in the subpackages when they are first asked for, so that ``robustill --help`` need not wait for
PyTorch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = ("methods", "objectives", "attacks", "models", "data", "training", "evaluation", "expression", "cost")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return import_module(f"robustill.{name}")
    if not name.startswith("_"):
        for home in _HOMES:
            module = import_module(f"robustill.{home}")
            if name in getattr(module, "__all__", ()):
                return getattr(module, name)
    raise AttributeError(f"module 'robustill' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({name for home in _HOMES for name in getattr(import_module(f"robustill.{home}"), "__all__", ())})
