"""Components: the choices of an experiment, each a frozen dataclass whose ``repr`` is the text that builds it.

A subclass of :class:`Component` needs no decorator::

    class Gaussian(Start, kw_only=False):
        std: float = 0.001

    >>> Gaussian()
    Gaussian()
    >>> Gaussian(0.01)
    Gaussian(0.01)

Two components are equal when their classes and fields are equal, and they can be hashed, varied with
``dataclasses.replace`` and pickled. Choices only: nothing that changes while a program runs lives in a component.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from functools import cache
from typing import Any, TypeVar, dataclass_transform

C = TypeVar("C", bound="Component")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field,))
class Component:
    """Base of every choice that can be written down. Fields are keyword-only unless the class says otherwise."""

    def __init_subclass__(cls, *, kw_only: bool = True) -> None:
        super().__init_subclass__()
        dataclasses.dataclass(frozen=True, kw_only=kw_only, repr=False)(cls)

    def __repr__(self) -> str:
        """The expression that builds this object: fields that differ from their default, in order."""
        shown, by_name = [], False
        for field in dataclasses.fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, field.name)
            if field.repr and not _is_default(value, field):
                shown.append(f"{field.name}={write(value)}" if field.kw_only or by_name else write(value))
            else:
                by_name = True  # what follows a field that is left out is no longer at its position
        return f"{spelled(type(self))}({', '.join(shown)})"


def spelled(cls: type[Component]) -> str:
    """How an expression names a class: the library's by name, a user's own with the import path in front."""
    return cls.__name__ if cls.__module__.startswith("robustill.") else f"{cls.__module__}:{cls.__name__}"


def _is_default(value: object, field: dataclasses.Field[Any]) -> bool:
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return default is not dataclasses.MISSING and type(value) is type(default) and bool(value == default)


def write(value: object) -> str:
    """A value as text that reads well and parses to the same value: floats that are pixel levels as ``8/255``."""
    if isinstance(value, float) and abs(value) < 100 and not value.is_integer() and len(repr(value)) > 6:
        level = round(value * 255)
        if level / 255 == value:
            return f"{level}/255"
    if isinstance(value, tuple):
        return "(" + "".join(write(v) + ", " for v in value).removesuffix(" " if len(value) == 1 else ", ") + ")"
    return repr(value)


def in_full(component: Component) -> str:
    """A component with every field that holds something, defaults too: what was meant, whatever a later default is.

    A field that is no part of equality, such as a network, is no part of the text.
    """
    shown, by_name = [], False
    for field in dataclasses.fields(component):  # type: ignore[arg-type]  # every component is a dataclass
        value = getattr(component, field.name)
        if not field.compare or (value in ((), None) and _is_default(value, field)):
            by_name = True
            continue
        text = in_full(value) if isinstance(value, Component) else write(value)
        shown.append(f"{field.name}={text}" if field.kw_only or by_name else text)
    return f"{spelled(type(component))}({', '.join(shown)})"


@cache
def find(package: str, base: type[C]) -> dict[str, type[C]]:
    """Every final component of a kind that the modules of ``package`` define, by name, in alphabetical order.

    Components are found, never registered: a module put into the package's folder is enough. One that holds what no
    text can say, a network or a function, is not among them.
    """
    found: dict[str, type[C]] = {}
    parent = importlib.import_module(package)
    for module in sorted(m.name for m in pkgutil.iter_modules(parent.__path__)):
        for cls in vars(importlib.import_module(f"{package}.{module}")).values():
            if isinstance(cls, type) and issubclass(cls, base) and _final(cls, f"{package}.{module}"):
                found[cls.__name__] = cls
    return dict(sorted(found.items()))


def _final(cls: type, module: str) -> bool:
    named = cls.__module__ == module and not getattr(cls, "__abstractmethods__", None) and cls.__name__[0] != "_"
    return named and all(field.compare for field in dataclasses.fields(cls))
