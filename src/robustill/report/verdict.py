"""The result in words, computed from the numbers: what the added term changed, how sure that is, what is missing."""

from __future__ import annotations

from dataclasses import dataclass

from robustill.report.images import images, measured_on
from robustill.report.labels import component, count, listing, percent, signed
from robustill.report.measures import (
    AGREEMENT,
    Comparison,
    Measurement,
    Metric,
    Tone,
    compare,
    headline,
    headline_comparison,
    measure,
    measured_alike,
    metrics_of,
    shown_checkpoint,
)
from robustill.report.missing import missing
from robustill.report.records import Group, Pair, Record, Study


@dataclass(frozen=True)
class Verdict:
    """A sentence to read first, then what it rests on."""

    headline: str
    notes: tuple[str, ...]
    tone: Tone | None = None

    def __str__(self) -> str:
        return " ".join((self.headline, *self.notes))


def verdict(study: Study) -> Verdict:
    """Says no more than the numbers: a difference counts as one only where its 95 % interval leaves out zero."""
    metric = headline(metrics_of(study))
    compared = [found for pair in study.pairs if (found := headline_comparison(pair, metric))]
    if len(compared) == 1:
        result = _one_pair(study, compared[0])
    elif compared:
        result = _several_pairs(study, compared)
    elif metric:
        result = _no_pair(study, metric)
    else:
        result = Verdict(_nothing_measured(study), ())
    return Verdict(result.headline, result.notes + missing(study, metric), result.tone)


def added_name(pair: Pair) -> str:
    """What was added, by name: ``IGDM``."""
    return " + ".join(component(term) for term in pair.plus.terms[1:])


def _points(comparison: Comparison) -> str:
    difference = abs(100 * comparison.mean)
    if round(difference, 1) == 0:
        return "no more and no less"
    return f"{difference:.1f} points {'more' if comparison.mean > 0 else 'less'}"


def _under(metric: Metric) -> str:
    return "correct" if metric.key == "clean" else f"correct under {metric.label}"


def _images(study: Study, group: Group, checkpoint: str, n: int) -> str:
    return images(study, next(r.evaluations[checkpoint] for r in group.records if checkpoint in r.evaluations), n)


def _one_pair(study: Study, found: Comparison) -> Verdict:
    name, several = added_name(found.pair), len(found.seeds) > 1
    kept = found.plus_mean
    opening = f"Over {len(found.seeds)} seeds" if several else f"With {name}"
    student = f"the student with {name} keeps on average" if several else "the student keeps"
    sentence = (
        f"{opening} {student} {percent(kept)} of {_images(study, found.pair.plus, found.checkpoint, found.images)} "
        f"{_under(found.metric)}, {_points(found)} than without"
    )
    if found.tone == "unclear":
        sentence += ": too close to call"
    notes = [_certainty(found), *_side_effects(found), *_teacher_note(study, found)]
    return Verdict(f"{sentence}.", tuple(notes), found.tone)


def _certainty(found: Comparison) -> str:
    """How sure the difference is, and what the interval does not contain."""
    which = f"checkpoint “{found.checkpoint}”"
    if len(found.seeds) > 1 and found.interval:
        gained = sum(difference > 0 for difference in found.differences)
        text = f"Paired by seed, the 95 % interval of the mean difference is {_range(found)} points ({which}); "
        return text + f"{gained} of {len(found.seeds)} seeds gained."
    if found.interval:
        zero = "" if found.tone != "unclear" else ", so it holds zero"
        text = f"One seed: over the same images the 95 % interval of the difference is {_range(found)} points ({which})"
        return f"{text}{zero}; how much another seed would change it is not known."
    state = "overlap" if found.overlap else "do not overlap"
    return f"One seed: the 95 % intervals of the two accuracies {state} ({which}); another seed may change the order."


def _range(found: Comparison) -> str:
    assert found.interval is not None
    low, high = (signed(100 * bound, 1) for bound in found.interval)
    return f"{low} to {high}"


def _side_effects(found: Comparison) -> list[str]:
    """Clean accuracy and agreement with the teacher's gradients, with and without."""
    notes = []
    clean = compare(found.pair, found.checkpoint, Metric("clean", accuracy=True))
    if clean and found.metric.key != "clean":
        notes.append(f"Clean accuracy is {percent(clean.plus_mean)}, {_points(clean)} than without.")
    agreements = [compare(found.pair, found.checkpoint, Metric(key, accuracy=False)) for key in AGREEMENT]
    changes = [change for change in agreements if change]
    words = {"better": "closer to", "worse": "farther from", "unclear": "neither clearly closer to nor farther from"}
    numbers = [
        f"{c.metric.label} {c.metric.show(c.plus_mean)} instead of {c.metric.show(c.base_mean)}" for c in changes
    ]
    if len({change.tone for change in changes}) == 1:
        notes.append(f"Its input gradients are {words[changes[0].tone]} the teacher’s: {listing(numbers)}.")
    elif changes:
        told = [f"{number} ({words[c.tone]} it)" for number, c in zip(numbers, changes, strict=True)]
        notes.append(f"Its input gradients and the teacher’s: {listing(told)}.")
    return notes


