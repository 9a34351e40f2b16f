"""What a check is: one question, one number of which more is worse, and two thresholds."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from robustill.audit.result import Verdict
from robustill.component import Component
from robustill.results import wilson

if TYPE_CHECKING:
    from robustill.audit.subject import Subject

CONTRACT = ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A10")
"""What attacks presuppose. Where one of these fails, what an attack says about the network is evidence of nothing."""


@dataclass(frozen=True)
class Reading:
    """What a check measured.

    Attributes:
        value: the number; more is worse.
        text: the number, and what else there is to say, in words.
        least: what the number is at least, given how few images it comes from.
    """

    value: float
    text: str
    least: float

    @classmethod
    def of(cls, value: float, text: str) -> Reading:
        """A number that does not come from a sample of images."""
        return cls(value, text, value)

    @classmethod
    def share(cls, count: int, n: int, what: str) -> Reading:
        """A share of the images; at least the lower end of its 95 % interval."""
        return cls(count / max(n, 1), f"{count} of {n} {what}", wilson(count, n)[0] if n else 0.0)


@dataclass(frozen=True)
class Skipped:
    """Why a check does not apply."""

    reason: str


class Check(Component, ABC):
    """One question about a network's evaluation. A module of this package that defines one is enough: it is found.

    Attributes:
        fail: a value that is certainly above it (:class:`Reading`) means that robust accuracy deserves no belief; one
            that may be above it warns.
        warn: what is worth a look already.
    """

    id: ClassVar[str]
    """A letter for the group and the number of the check."""
    title: ClassVar[str]
    meaning: ClassVar[str]
    """One line: what it means for a number when the check fails."""
    presupposes: ClassVar[tuple[str, ...]] = ()
    """Checks without which the answer would mean nothing."""
    unit: ClassVar[str] = ""
    """Of the number; ``%`` for shares."""

    warn: float = math.inf
    fail: float = math.inf

    @abstractmethod
    def measure(self, subject: Subject) -> Reading | Skipped:
        """The number, or why there is none."""

    @property
    def threshold(self) -> str:
        """Both thresholds in words."""
        if self.warn >= self.fail:
            return f"at most {self._written(self.fail)}"
        never = "never fails" if self.fail == math.inf else f"fails above {self._written(self.fail)}"
        return f"at most {self._written(self.warn)}, {never}"

    def judge(self, reading: Reading) -> Verdict:
        """What the thresholds make of a number; one that is not a number fails."""
        if not reading.least <= self.fail:
            return "fail"
        return "warn" if reading.value > min(self.warn, self.fail) else "pass"

    def _written(self, bound: float) -> str:
        return f"{100 * bound:g}%" if self.unit == "%" else f"{bound:g} {self.unit}".strip()
