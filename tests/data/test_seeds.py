"""Seeds: pure, without trivial collisions, the same in every version."""

from __future__ import annotations

from itertools import product

import torch

from robustill.data.seeds import generator, mix, permutation


def test_mix_is_the_same_for_ever() -> None:
    assert mix(0) == 7210762507766007076
    assert mix(3, "augmentation", 7) == 8950747553047246778


def test_mix_has_no_trivial_collisions() -> None:
    paths: list[tuple[int | str, ...]] = [
        (),
        (0,),
        (0, 0),
        ("",),
        ("0",),
        ("00",),
        ("0", "0"),
        ("a", 1),
        ("a1",),
        ("a", "1"),
    ]
    seeds = {mix(seed, *path) for seed, path in product(range(-2, 50), paths)}
    assert len(seeds) == 52 * len(paths)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_mix_separates_purposes_and_epochs_where_a_sum_would_not() -> None:
    assert mix(1, "order", 2) != mix(2, "order", 1)
    assert mix(1, "order", 2) != mix(1, "augmentation", 2)
    # PyTorch's CPU generator keeps the low 32 bits alone
    low = {mix(seed, "order", epoch) & 0xFFFFFFFF for seed in range(20) for epoch in range(200)}
    assert len(low) == 20 * 200


def test_generator_is_fresh_at_every_call() -> None:
    first = torch.rand(8, generator=generator(0, "noise", 1))
    assert torch.equal(first, torch.rand(8, generator=generator(0, "noise", 1)))
    assert not torch.equal(first, torch.rand(8, generator=generator(0, "noise", 2)))


def test_permutation_is_one_and_the_same_for_ever() -> None:
    assert permutation(8, 0, "order", 0).tolist() == [5, 3, 1, 0, 2, 6, 4, 7]
    assert torch.equal(permutation(1000, 1, "order").sort().values, torch.arange(1000))
    assert not torch.equal(permutation(1000, 1, "order"), permutation(1000, 2, "order"))


def test_permutation_is_uniform() -> None:
    counts = torch.zeros(4, 4)
    for seed in range(2000):
        counts[torch.arange(4), permutation(4, seed)] += 1
    assert (counts / 2000 - 0.25).abs().max() < 0.05  # five standard deviations
