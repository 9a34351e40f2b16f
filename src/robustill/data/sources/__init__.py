"""Where images come from: one module a source. A module put here is found; there is no list to add it to.

A source says how it is named (``SPEC``, as in ``folder:PATH``; without a colon it takes no path), what it is in one
line (``SUMMARY``), and loads itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Protocol, cast, runtime_checkable

from robustill.data.dataset import Dataset


@runtime_checkable
class Source(Protocol):
    """What a module of this package must have."""

    SPEC: str
    SUMMARY: str

    def load(self, path: str, *, image_size: int | None, channels: int | None) -> Dataset: ...


def find_sources() -> dict[str, Source]:
    """Every source by its scheme, the part of ``SPEC`` before the colon, in alphabetical order."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    modules = [cast(Source, importlib.import_module(f"{__name__}.{name}")) for name in names]
    return dict(sorted((module.SPEC.partition(":")[0], module) for module in modules))
