"""The protocol in a few lines, for the first screen: what was trained, measured and audited. All of it stands below."""

from __future__ import annotations

import re
from collections.abc import Callable

from robustill.report.facts import fact
from robustill.report.images import measured_on
from robustill.report.labels import count, listing, short
from robustill.report.measures import Metric, metrics_of
from robustill.report.records import Record, Study
from robustill.results import Accuracy


def brief(study: Study) -> list[tuple[str, str]]:
    """Label and sentence, in reading order; where runs differ it is said that they do."""
    rows = [
        ("Student", _agreed(study, "student", _network)),
        ("Teacher", _agreed(study, "teacher", _network)),
        ("Training", _agreed(study, "length", str)),
        ("Trained against", _agreed(study, "attack", short)),
        ("Seeds", _seeds(study)),
        ("Measured on", _measured(study)),
        ("Audit", _audit(study)),
    ]
    return [(label, text) for label, text in rows if text]


def audit_sentence(record: Record) -> str:
    """``warn (1 warn, 28 pass, 5 skipped; 256 images of demo, Linf(8/255))``."""
    return f"{_counts(record)} images of {record.audit['data']}, {record.audit['budget']})"


def _counts(record: Record) -> str:
    return f"{record.audit['verdict']} ({record.audit['summary']}; {count(record.audit['n'])}"


def _students(study: Study) -> list[Record]:
    return [record for group in study.groups for record in group.records]


def _agreed(study: Study, label: str, cut: Callable[[str], str]) -> str:
    texts = list(dict.fromkeys(cut(text) for record in _students(study) if (text := fact(record.protocol, label))))
    return texts[0] if len(texts) == 1 else f"{len(texts)} different ones, named in the protocol below" if texts else ""


def _network(text: str) -> str:
    found = re.match(r".*? parameters", text)
    return found[0] if found else text


def _seeds(study: Study) -> str:
    seeds = sorted({record.seed for record in _students(study) if record.seed is not None})
    if not seeds:
        return ""
    shown = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)) else ""
    several = any(len(group.records) > 1 for group in study.groups)
    return (shown or listing(list(map(str, seeds)))) + ("" if several else ": one run of each method")


def _measured(study: Study) -> str:
    """The images, and the attacks in full."""
    attacks = [metric for metric in metrics_of(study) if metric.accuracy and metric.key != "clean"]
    texts = [f"{metric.label} is {short(text)}" for metric in attacks if (text := _text(study, metric))]
    if not any(record.evaluations for record in study.records):
        return ""
    return "; ".join([measured_on(study), *texts])


def _text(study: Study, metric: Metric) -> str:
    """The attack, where it was the same in every evaluation."""
    found = {
        measured.adversary
        for record in study.records
        for evaluation in record.evaluations.values()
        if isinstance(measured := metric.of(evaluation), Accuracy)
    }
    return found.pop() if len(found) == 1 else ""


def _audit(study: Study) -> str:
    audited = [record for record in study.records if record.audit]
    if not audited:
        return "none of these runs has been audited; “robustill audit RUN” does that"
    verdicts = [record.audit["verdict"] for record in audited]
    if len(audited) > 3:
        told = [f"{verdicts.count(v)} {v}" for v in ("fail", "warn", "pass", "skipped") if v in verdicts]
    else:
        told = [f"{record.name} {_counts(record)} images)" for record in audited]
    rest = len(study.records) - len(audited)
    return "; ".join(told) + (f"; {count(rest, 'run')} not audited" if rest else "")
