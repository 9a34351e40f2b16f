"""Bounds of the whole numbers that a user gives: an absurd one is refused before hours are spent on it."""

from __future__ import annotations

EPOCHS = 1_000_000
IMAGES = 1_000_000_000
"""Of a batch, of a sample, of what is held out."""
SEED = 2**63 - 1
"""What PyTorch's generators take."""
SIDE = 8192
"""Pixels of an image's side."""
STEPS = 100_000
"""Of an attack."""
THREADS = 1024
"""More than any machine has; a process that asks the system for a hundred thousand is ended by it."""


def require_between(name: str, value: int, least: int, most: int) -> None:
    """Refuses a number out of its range.

    Raises:
        ValueError: names it, its bound and what was found.
    """
    if not least <= value <= most:
        bound = f"at least {least}" if value < least else f"at most {most}"
        raise ValueError(f"{name} must be {bound}. Found: {value}.")


def require_steps(name: str, steps: int) -> None:
    """Refuses an attack without a step, and one that nobody would live to see the end of.

    Raises:
        ValueError: names the attack, the bound and what was found.
    """
    if not 1 <= steps <= STEPS:
        bound = "at least 1 step" if steps < 1 else f"at most {STEPS} steps"
        raise ValueError(f"{name} requires {bound}. Found: steps={steps}.")


def require_targets(name: str, targets: int) -> None:
    """Refuses a targeted attack without a target.

    Raises:
        ValueError: names the attack, the bound and what was found.
    """
    if targets < 1:
        raise ValueError(f"{name} requires at least 1 target. Found: targets={targets}.")
