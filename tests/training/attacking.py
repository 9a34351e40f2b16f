"""Every method, with the student's cross-entropy to climb where it attacks nothing itself."""

from __future__ import annotations

from robustill.component import find
from robustill.objectives import Method, StudentCE

METHODS = [
    cls() if cls().inner is not None else cls(inner=StudentCE()) for cls in find("robustill.methods", Method).values()
]
