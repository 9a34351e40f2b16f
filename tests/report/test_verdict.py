from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from robustill.report import read_study, verdict
from robustill.report.measures import Metric, compare, headline, metrics_of
from robustill.report.tiles import tiles
from robustill.results import RunDirectory
from tests.report.fabricate import evaluate, run_directory, teacher_directory

IGDM = "PGDAT() + IGDM(alpha=10)"
SUBSET = "a subset of 400 of the 2,000 test images"


def pair(folder: Path, base: Sequence[float], plus: Sequence[float]) -> list[Path]:
    """A base method and the same with IGDM, one seed for each pair of PGD-20 accuracies."""
    paths = []
    for seed, (before, after) in enumerate(zip(base, plus, strict=True)):
        for name, method, share in (("base", "PGDAT()", before), ("igdm", IGDM, after)):
            accuracies = {"best": {"clean": 0.88, "pgd20": share}}
            paths.append(run_directory(folder / f"{name}{seed}", method=method, seed=seed, accuracies=accuracies))
    return paths


def words(paths: Sequence[Path]) -> str:
    return str(verdict(read_study(paths))).replace("\u00a0", " ")


def test_better(tmp_path: Path) -> None:
    paths = pair(tmp_path, [0.7], [0.8])
    assert words(paths).startswith(
        f"With IGDM the student keeps 80.0 % of {SUBSET} correct under PGD-20, 10.0 points more than without. "
        "One seed: over the same images the 95 % interval of the difference is +7.0 to +12.9 points"
    )
    assert verdict(read_study(paths)).tone == "better"


def test_worse(tmp_path: Path) -> None:
    paths = pair(tmp_path, [0.8], [0.7])
    assert f"keeps 70.0 % of {SUBSET} correct under PGD-20, 10.0 points less than without." in words(paths)
    assert verdict(read_study(paths)).tone == "worse"


def test_a_difference_whose_interval_holds_zero_is_too_close_to_call(tmp_path: Path) -> None:
    paths = pair(tmp_path, [0.7], [0.71])
    text = words(paths)
    assert f"71.0 % of {SUBSET} correct under PGD-20, 1.0 points more than without: too close to call." in text
    assert "so it holds zero" in text
    assert verdict(read_study(paths)).tone == "unclear"


def test_no_difference(tmp_path: Path) -> None:
    assert "no more and no less than without: too close to call." in words(pair(tmp_path, [0.7], [0.7]))


def test_without_the_flags_of_the_images_the_two_intervals_are_compared(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / "base"), run_directory(tmp_path / "igdm", method=IGDM)]
    for path, share in zip(paths, (0.7, 0.72), strict=True):
        evaluate(path, "last", {"clean": 0.9, "pgd20": share}, flags=False)
    assert "too close to call. One seed: the 95 % intervals of the two accuracies overlap" in words(paths)
    evaluate(paths[1], "last", {"clean": 0.9, "pgd20": 0.9}, flags=False)
    assert "20.0 points more than without. One seed: the 95 % intervals of the two accuracies do not overlap" in words(
        paths
    )


def test_several_seeds_are_judged_by_their_paired_differences(tmp_path: Path) -> None:
    clear = words(pair(tmp_path / "clear", [0.70, 0.72, 0.74], [0.75, 0.7725, 0.7925]))
    assert clear.startswith(
        f"Over 3 seeds the student with IGDM keeps on average 77.2 % of {SUBSET} correct under PGD-20, "
        "5.2 points more than without. Paired by seed, the 95 % interval of the mean difference is +4.8 to +5.5 points"
    )
    assert "3 of 3 seeds gained" in clear
    unclear = words(pair(tmp_path / "unclear", [0.70, 0.72, 0.74], [0.75, 0.72, 0.74]))
    assert "1.7 points more than without: too close to call." in unclear
    assert "1 of 3 seeds gained" in unclear


def test_the_gradients_are_called_closer_only_if_they_are(tmp_path: Path) -> None:
    accuracies = {"best": {"clean": 0.9, "pgd20": 0.8}}
    base = run_directory(tmp_path / "base", accuracies=accuracies, agreement=(0.5, 0.6))

    def said(name: str, agreement: tuple[float, float]) -> str:
        return words([base, run_directory(tmp_path / name, method=IGDM, accuracies=accuracies, agreement=agreement)])

    assert "Its input gradients are closer to the teacher’s: GD 0.4" in said("closer", (0.4, 0.7))
    assert "Its input gradients are farther from the teacher’s: GD 0.6" in said("farther", (0.6, 0.5))
    assert "(closer to it) and GC 0.5" in said("mixed", (0.4, 0.5))
    assert "neither clearly closer to nor farther from the teacher’s" in said("same", (0.5, 0.6))


