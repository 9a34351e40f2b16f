"""What an audit found, as it is printed and written down. Knows no networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from robustill.files import write_json

Verdict = Literal["pass", "warn", "fail", "skipped"]
VERDICTS: tuple[Verdict, ...] = ("fail", "warn", "pass", "skipped")
"""From the one that counts most to the one that counts least."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check.

    Attributes:
        id, title, meaning: of the check.
        check: the check with its thresholds, as text.
        verdict: what the thresholds make of the number; ``warn`` for a check that ended with an error.
        value: the number; None where the check was skipped, or ended with an error.
        measured: the number in words, or why the check was skipped, or the error.
        threshold: the thresholds in words.
        seconds: how long it took.
    """

    id: str
    title: str
    meaning: str
    check: str
    verdict: Verdict
    value: float | None
    measured: str
    threshold: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class AuditResult:
    """The findings of one audit, in the order of the checks, and how they were made."""

    findings: tuple[Finding, ...]
    model: str
    data: str
    teacher: str | None
    budget: str
    effort: str
    n: int
    seed: int
    seconds: float
    environment: Mapping[str, Any]

    @property
    def verdict(self) -> Verdict:
        """The gravest of the findings."""
        return next((verdict for verdict in VERDICTS if self.ids(verdict)), "skipped")

    @property
    def summary(self) -> str:
        """How many findings there are of each kind."""
        counts = Counter(finding.verdict for finding in self.findings)
        return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])

    def ids(self, verdict: Verdict) -> set[str]:
        """The checks that ended with this verdict."""
        return {finding.id for finding in self.findings if finding.verdict == verdict}

    def __getitem__(self, id: str) -> Finding:
        """The finding of one check, such as ``result["A3"]``.

        Raises:
            KeyError: there is no check of that id.
        """
        return {finding.id: finding for finding in self.findings}[id]

    def to_json(self) -> dict[str, Any]:
        """Everything, with the verdict first."""
        return {"verdict": self.verdict, "summary": self.summary} | asdict(self)

    def save(self, file: Path) -> None:
        """Writes the JSON; the file appears whole or not at all."""
        write_json(file, self.to_json())
