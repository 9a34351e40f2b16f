"""What is reported on: run directories read once, grouped by everything but the seed, paired with their base method."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from robustill.report.facts import teacher_parameters
from robustill.report.labels import short, terms
from robustill.results import Evaluation, RunDirectory
from robustill.wording import brief

PARTS = ("run.yaml", "metrics.jsonl", "protocol.json", "evaluation")
AUDIT = {**dict.fromkeys(("verdict", "summary", "data", "budget"), str), "findings": list, "n": int}
FINDING = dict.fromkeys(("id", "verdict", "title", "measured", "threshold", "meaning"), str)
PROFILE = {"steps": int, "step_seconds": int | float, "phase_seconds": dict}
"""What a report reads of audit.json, of each of its findings, and of profile.json."""

CHECKPOINTS = ("best", "last")
"""The order in which checkpoints are shown, and preferred where only one can be; other names follow."""


@dataclass(frozen=True, eq=False)
class Record:
    """One run directory. Any part may be empty: a run may be training still, a teacher may only have been evaluated."""

    directory: RunDirectory
    settings: dict[str, Any]
    protocol: list[tuple[str, str]]
    environment: dict[str, Any]
    metrics: list[dict[str, Any]]
    evaluations: dict[str, Evaluation]
    arrays: dict[str, dict[str, np.ndarray]]
    """Evaluation -> its arrays: flags of each image, gallery."""
    audit: dict[str, Any]
    profile: dict[str, Any]

    @property
    def name(self) -> str:
        return self.directory.path.resolve().name

    @property
    def seed(self) -> int | None:
        return self.settings.get("seed")

    @property
    def done(self) -> int:
        """Epochs finished so far."""
        return int(self.metrics[-1]["epoch"]) if self.metrics else 0

    @property
    def planned(self) -> int:
        """Epochs the run is to have; what it has where nobody said."""
        return int(self.settings.get("epochs") or self.done)

    @property
    def unfinished(self) -> bool:
        # Evaluated without a log of epochs: trained elsewhere, and only measured here.
        return self.done < self.planned and (bool(self.metrics) or not self.evaluations)


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that differ in nothing but the seed, in the order of their seeds."""

    records: tuple[Record, ...]

    @property
    def choices(self) -> dict[str, Any]:
        return _choices(self.records[0])

    @property
    def method(self) -> str:
        return str(self.choices.get("method", ""))

    @property
    def terms(self) -> tuple[str, ...]:
        return terms(self.method)

    @property
    def checkpoints(self) -> list[str]:
        """The names of everything evaluated in any of the runs."""
        return ordered({name for record in self.records for name in record.evaluations})


@dataclass(frozen=True, eq=False)
class Pair:
    """A base method, and the same with terms added (``+ IGDM``), all else equal."""

    base: Group
    plus: Group

    @property
    def added(self) -> str:
        return " + ".join(self.plus.terms[1:])

    def seeds(self) -> list[tuple[Record, Record]]:
        """Base and extended run of each seed that both have."""
        base = {record.seed: record for record in self.base.records}
        return [(base[record.seed], record) for record in self.plus.records if record.seed in base]


@dataclass(frozen=True, eq=False)
class Study:
    """Everything one report is about."""

    teachers: tuple[Record, ...]
    groups: tuple[Group, ...]

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        def rest(group: Group) -> dict[str, Any]:
            return {key: value for key, value in group.choices.items() if key != "method"}

        return tuple(
            Pair(base, plus)
            for plus in self.groups
            for base in self.groups
            if len(plus.terms) > 1 and base.terms == plus.terms[:1] and rest(base) == rest(plus)
        )

    @property
    def records(self) -> tuple[Record, ...]:
        return self.teachers + tuple(record for group in self.groups for record in group.records)

    def label(self, group: Group) -> str:
        """A group's method, and whatever else tells it from the other groups of which something is known."""
        return self._labels[group]

    @cached_property
    def _labels(self) -> dict[Group, str]:
        known = [group.choices for group in self.groups if group.choices]
        keys = dict.fromkeys(key for choices in known for key in choices if key != "method")
        values = {
            key: {short(str(value)) for choices in known if (value := choices.get(key)) is not None} for key in keys
        }
        several = [key for key, found in values.items() if len(found) > 1]
        labels = {group: self._label(group, several) for group in self.groups}
        twice = [label for label, n in Counter(labels.values()).items() if n > 1]
        # What one of them leaves open tells them apart.
        telling = [key for key in keys if len({str(choices.get(key)) for choices in known}) > 1]
        return {group: self._label(group, telling) if label in twice else label for group, label in labels.items()}

    def _label(self, group: Group, keys: Sequence[str]) -> str:
        name = short(group.method) if group.method else self._called(group.records[0])
        return ", ".join([name] + [f"{key} {short(str(group.choices[key]))}" for key in keys if key in group.choices])

    def teacher_label(self, teacher: Record) -> str:
        return "Teacher" if len(self.teachers) == 1 else f"Teacher {self._called(teacher)}"

    def _called(self, record: Record) -> str:
        """A directory's name, with the one above it where another has the same."""
        alone = [other.name for other in self.records].count(record.name) == 1
        return record.name if alone else "/".join(record.directory.path.resolve().parts[-2:])


