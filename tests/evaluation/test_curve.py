"""Accuracy against the radius: exact where the answer is known, monotone, and cheap."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator, nn

from robustill.attacks import L2, PGD, Adversary, Ascent, AutoAttack, Budget, Clean, Foreign, Linf, Margin, Zero
from robustill.data import Split, to_float
from robustill.evaluation import Curve, Under, evaluate, measure_batches
from robustill.evaluation.curve import withstood
from robustill.evaluation.radius import budget_of, rescaled
from robustill.types import Images, Labels
from tests.evaluation.brief import Brief
from tests.evaluation.test_accuracy import coloured, linear_case
from tests.networks import Counting, conv_net, modes
from tests.small import assert_same, tensors

LEVELS = (1, 2, 4, 8, 16)
RADII = tuple(level / 255 for level in LEVELS)


def pgd(level: float, **changes: object) -> PGD:
    return PGD(budget=Linf(level / 255), steps=20, step_size=level / 255 / 4, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("own", LEVELS)
def test_a_linear_network_withstands_exactly_the_radii_below_its_margin(own: int) -> None:
    network, split, distance = linear_case()
    curve = Curve(Under("pgd20", pgd(own)), RADII)
    found = measure_batches(network, split, curve, batch_size=50)["withstood_pgd20"]
    expected = (distance > 0).long() + sum((distance > radius).long() for radius in RADII)
    assert torch.equal(torch.from_numpy(found).long(), expected)
    assert len(set(expected.tolist())) == 7  # every outcome there is


def test_the_points_of_an_evaluation_fall_with_the_radius_from_clean_accuracy() -> None:
    network, split, distance = linear_case()
    adversaries = {"clean": Clean(), "pgd20": pgd(4)}
    found = evaluate(network, split, adversaries=adversaries, radii={"pgd20": RADII})
    points = found.curves["pgd20"]
    assert [point.radius for point in points] == [0, *RADII]
    assert [point.accuracy.correct for point in points] == [int((distance > r).sum()) for r in (0, *RADII)]
    assert points[0].accuracy.correct == found.accuracies["clean"].correct
    assert points[3].accuracy.correct == found.accuracies["pgd20"].correct
    assert points[0].accuracy.adversary == "Clean()"
    assert points[5].accuracy.adversary.startswith("PGD(budget=Linf(16/255), steps=20, step_size=4/255")


def test_the_verdicts_at_the_own_radius_are_those_without_a_curve() -> None:
    network, under = conv_net(), Under("pgd20", pgd(8))
    plain = measure_batches(network, coloured(), under, batch_size=20, seed=3)
    curve = measure_batches(network, coloured(), Curve(under, RADII), batch_size=20, seed=3)
    assert (plain["correct_pgd20"] == curve["correct_pgd20"]).all()


def test_autoattack_keeps_who_broke_what_at_its_own_radius() -> None:
    network, split = conv_net(classes=4), coloured().subset(torch.arange(12))
    under = Under("aa", Brief(budget=Linf(2 / 255), version="quick"))
    found = measure_batches(network, split, Curve(under, (1 / 255, 4 / 255)))
    assert found.keys() == {"correct_aa", "broken_by_aa", "withstood_aa"}
    assert (found["broken_by_aa"] == measure_batches(network, split, under)["broken_by_aa"]).all()
    assert ((found["withstood_aa"] >= 3) == found["correct_aa"]).all()


class Ghost(Adversary):
    """Breaks an image, whatever the network says, from a radius of its own on, and counts how often it is asked."""

    budget: Budget
    asked: tuple[list[int], ...] = ()

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        self.asked[0].append(len(x))
        return x


@pytest.mark.parametrize("count", range(1, 12))
def test_an_image_that_withstands_every_radius_is_attacked_a_logarithmic_number_of_times(count: int) -> None:
    network, split, distance = linear_case()
    robust = split.subset((distance > 0).nonzero().squeeze(1))
    radii, asked = tuple(level / 255 for level in range(1, count + 1)), list[int]()
    own = radii[(count - 1) // 2]
    curve = Curve(Under("ghost", Ghost(budget=Linf(own), asked=(asked,))), radii)
    found = measure_batches(network, robust, curve)["withstood_ghost"]
    assert (found == count + 1).all()  # the ghost changes nothing
    assert sum(asked) <= len(robust) * (1 + math.floor(math.log2(count - (count - 1) // 2)))
    if count == 5:
        assert sum(asked) == 2 * len(robust)


def test_five_radii_cost_about_twice_one() -> None:
    """Counted in images that pass through the network, of all images, those that break included."""
    network, split, _ = linear_case()
    counting = Counting(network, 1)
    attack = Brief(budget=Linf(4 / 255))
    costs = []
    for measurement in (Under("aa", attack), Curve(Under("aa", attack), RADII)):
        counting.images = 0
        measure_batches(counting, split, measurement)
        costs.append(counting.images)
    assert 1.2 * costs[0] < costs[1] < 2.2 * costs[0]


def test_what_the_model_gets_wrong_is_broken_at_every_radius_and_not_attacked_further() -> None:
    network, split, distance = linear_case()
    wrong, asked = split.subset((distance < 0).nonzero().squeeze(1)), list[int]()
    curve = Curve(Under("ghost", Ghost(budget=Linf(RADII[2]), asked=(asked,))), RADII)
    assert (measure_batches(network, wrong, curve)["withstood_ghost"] == 0).all()
    assert asked == [len(wrong)]  # the first, as every evaluation attacks them


def test_no_trace_is_left() -> None:
    network = conv_net().train()
    before = (tensors(network), modes(network), torch.get_rng_state())
    measure_batches(network, coloured(), Curve(Under("pgd20", pgd(8)), RADII), batch_size=20)
    assert_same((tensors(network), modes(network), torch.get_rng_state()), before)
    assert all(p.grad is None and p.requires_grad for p in network.parameters())


def test_progress_is_told_for_the_images_that_withstand() -> None:
    assert Curve(Under("pgd20", pgd(4)), RADII).passes == 1 + 2 * 41
    assert [withstood(n) for n in range(8)] == [0, 1, 1, 2, 2, 2, 2, 3]


# The radius of an adversary


@pytest.mark.parametrize(
    ("adversary", "expected"),
    [
        (pgd(8), "PGD(budget=Linf(4/255), steps=20, step_size=1/255)"),
        (
            Ascent(attack=PGD(budget=L2(1.0), step_size=0.5, start=Zero()), loss=Margin(), restarts=2),
            "Ascent(attack=PGD(budget=L2(4/255), step_size=2/255, start=Zero()), loss=Margin(), restarts=2)",
        ),
        (AutoAttack(budget=Linf(8 / 255), seed=3), "AutoAttack(budget=Linf(4/255), seed=3)"),
    ],
)
def test_another_radius_moves_the_steps_along(adversary: Adversary, expected: str) -> None:
    found = rescaled(adversary, 4 / 255)
    assert repr(found) == expected
    budget = budget_of(found)
    assert budget is not None and budget.radius == 4 / 255


def test_an_adversary_without_a_ball_has_no_radius() -> None:
    assert budget_of(Clean()) is None and rescaled(Clean(), 0.5) == Clean()
    with pytest.raises(ValueError, match=r"A curve over radii needs an adversary with a budget\. Found: Clean\(\)"):
        Curve(Under("clean", Clean()), RADII)


def test_somebody_elses_function_has_no_other_radius() -> None:
    foreign = Foreign(function=lambda model, x, y: x, budget=Linf(8 / 255), name="theirs")
    with pytest.raises(ValueError, match=r"theirs is a function that searches the ball it was written for"):
        Curve(Under("theirs", foreign), RADII)


@pytest.mark.parametrize("other", [0.0, -1.0, 2.0])
def test_a_radius_that_is_none_is_refused_at_once(other: float) -> None:
    with pytest.raises(ValueError, match=r"Linf requires a .*radius"):
        Curve(Under("pgd20", pgd(8)), (4 / 255, other))


def test_the_split_is_what_the_tests_say_it_is() -> None:
    _, split, distance = linear_case()
    assert isinstance(split, Split) and to_float(split.images).min() > RADII[-1]
    assert 0 < (distance < 0).sum() < len(split)
