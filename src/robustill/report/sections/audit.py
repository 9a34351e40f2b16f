"""What “robustill audit” found, where it was run."""

from __future__ import annotations

from robustill.report.brief import audit_sentence
from robustill.report.records import Record, Study
from robustill.report.sections.base import Fold, Section
from robustill.report.table import Cell, Column, Table
from robustill.report.tables import named_records

TONES = {"fail": "worse", "pass": "better"}
TITLES = ("Network", "Check", "Verdict", "What", "Measured", "Threshold", "Meaning")
COLUMNS = tuple(Column(title, numeric=False) for title in TITLES)


def audit(study: Study) -> Section | None:
    """What failed or warned, and all findings behind a fold."""
    audited = [(label, record) for label, record in named_records(study) if record.audit]
    if not audited:
        return None
    grave = tuple(row for one in audited for row in _findings(*one, only=("fail", "warn")))
    told = "; ".join(f"{label}: {audit_sentence(record)}" for label, record in audited)
    every = Table(
        f"All findings. {told}.", COLUMNS, tuple(row for one in audited for row in _findings(*one)), "audit-all"
    )
    return Section(
        "audit",
        "Audit",
        f"Some thirty checks ask whether a robust accuracy deserves belief. {told}.",
        table=Table("Checks that failed or warned.", COLUMNS, grave, "audit") if grave else None,
        folds=(Fold("Every check", (every,)),),
    )


def _findings(label: str, record: Record, only: tuple[str, ...] = ()) -> list[tuple[Cell, ...]]:
    return [
        (
            Cell(label),
            Cell(found["id"]),
            Cell(found["verdict"], tone=TONES.get(found["verdict"], "")),
            *(Cell(found[key]) for key in ("title", "measured", "threshold", "meaning")),
        )
        for found in record.audit["findings"]
        if not only or found["verdict"] in only
    ]