def ordered(checkpoints: set[str]) -> list[str]:
    return [name for name in CHECKPOINTS if name in checkpoints] + sorted(checkpoints.difference(CHECKPOINTS))


def read_record(path: Path) -> Record:
    """Reads a run directory.

    Raises:
        ValueError: The path is no run directory, or a file in it cannot be read.
    """
    if not any((path / part).exists() for part in PARTS):
        found = "is an ordinary directory" if path.is_dir() else "is a file" if path.exists() else "does not exist"
        raise ValueError(
            f"A report needs run directories, with run.yaml or evaluation/ in them; {path} {found}. "
            "Name a directory that `robustill train` or `robustill evaluate` wrote."
        )
    run = RunDirectory(path)
    try:
        metrics = {row["epoch"]: row for row in run.metrics()}  # an epoch repeated after a resume counts once
        evaluations = run.evaluations()
        return Record(
            directory=run,
            settings=run.settings(),
            protocol=run.protocol(),
            environment=run.environment(),
            metrics=[metrics[epoch] for epoch in sorted(metrics)],
            evaluations=evaluations,
            arrays={name: run.arrays(name) for name in evaluations},
            audit=_audit(audit) if (audit := run.audit()) else {},
            profile=_entries(profile, PROFILE) if (profile := run.profile()) else {},
        )
    except (yaml.YAMLError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"The run directory {path} holds a file that robustill did not write or that is damaged "
            f"({error if isinstance(error, ValueError) else repr(error)}). "
            "Restore or remove that file."
        ) from error


def _audit(found: dict[str, Any]) -> dict[str, Any]:
    return _entries(found, AUDIT) | {"findings": [_entries(row, FINDING) for row in found["findings"]]}


def _entries(found: dict[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """What a report reads of a file.

    Raises:
        KeyError, TypeError, ValueError: an entry is missing or of another kind: it is another's file.
    """
    for key, kind in kinds.items():
        if not isinstance(found[key], kind):
            raise ValueError(f"its entry {key} cannot be {brief(found[key])}")
    return {key: found[key] for key in kinds}


def read_study(paths: Sequence[Path]) -> Study:
    """Reads run directories, tells teachers from students, and groups the students' runs.

    Raises:
        ValueError: No path was given, a path is no run directory, or two runs are the same experiment.
    """
    if not paths:
        raise ValueError("A report needs at least one run directory; none was named.")
    records = [read_record(path) for path in dict.fromkeys(Path(path).resolve() for path in paths)]
    teachers = [record for record in records if _is_teacher(record, records)]
    groups: dict[str, list[Record]] = {}
    for record in records:
        if record not in teachers:
            groups.setdefault(_experiment(record), []).append(record)
    for members in groups.values():
        _require_distinct_seeds(members)
    ranked = [Group(tuple(sorted(members, key=lambda r: (r.seed is None, r.seed or 0)))) for members in groups.values()]
    # A base method stands above what was added to it, whatever the order of the paths.
    first = {terms_: index for index, terms_ in reversed([(i, g.terms[0]) for i, g in enumerate(ranked)])}
    return Study(tuple(teachers), tuple(sorted(ranked, key=lambda g: (first[g.terms[0]], len(g.terms)))))


def _choices(record: Record) -> dict[str, Any]:
    return {key: value for key, value in record.settings.items() if key not in ("seed", "recipe")}


def _experiment(record: Record) -> str:
    """Equal for runs that differ in nothing but the seed; a network of which nothing is known is like no other."""
    return json.dumps(_choices(record), sort_keys=True, default=str) if record.settings else str(record.directory.path)


def _is_teacher(record: Record, records: Sequence[Record]) -> bool:
    """Made without a teacher, and named by another run as its teacher; or only evaluated, and as large as theirs is."""
    if record.settings.get("teacher"):
        return False
    students = [other for other in records if other.settings.get("teacher")]
    named = [str(other.settings.get(key) or "") for other in students for key in ("teacher", "natural_teacher")]
    if any(record.name in re.split(r"[/\\:]", text) for text in named):
        return True
    sizes = {evaluation.parameters for evaluation in record.evaluations.values() if evaluation.teacher is None}
    theirs = {size for other in students if (size := teacher_parameters(other.protocol))}
    return not record.settings.get("method") and bool(sizes & theirs)


def _require_distinct_seeds(records: Sequence[Record]) -> None:
    seen: dict[int | None, Record] = {}
    for record in records:
        if record.seed in seen:
            raise ValueError(
                f"The runs of a report must differ in a setting or in the seed; {seen[record.seed].name} and "
                f"{record.name} have the same settings and seed {record.seed}, which is one experiment twice. "
                "Name only one of them."
            )
        seen[record.seed] = record
