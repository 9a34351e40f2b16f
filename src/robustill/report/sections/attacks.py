"""AutoAttack in parts: what each of its attacks breaks, and what PGD alone had missed."""

from __future__ import annotations

from robustill.report.figures import Look, Series, dot_rows, waterfall
from robustill.report.labels import adversary, percent
from robustill.report.measures import STRONGEST
from robustill.report.records import Study
from robustill.report.sections.base import Chart, Fold, Key, Panel, Section
from robustill.report.sections.networks import HEAD, Network, networks, shares
from robustill.report.svg import COLOURS
from robustill.report.table import Column, Table
from robustill.results import Accuracy, Evaluation

MOST = 12
"""Networks that are drawn; the table has all."""


def stages(study: Study) -> Section | None:
    """A waterfall for each network: what was correct still after each attack of an AutoAttack."""
    staged = [(network, found) for network in networks(study) if (found := _stages(network))]
    if not staged:
        return None
    charts = []
    for at, (network, found) in enumerate(staged[:MOST]):
        told = ", ".join(f"{stage} {percent(share)}" for stage, share in found.items())
        axes = waterfall(list(found), [100 * share for share in found.values()])
        charts.append(
            Chart(axes, f"stages-{at}", f"{network.label}, correct after each attack: {told}.", network.label)
        )
    lead = (
        "AutoAttack runs its attacks one after the other, each on what the ones before left standing. Blue is what "
        "still stood after an attack, orange what it broke."
    )
    if len(staged) > MOST:
        lead += f" The first {MOST} of {len(staged)} networks are drawn; the table has all."
    names = list(dict.fromkeys(stage for _, found in staged for stage in found))
    rows = [
        (*network.cells(_accuracy(network).n), *(shares(found.get(stage)) for stage in names))
        for network, found in staged
    ]
    texts = dict.fromkeys(_accuracy(network).adversary for network, _ in staged)
    caption = f"Correct (%) after each attack. {'; '.join(texts)}"
    table = Table(caption, (*HEAD, *(Column(name, scale=100) for name in names)), tuple(rows), "stages")
    return Section(
        "stages",
        "Attack by attack",
        lead,
        panels=(Panel(tuple(charts), "small"),),
        folds=(Fold("Data of these charts", (table,)),),
    )


def _stages(network: Network) -> dict[str, float]:
    """Stage -> mean share correct over the seeds that were attacked as the first one was."""
    found = [accuracy for e in network.evaluations if (accuracy := _staged(e))]
    kinds = [(one.adversary, [*(one.stages or {})]) for one in found]
    alike = [(one.stages or {}, one.n) for one, kind in zip(found, kinds, strict=True) if kind == kinds[0]]
    return {stage: sum(stages[stage] / n for stages, n in alike) / len(alike) for stage in alike[0][0]} if alike else {}


def _staged(evaluation: Evaluation) -> Accuracy | None:
    return next((accuracy for accuracy in evaluation.accuracies.values() if accuracy.stages), None)


def _accuracy(network: Network) -> Accuracy:
    return next(accuracy for e in network.evaluations if (accuracy := _staged(e)))


def gap(study: Study) -> Section | None:
    """How much lower AutoAttack is than PGD, where both were run on the same images."""
    shown = [(network, found) for network in networks(study) if (found := _both(network))]
    if not shown:
        return None
    weak, strong = _names(shown[0][0].evaluations)
    series = [
        Series(adversary(weak), [100 * found[0] for _, found in shown], Look(COLOURS["c2"], filled=False)),
        Series(adversary(strong), [100 * found[1] for _, found in shown], Look(COLOURS["c1"])),
    ]
    names = [f"{network.label}: −{100 * (found[0] - found[1]):.1f}" for network, found in shown]
    names = [name.replace("−-", "+") for name in names]
    told = [f"{n.label} {percent(found[0])} and {percent(found[1])}" for n, found in shown]
    alt = f"{adversary(weak)} and {adversary(strong)} accuracy: {'; '.join(told)}."
    chart = Chart(dot_rows(names, series, "accuracy (%)", spans=True, wide=True), "gap", alt)
    rows = [
        (*n.cells(_n(n, strong)), shares(found[0]), shares(found[1]), shares(found[1] - found[0])) for n, found in shown
    ]
    titles = (f"{adversary(weak)} %", f"{adversary(strong)} %", "Difference")
    table = Table(
        f"{adversary(weak)} and {adversary(strong)} on the same images.",
        (*HEAD, *(Column(title, scale=100) for title in titles)),
        tuple(rows),
        "gap",
    )
    lead = (
        f"{adversary(weak)} finds less than {adversary(strong)}: an accuracy under {adversary(weak)} alone is an upper "
        "bound. A network with a much wider gap than the others may hide its gradients: “robustill audit” asks that."
    )
    return Section(
        "gap",
        f"{adversary(weak)} and {adversary(strong)}",
        lead,
        panels=(Panel((chart,), "large", keys=tuple(Key(one.label, one.look) for one in series)),),
        folds=(Fold("Data of this chart", (table,)),),
    )


def _names(evaluations: list[Evaluation]) -> tuple[str, str]:
    """The keys of PGD and of AutoAttack; empty where one was not run."""
    names = [set(evaluation.accuracies) for evaluation in evaluations]
    shared = sorted(set.intersection(*names)) if names else []
    weak = next((name for name in shared if name.startswith("pgd") and "@" not in name), "")
    return weak, next((name for name in STRONGEST if name in shared), "")


def _both(network: Network) -> tuple[float, float] | None:
    weak, strong = _names(network.evaluations)
    if not weak or not strong or any(e.accuracies[weak].n != e.accuracies[strong].n for e in network.evaluations):
        return None
    before = network.mean(lambda evaluation: evaluation.accuracies[weak].accuracy)
    after = network.mean(lambda evaluation: evaluation.accuracies[strong].accuracy)
    assert before is not None and after is not None  # every seed has both
    return before, after


def _n(network: Network, attack: str) -> int:
    return network.evaluations[0].accuracies[attack].n
