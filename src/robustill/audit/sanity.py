"""C: the attacks against each other. Whatever should be stronger is, image by image."""

from __future__ import annotations

from dataclasses import replace

import torch

from robustill.attacks import FGSM, Adversary, Ascent, Margin, Square, UniformNoise
from robustill.audit.check import CONTRACT, Check, Reading, Skipped
from robustill.audit.subject import Flags, Subject

MULTIPLES = (0.5, 1, 2, 4, 8)
DRAWS = 10


class StrongerThanOneStep(Check):
    """Images that FGSM breaks and PGD does not."""

    id = "C16"
    title = "PGD is at least as strong as FGSM"
    meaning = "One step does what many do not: the steps run against a masked gradient, or too far."
    presupposes = CONTRACT
    unit = "%"
    fail: float = 0.01

    def measure(self, subject: Subject) -> Reading:
        one, many = subject.under(FGSM(budget=subject.budget)), subject.under(subject.pgd())
        return Reading.share(int((~one.correct & many.correct).sum()), len(subject), "images fall to FGSM alone")


class StrongestOfAll(Check):
    """Images that AutoAttack leaves standing and another attack breaks."""

    id = "C17"
    title = "AutoAttack is at least as strong as every other attack"
    meaning = "The strongest number is not a lower one: report the worst case of all attacks, image by image."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0
    fail: float = 0.005

    def measure(self, subject: Subject) -> Reading:
        pgd = subject.pgd()
        others = {
            "FGSM": FGSM(budget=subject.budget),
            "PGD": pgd,
            "PGD from more starts": _again(subject),
            "PGD on the margin": Ascent(attack=pgd, loss=Margin()),
        }
        broken = {
            name: ~subject.under(attack).correct[subject.strong] & subject.stands for name, attack in others.items()
        }
        by = ", ".join(name for name, flags in broken.items() if flags.any())
        missed = int(torch.stack(list(broken.values())).any(0).sum())
        said = f"images are missed; AutoAttack {subject.effort.version} leaves {int(subject.stands.sum())}"
        return Reading.share(missed, len(subject.strong), said + (f"; missed ones fall to {by}" if by else ""))


class Converged(Check):
    """What twice the steps of PGD take from robust accuracy."""

    id = "C18"
    title = "Twice the steps change nothing"
    meaning = "The attack had not ended; more steps lower the number further."
    presupposes = CONTRACT
    unit = "%"
    fail: float = 0.005

    def measure(self, subject: Subject) -> Reading:
        once, twice = subject.pgd(), subject.pgd(times=2)
        steps = f"{once.steps} to {twice.steps} steps"
        return _drop(subject.under(once).correct, subject.under(twice).correct, f"fewer stand from {steps}")


class Restarted(Check):
    """What restarts of PGD take from robust accuracy."""

    id = "C19"
    title = "Restarts change nothing"
    meaning = "One start is too few; the number depends on luck."
    presupposes = CONTRACT
    unit = "%"
    fail: float = 0.005

    def measure(self, subject: Subject) -> Reading:
        once, again = subject.under(subject.pgd()).correct, subject.under(_again(subject)).correct
        return _drop(once, once & again, f"fewer stand after {subject.effort.restarts} starts")


class GrowsWithTheBudget(Check):
    """What robust accuracy gains as the budget grows, or what it has above chance at the largest, whichever is more."""

    id = "C20"
    title = "A larger budget breaks more, and in the end everything"
    meaning = "Some images cannot be broken by any change: the attack does not see them."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0.01
    fail: float = 0.02

    def measure(self, subject: Subject) -> Reading:
        nothing = subject.under(replace(subject.pgd(subject.ball(1e-9)), steps=1)).correct
        budgets = [subject.ball(times) for times in MULTIPLES]
        standing = [int(subject.under(subject.pgd(budget)).correct.sum()) for budget in budgets]
        n, clean = len(subject), int(subject.correct.sum())
        gained = max(later - earlier for earlier, later in zip([clean, *standing], standing, strict=False))
        left = standing[-1] - round(subject.chance * n)
        curve = " ".join(f"{count / n:.0%}" for count in standing)
        said = f"images too many; {clean / n:.0%} clean, then {curve} at {budgets[0]} to {budgets[-1]}"
        if not torch.equal(nothing, subject.correct):
            return Reading.of(1.0, "a budget of nothing changes verdicts: the attack leaves its ball")
        return Reading.share(max(0, gained, left), n, said)


class StrongerThanNoise(Check):
    """By how much random noise is stronger than PGD."""

    id = "C21"
    title = "Random noise is weaker than PGD"
    meaning = "Blind draws find what the gradient does not: the gradient is masked."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0
    fail: float = 0.005

    def measure(self, subject: Subject) -> Reading:
        noise = subject.under(UniformNoise(budget=subject.budget, draws=DRAWS)).correct
        return _drop(subject.under(subject.pgd()).correct, noise, f"fewer stand under {DRAWS} random draws")