def test_several_pairs_are_counted(tmp_path: Path) -> None:
    paths = pair(tmp_path, [0.7], [0.8])
    for name, method, share in (("r", "RSLAD()", 0.8), ("ri", "RSLAD() + IGDM(alpha=5)", 0.7)):
        paths.append(run_directory(tmp_path / name, method=method, accuracies={"best": {"clean": 0.9, "pgd20": share}}))
    text = words(paths)
    assert text.startswith("IGDM raised PGD-20 accuracy in 1 of 2 comparisons, lowered it in 1, and was too close to")
    assert "Raised: PGDAT +10.0 (+7.0 to +12.9, 1 seed, “best”)." in text
    assert "Lowered: RSLAD −10.0 (−12.9 to −7.0, 1 seed, “best”)." in text
    assert f"Measured on {SUBSET} of demo" in text


def test_one_run_is_described_and_nothing_is_claimed_about_a_term(tmp_path: Path) -> None:
    text = words([run_directory(tmp_path / "run", accuracies={"last": {"clean": 0.9, "pgd20": 0.75}})])
    assert text.startswith(f"PGDAT keeps 75.0 % of {SUBSET} correct under PGD-20. Its 95 % interval is 70.5 % to")
    assert "90.0 % of the unchanged images right" in text
    assert "what such a term (IGDM) changes is not shown" in text


def test_unpaired_runs_are_ranked_with_their_intervals(tmp_path: Path) -> None:
    paths = [
        run_directory(tmp_path / name, method=f"{name}()", accuracies={"last": {"clean": 0.9, "pgd20": share}})
        for name, share in (("A", 0.7), ("B", 0.75), ("C", 0.2))
    ]
    text = words(paths)
    assert text.startswith(f"B keeps 75.0 % of {SUBSET} correct under PGD-20, the most of 3 networks.")
    assert "Next is A with 70.0 %; the 95 % intervals overlap." in text


def test_a_network_of_which_nothing_is_known_is_called_by_its_directory(tmp_path: Path) -> None:
    text = words([teacher_directory(tmp_path / "t", {"clean": 0.9, "pgd20": 0.84})])
    assert text.startswith("t keeps 84.0 % of 400 test images correct under PGD-20.")


def test_a_teacher_beside_a_pair_is_compared_in_size(tmp_path: Path) -> None:
    teacher = teacher_directory(tmp_path / "t", {"clean": 0.9, "pgd20": 0.84})
    assert "The teacher keeps 84.0 % with 839,434 parameters, 41 times the student’s." in words(
        [teacher, *pair(tmp_path, [0.7], [0.8])]
    )


def test_a_run_still_training(tmp_path: Path) -> None:
    text = words([run_directory(tmp_path / "run", epochs=20, done=7)])
    assert text.startswith("Still training: 7 of 20 epochs are done; nothing has been evaluated yet.")
    assert "of its validation images correct under attack after its last finished epoch" in text


def test_a_run_without_validation_claims_none(tmp_path: Path) -> None:
    assert "validation" not in words([run_directory(tmp_path / "run", epochs=20, done=7, validated=False)])


def test_trained_but_not_evaluated(tmp_path: Path) -> None:
    text = words([run_directory(tmp_path / "run")])
    assert text.startswith("Training has finished; nothing has been evaluated yet.")
    assert "PGDAT has not been evaluated: “robustill evaluate” does that." in text


def test_nothing_but_settings(tmp_path: Path) -> None:
    assert words([run_directory(tmp_path / "run", done=0)]).startswith("Nothing has been measured yet.")


def test_half_a_pair_names_what_is_missing(tmp_path: Path) -> None:
    base = run_directory(tmp_path / "base", accuracies={"best": {"clean": 0.9, "pgd20": 0.8}})
    text = words([base, run_directory(tmp_path / "igdm", method=IGDM, epochs=6, done=2)])
    assert text.startswith("PGDAT keeps 80.0 %")
    assert "PGDAT + IGDM(alpha=10) has finished 2 of 6 epochs so far." in text
    assert "PGDAT + IGDM(alpha=10) has not been evaluated." in text


def test_numbers_of_an_unfinished_run_are_said_not_to_be_final(tmp_path: Path) -> None:
    path = run_directory(tmp_path / "run", done=3, accuracies={"last": {"clean": 0.9, "pgd20": 0.8}})
    assert "has finished 3 of 6 epochs so far; its numbers are not final." in words([path])


def test_a_pair_without_a_common_seed_is_not_compared(tmp_path: Path) -> None:
    accuracies = {"best": {"clean": 0.9, "pgd20": 0.8}}
    base = run_directory(tmp_path / "base", seed=0, accuracies=accuracies)
    plus = run_directory(tmp_path / "plus", seed=1, method=IGDM, accuracies=accuracies)
    assert "have no seed in common, so they are not compared" in words([base, plus])


def test_only_common_seeds_are_compared(tmp_path: Path) -> None:
    paths = pair(tmp_path, [0.7, 0.7, 0.1], [0.8, 0.81, 0.8])
    text = words(paths[:4] + paths[5:])  # the last base run is left out
    assert text.startswith("Over 2 seeds the student with IGDM keeps on average 80.5 %")
    assert "have 2 of 3 seeds in common; only those are compared" in text