def _teacher_note(study: Study, found: Comparison) -> list[str]:
    """What the teacher keeps, and how much larger it is."""
    if len(study.teachers) != 1:
        return []
    teacher = Group(study.teachers)
    measured = measure(teacher, shown_checkpoint(study, teacher), found.metric)
    if not measured:
        return []
    big = study.teachers[0].evaluations[measured.checkpoint].parameters
    small = found.pair.plus.records[0].evaluations.get(found.checkpoint)
    larger = f", {big / small.parameters:.0f} times the student’s" if small and big >= 2 * small.parameters > 0 else ""
    return [f"The teacher keeps {percent(measured.mean)} with {count(big)} parameters{larger}."]


def _several_pairs(study: Study, compared: list[Comparison]) -> Verdict:
    tones = [found.tone for found in compared]
    names = dict.fromkeys(added_name(found.pair) for found in compared)
    name = next(iter(names)) if len(names) == 1 else "The added term"
    metric = compared[0].metric
    sentence = (
        f"{name} raised {metric.label} accuracy in {tones.count('better')} of {len(compared)} comparisons, "
        f"lowered it in {tones.count('worse')}, and was too close to call in {tones.count('unclear')}."
    )
    notes = [f"Measured on {measured_on(study)}; differences in points, with their 95 % intervals, paired by seed."]
    for tone, words in (("better", "Raised"), ("worse", "Lowered"), ("unclear", "Too close to call")):
        told = [_brief(study, found) for found in compared if found.tone == tone]
        notes += [f"{words}: {'; '.join(told)}."] if told else []
    if len(compared) > 4:
        notes.append(f"Among {len(compared)} such intervals, about one in twenty leaves zero out by chance alone.")
    return Verdict(sentence, tuple(notes))


def _brief(study: Study, found: Comparison) -> str:
    """``AdaAD +1.5 (+0.5 to +2.4, 2 seeds)``."""
    interval = f"{_range(found)}, " if found.interval else ""
    seeds = count(len(found.seeds), "seed")
    return f"{study.label(found.pair.base)} {signed(100 * found.mean, 1)} ({interval}{seeds}, “{found.checkpoint}”)"


def _no_pair(study: Study, metric: Metric) -> Verdict:
    """The most robust of what was measured; a teacher speaks only where no student can."""
    students = [(study.label(group), group) for group in study.groups]
    teachers = [(study.teacher_label(teacher), Group((teacher,))) for teacher in study.teachers]
    ranked = _ranked(study, students, metric) or _ranked(study, teachers, metric)
    if not ranked:
        return Verdict(_nothing_measured(study), ())
    label, group, measured = ranked[0]
    of = _images(study, group, measured.checkpoint, measured.images[0])
    average = f" on average over {len(measured.values)} seeds" if len(measured.values) > 1 else ""
    comparable = measured_alike([(group, one.checkpoint) for _, group, one in ranked], metric)
    most = f", the most of {len(ranked)} networks" if len(ranked) > 1 and comparable else ""
    low, high = map(percent, measured.interval)
    notes = [f"Its 95 % interval is {low} to {high} (checkpoint “{measured.checkpoint}”)."]
    if not comparable:
        notes.append("The networks were not measured alike, so they are not ranked.")
    elif len(ranked) > 1:
        second, _, other = ranked[1]
        state = "overlap" if other.interval[1] >= measured.interval[0] else "do not overlap"
        notes.append(f"Next is {second} with {percent(other.mean)}; the 95 % intervals {state}.")
    clean = measure(group, measured.checkpoint, Metric("clean", accuracy=True))
    if clean and metric.key != "clean":
        notes.append(f"It has {percent(clean.mean)} of the unchanged images right.")
    who = "The teacher" if label == "Teacher" else label
    return Verdict(f"{who} keeps {percent(measured.mean)} of {of} {_under(metric)}{average}{most}.", tuple(notes))


def _ranked(study: Study, networks: list[tuple[str, Group]], metric: Metric) -> list[tuple[str, Group, Measurement]]:
    found = [(name, group, measure(group, shown_checkpoint(study, group), metric)) for name, group in networks]
    measured = [(name, group, measurement) for name, group, measurement in found if measurement]
    return sorted(measured, key=lambda row: -row[2].mean)


def _nothing_measured(study: Study) -> str:
    begun = [record for record in study.records if record.metrics]
    if not begun:
        return "Nothing has been measured yet."
    if any(record.unfinished for record in begun):
        return f"Still training: {_progress(begun)}; nothing has been evaluated yet."
    return "Training has finished; nothing has been evaluated yet."


def _progress(records: list[Record]) -> str:
    done, planned = sum(r.done for r in records), sum(r.planned for r in records)
    return f"{done} of {planned} epochs are done"