class StrongerThanQueries(Check):
    """What Square takes from what AutoAttack's gradients left standing."""

    id = "C22"
    title = "Square adds next to nothing to AutoAttack"
    meaning = "A search without gradients finds what gradients do not: they are masked."
    presupposes = CONTRACT
    unit = "%"
    fail: float = 0.002

    def measure(self, subject: Subject) -> Reading:
        staged = subject.autoattack
        if "square" in staged.stages:
            broken = int((staged.broken_by == staged.stages.index("square")).sum())
            return Reading.share(broken, len(subject.strong), "images fall to Square alone")
        rows = subject.strong[subject.stands]
        if not len(rows):
            return Reading.share(0, len(subject.strong), "images fall to Square alone; none is left for it")
        square = Square(budget=subject.budget, queries=subject.effort.queries)
        found = square(subject.model, subject.x[rows], subject.y[rows], generator=subject.noise("square"))
        broken = int((subject.ask(found).argmax(1) != subject.y[rows]).sum())
        said = f"images fall to {square.queries} queries of Square alone"
        return Reading.share(broken, len(subject.strong), said)


class StrongerThanTransfer(Check):
    """By how much PGD on the teacher, shown to the network, is stronger than PGD on the network itself."""

    id = "C23"
    title = "Transfer from the teacher is weaker than PGD"
    meaning = "Another network's gradients break what its own do not: its own are masked."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0
    fail: float = 0.005

    def measure(self, subject: Subject) -> Reading | Skipped:
        if subject.teacher is None:
            return Skipped("no teacher was given")
        shown = subject.teacher.under(subject.teacher.pgd()).images
        transferred = subject.ask(shown).argmax(1) == subject.y[subject.strong]
        own = subject.under(subject.pgd()).correct[subject.strong]
        return _drop(own, transferred, "fewer stand under the teacher's adversarial examples")


class CrossEntropyIsEnough(Check):
    """Images that stood APGD on cross-entropy and fall to the later attacks of AutoAttack."""

    id = "C24"
    title = "Targeted attacks find little that cross-entropy does not"
    meaning = "Cross-entropy is the wrong loss for this network; any number from PGD alone is far too high."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0.05
    fail: float = 0.1

    def measure(self, subject: Subject) -> Reading:
        staged = subject.autoattack
        later = int((staged.broken_by > staged.stages.index("apgd-ce")).sum())
        return Reading.share(later, len(subject.strong), f"images stood {staged.stages[1]} and fall to what follows")


class NoSilentSuccess(Check):
    """Images on which the network erred somewhere on PGD's way, and not where PGD ended."""

    id = "C25"
    title = "No success is thrown away"
    meaning = "PGD had an adversarial example and returned another image: its number is that much too high."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0.01
    fail: float = 0.05

    def measure(self, subject: Subject) -> Reading:
        attacked = subject.under(subject.pgd())
        assert attacked.touched is not None  # PGD climbs a loss
        lost = subject.correct & attacked.touched & attacked.correct
        return Reading.share(int(lost.sum()), len(subject), "images were broken on the way only")


class Verified(Check):
    """Adversarial examples that break a rule, or that the network gets right when asked in batches of another size.

    In [0, 1], finite, of a norm of at most the radius, misclassified in float32; those of PGD and of AutoAttack.
    """

    id = "C26"
    title = "Adversarial examples are what they claim"
    meaning = "Images counted as broken are not, or by more than the budget allows."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0
    fail: float = 0.005

    def measure(self, subject: Subject) -> Reading:
        pgd, strong = subject.under(subject.pgd()), subject.strong
        rows = torch.cat([(subject.correct & ~pgd.correct).nonzero().squeeze(1), strong[_newly_broken(subject)]])
        images = torch.cat(
            [pgd.images[subject.correct & ~pgd.correct], subject.autoattack.images[_newly_broken(subject)]]
        )
        if not len(rows):
            return Reading.of(0.0, "no attack broke an image")
        within = subject.budget.holds(images - subject.x[rows]) & _in_range(images)
        if not within.all():
            return Reading.of(1.0, f"{int((~within).sum())} of {len(rows)} examples leave the budget or [0, 1]")
        right = subject.ask(images, batch=7).argmax(1) == subject.y[rows]
        return Reading.share(int(right.sum()), len(rows), "examples are classified correctly after all")


def _again(subject: Subject) -> Adversary:
    """PGD from as many starts as the audit asks about; the first may be that of PGD itself."""
    return Ascent(attack=subject.pgd(), restarts=subject.effort.restarts)


def _drop(before: Flags, after: Flags, what: str) -> Reading:
    """What is lost from one set of verdicts to another; a gain is no loss."""
    return Reading.share(max(0, int(before.sum()) - int(after.sum())), len(before), f"images {what}")


def _newly_broken(subject: Subject) -> Flags:
    return subject.autoattack.broken_by > 0


def _in_range(images: torch.Tensor) -> Flags:
    flat = images.flatten(1)
    inside: Flags = flat.isfinite().all(1) & (flat >= 0).all(1) & (flat <= 1).all(1)
    return inside
