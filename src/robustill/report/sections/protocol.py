"""What was trained and how, and the settings and environments behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from robustill.report.labels import count, listing, short
from robustill.report.records import Record, Study
from robustill.report.sections.base import Fact, Fold, Section
from robustill.report.table import Cell, Column, Table
from robustill.report.tables import named_records

FEW = 4
"""So many different texts of one label are shown at once, and settings of so many runs have a fold each."""


def protocol(study: Study) -> Section | None:
    """What was trained and how: once where the runs agree, with the runs' names where they do not."""
    facts = _facts(study, [record for group in study.groups for record in group.records])
    many = [fact for fact in facts if len(fact.texts) > FEW]
    folds = [Fold(f"{fact.label.capitalize()}: {len(fact.texts)} different ones", (_table([fact]),)) for fact in many]
    of_teachers = _facts(study, study.teachers)
    if of_teachers:
        folds.append(Fold("How the teacher was made", (_table(of_teachers, "teacher"),)))
    shown = tuple(fact for fact in facts if fact not in many)
    return Section("protocol", "Protocol", facts=shown, folds=tuple(folds)) if facts or folds else None


def _table(facts: Sequence[Fact], name: str = "") -> Table:
    rows = [(Cell(fact.label), Cell(text), Cell(who or "all")) for fact in facts for text, who in fact.texts]
    columns = tuple(Column(title, numeric=False) for title in ("Choice", "Value", "Of"))
    what = "The protocol of the teacher." if name else f"The protocol’s {facts[0].label} of every run."
    return Table(what, columns, tuple(rows), name or f"protocol-{facts[0].label}")


def _facts(study: Study, records: Sequence[Record]) -> tuple[Fact, ...]:
    """Each label with its distinct texts and whom each is true for; nobody is named where all agree."""
    told: dict[str, dict[str, list[Record]]] = {}
    blocks = [(record, record.protocol or _settings(record)) for record in records]
    for record, block in blocks:
        for label, text in block:
            told.setdefault(label, {}).setdefault(text, []).append(record)
    telling = [record for record, block in blocks if block]
    facts = []
    for label, texts in told.items():
        if label == "seed":  # the tables say which run has which
            facts.append(Fact(label, ((listing(list(texts)), ""),)))
        else:
            whose = {text: "" if len(of) == len(telling) else _names(study, of) for text, of in texts.items()}
            facts.append(Fact(label, tuple((text, "" if who == short(text) else who) for text, who in whose.items())))
    return tuple(facts)


def _names(study: Study, records: Sequence[Record]) -> str:
    """Runs by name; a group once if all of its seeds are there."""
    names = [study.teacher_label(record) for record in records if record in study.teachers]
    for group in study.groups:
        members = [record for record in group.records if record in records]
        if len(members) == len(group.records):
            names.append(study.label(group))
        elif members:
            names.append(f"{study.label(group)}, seed {listing([str(record.seed) for record in members])}")
    return "; ".join(names)


def _settings(record: Record) -> list[tuple[str, str]]:
    return [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in record.settings.items()]


def settings(study: Study) -> Section:
    """The resolved settings and the environment of every run, as they stand in its directory."""
    texts: list[tuple[str, str]] = []
    environments: dict[str, list[Record]] = {}
    for label, record in named_records(study):
        file = record.directory.settings_file
        if file.exists():
            texts.append((label, file.read_text(encoding="utf-8")))
        if record.environment:
            text = json.dumps(record.environment, indent=2, ensure_ascii=False)
            environments.setdefault(text, []).append(record)
    folds = [Fold(f"Settings of {label}", text=text) for label, text in texts]
    if len(texts) > FEW:
        together = "\n".join(f"# {label}\n{text}" for label, text in texts)
        folds = [Fold(f"Settings of all {len(texts)} runs", text=together)]
    for text, records in environments.items():
        whose = _names(study, records) if len(records) <= 2 * FEW else count(len(records), "run")
        folds.append(Fold(f"Environment of {whose}", text=text))
    names = [record.name for record in study.records]
    runs = count(len(names), "run") + (f": {listing(names)}" if len(names) <= 2 * FEW else "")
    lead = f"Made from {runs}. “robustill train” with a settings file repeats its run."
    return Section("settings", "Settings and environment", lead, folds=tuple(folds))