def test_different_attacks_are_not_compared(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / "base"), run_directory(tmp_path / "igdm", method=IGDM)]
    evaluate(paths[0], "best", {"clean": 0.9, "pgd20": 0.7})
    evaluate(paths[1], "best", {"clean": 0.9, "pgd20": 0.8}, adversary="PGD(budget=Linf(4/255), steps=20)")
    assert "were not measured alike, so they are not compared" in words(paths)


WEAK = "PGD(budget=Linf(2/255), steps=20)"


def test_networks_that_were_not_measured_alike_are_not_ranked(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / name, method=f"{name}()") for name in "AB"]
    evaluate(paths[0], "best", {"clean": 0.9, "pgd20": 0.4})
    evaluate(paths[1], "best", {"clean": 0.9, "pgd20": 0.7}, adversary=WEAK)
    text = words(paths)
    assert "The networks were not measured alike, so they are not ranked." in text
    assert "the most of" not in text and "Next is" not in text


def test_seeds_that_were_not_measured_alike_share_no_mean(tmp_path: Path) -> None:
    paths = pair(tmp_path, [0.5, 0.5], [0.6, 0.9])
    for path in paths[2:]:
        evaluate(path, "best", {"clean": 0.88, "pgd20": 0.9}, adversary=WEAK)
    text = words(paths)
    assert "keeps 60.0 %" in text and "10.0 points more" in text
    assert "PGDAT: only 1 of 2 seeds were measured alike and are in its PGD-20 mean." in text


def resaved(path: Path, **changes: object) -> None:
    """An evaluation with other entries."""
    run = RunDirectory(path)
    found = replace(run.evaluations()["best"], arrays=run.arrays("best"))
    run.save_evaluation("best", replace(found, **changes))  # type: ignore[arg-type]  # the entries of an evaluation


def test_another_sample_is_not_compared_image_by_image_and_all_images_are(tmp_path: Path) -> None:
    paths = pair(tmp_path, [0.5], [0.6])
    resaved(paths[1], seed=7)
    assert "were not measured alike, so they are not compared" in words(paths)
    for path, share in zip(paths, (0.5, 0.6), strict=True):
        evaluate(path, "best", {"clean": 0.88, "pgd20": share}, n=2000)
    resaved(paths[1], seed=7)
    assert "10.0 points more than without. One seed: over the same images" in words(paths)


def test_agreement_with_another_teacher_is_not_compared(tmp_path: Path) -> None:
    paths = pair(tmp_path, [0.5], [0.6])
    assert "Its input gradients are" in words(paths)
    resaved(paths[1], teacher="run:elsewhere/teacher")
    assert "Its input gradients are" not in words(paths)


def test_the_verdict_reads_autoattack_where_it_was_run(tmp_path: Path) -> None:
    path = run_directory(tmp_path / "run", accuracies={"best": {"aa": 0.4, "clean": 0.9, "pgd20": 0.5}})
    metrics = metrics_of(read_study([path]))
    assert [metric.key for metric in metrics] == ["clean", "aa", "pgd20", "gd", "gc"]
    assert headline(metrics) == Metric("aa", accuracy=True)
    assert f"40.0 % of {SUBSET} correct under AutoAttack" in words([path])


def test_a_comparison_is_of_the_same_seed(tmp_path: Path) -> None:
    (found,) = read_study(pair(tmp_path, [0.5, 0.6], [0.7, 0.9])).pairs
    compared = compare(found, "best", Metric("pgd20", accuracy=True))
    assert compared is not None
    assert compared.differences == pytest.approx((0.2, 0.3))
    assert compare(found, "last", Metric("pgd20", accuracy=True)) is None


def test_tiles_hold_the_numbers_of_the_pair_the_strongest_attack_first(tmp_path: Path) -> None:
    first, *others = tiles(read_study(pair(tmp_path, [0.7], [0.8])))
    assert (first.label, first.value, first.change, first.tone) == (
        "PGD-20 accuracy",
        "80.0\u00a0%",
        "+10.0 points",
        "better",
    )
    assert first.notes[0] == "without IGDM 70.0\u00a0%"
    assert [tile.label for tile in others] == [
        "Clean accuracy",
        "Gradient distance GD\u00a0↓",
        "Gradient cosine GC\u00a0↑",
    ]


def test_tiles_of_one_run_have_intervals_and_of_several_pairs_there_are_none(tmp_path: Path) -> None:
    one = run_directory(tmp_path / "one", accuracies={"best": {"clean": 0.9}}, agreement=None)
    (tile,) = tiles(read_study([one]))
    assert (tile.value, tile.change, tile.notes) == ("90.0\u00a0%", "", ("95 % interval 86.7–92.6",))
    assert tiles(read_study([one, run_directory(tmp_path / "two", method="RSLAD()")])) == ()
