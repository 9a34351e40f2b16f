"""The ball that an adversary searches: found, wherever it is in its fields, and changed."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

from robustill.attacks import Budget, Foreign
from robustill.component import Component

C = TypeVar("C", bound=Component)


def budget_of(component: Component) -> Budget | None:
    """The budget of an adversary, or of the attack inside it; None where nothing is searched, as by ``Clean``."""
    for field in fields(component):  # type: ignore[arg-type]  # every component is a dataclass
        value = getattr(component, field.name)
        found = value if isinstance(value, Budget) else budget_of(value) if isinstance(value, Component) else None
        if found is not None:
            return found
    return None


def rescaled(component: C, radius: float) -> C:
    """The same search in a ball of another radius; steps in pixels grow or shrink with it.

    Raises:
        ValueError: the radius is none that such a ball can have.
    """
    if isinstance(component, Foreign):
        raise ValueError(
            f"{component.name} is a function that searches the ball it was written for. "
            f"Found: another radius, {radius:g}."
        )
    own = budget_of(component)
    if own is None:
        return component
    changes: dict[str, Any] = {}
    for field in fields(component):  # type: ignore[arg-type]  # every component is a dataclass
        value = getattr(component, field.name)
        if isinstance(value, Budget):
            changes[field.name] = replace(value, radius=radius)
        elif isinstance(value, Component):
            changes[field.name] = rescaled(value, radius)
        elif field.name == "step_size" and value is not None:
            changes[field.name] = radius * (value / own.radius)
    return replace(component, **changes)  # type: ignore[type-var]  # every component is a dataclass
