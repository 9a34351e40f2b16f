"""Where images come from: one module a source. A module put here is found; there is no list to add it to.

A source says how it is named (``SPEC``, as in ``folder:PATH``; without a colon it takes no path, as ``cifar10[:PATH]``
it may have one), what it is in one line (``SUMMARY``), and loads itself. Images that are left where they are stored
(``robustill.data.stored``) can stream.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Protocol, cast, runtime_checkable

from robustill.data.dataset import Dataset


@runtime_checkable
class Source(Protocol):
    """What a module of this package must have."""

    SPEC: str
    SUMMARY: str

    def load(self, path: str, *, image_size: int | None, channels: int | None) -> Dataset: ...


def find_sources() -> dict[str, Source]:
    """Every source by its scheme, the word that ``SPEC`` begins with, in alphabetical order."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    modules = [cast(Source, importlib.import_module(f"{__name__}.{name}")) for name in names]
    return dict(sorted((re.split(r"[:\[]", module.SPEC)[0], module) for module in modules))
