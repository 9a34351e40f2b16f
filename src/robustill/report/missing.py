"""What a reader must not take for granted: runs that are unfinished or not evaluated, pairs that are none."""

from __future__ import annotations

from robustill.report.labels import listing, percent
from robustill.report.measures import Metric, counted, headline_comparison, holding, shared_checkpoint, shown_checkpoint
from robustill.report.records import Group, Pair, Study


def missing(study: Study, metric: Metric | None) -> tuple[str, ...]:
    """A sentence each; none where everything is there."""
    notes = [note for group in study.groups for note in _unready(study, group, metric is not None)]
    notes += [note for group in study.groups for note in _unlike(study, group, metric)]
    notes += [note for pair in study.pairs for note in _unpaired(study, pair, metric)]
    if any(group.method for group in study.groups) and not study.pairs and metric:
        notes.append("No two runs differ in an added term alone: what such a term (IGDM) changes is not shown.")
    return tuple(notes)


def _unpaired(study: Study, pair: Pair, metric: Metric | None) -> list[str]:
    """Why a pair is not compared, or not all of it."""
    label, paired, seeds = (
        study.label(pair.plus),
        len(pair.seeds()),
        max(len(pair.base.records), len(pair.plus.records)),
    )
    if not paired:
        return [f"{label} and its base method have no seed in common, so they are not compared."]
    notes = []
    if paired < seeds:
        notes.append(f"{label} and its base method have {paired} of {seeds} seeds in common; only those are compared.")
    measured = metric and shared_checkpoint(pair)
    if measured and not headline_comparison(pair, metric):
        notes.append(f"{label} and its base method were not measured alike, so they are not compared.")
    return notes


def _unlike(study: Study, group: Group, metric: Metric | None) -> list[str]:
    """Which seeds share no mean with the others."""
    checkpoint = shown_checkpoint(study, group)
    if checkpoint is None or metric is None:
        return []
    seeds, of = len(counted(group, checkpoint, metric)), len(holding(group, checkpoint, metric))
    if seeds == of:
        return []
    return [f"{study.label(group)}: only {seeds} of {of} seeds were measured alike and are in its {metric.label} mean."]


def _unready(study: Study, group: Group, measured: bool) -> list[str]:
    label, notes = study.label(group), []
    unfinished = [record for record in group.records if record.unfinished]
    unevaluated = [record for record in group.records if not record.evaluations]
    if unfinished and (measured or len(study.groups) > 1):
        done = listing([f"{record.done} of {record.planned}" for record in unfinished])
        final = "" if unevaluated else "; its numbers are not final"
        notes.append(f"{label} has finished {done} epochs so far{final}.")
    if unevaluated and (measured or not unfinished):
        every = len(unevaluated) == len(group.records)
        which = "" if every else f" ({len(unevaluated)} of {len(group.records)} seeds)"
        how = "." if unfinished else ": “robustill evaluate” does that."
        notes.append(f"{label} has not been evaluated{which}{how}")
    last = [record.metrics[-1].get("validation_robust") for record in unevaluated if record.metrics]
    shares = [share for share in last if share is not None]
    if shares:
        mean = percent(sum(shares) / len(shares))
        notes.append(f"{label} had {mean} of its validation images correct under attack after its last finished epoch.")
    return notes
