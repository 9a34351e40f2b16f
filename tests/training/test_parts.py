"""Batches in parts: which images a part has, whose noise, and what a run refuses to divide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from robustill.attacks import FGSM, L1, L2, PGD, VMIFGSM, Attack, Linf
from robustill.attacks.starts import Gaussian
from robustill.data import Batches, CropFlip, Extra, Split
from robustill.data.batches import Share
from robustill.models import load_model
from robustill.parts import Part, RowsOf
from robustill.prepare import check_shares, choose_device, prepare
from robustill.protocol import protocol
from robustill.run import Run
from robustill.team import Team
from robustill.train import train
from robustill.training.distributed import parts
from robustill.types import Images, PerSample
from tests.networks import images, labels, linear
from tests.small import archive, assert_same, small_run

SEED = 11


@pytest.fixture
def data(tmp_path: Path) -> str:
    return archive(tmp_path / "d.npz", train=61)


# Which images


@given(st.integers(1, 20), st.integers(1, 4), st.integers(1, 3))
def test_every_image_is_in_one_part(count: int, processes: int, accumulate: int) -> None:
    x = torch.arange(count).view(-1, 1, 1, 1) / 20
    found, shares = torch.zeros_like(x), 0.0
    for rank in range(processes):
        own = slice(rank, None, processes)
        team = Team(rank, processes)
        for part in parts(x[own], torch.zeros(count)[own].long(), images=count, accumulate=accumulate, team=team):
            assert len(part.x) and torch.equal(x[part.rows], part.x)
            found[part.rows] += 1
            shares += part.share
    assert (found == 1).all() and shares == pytest.approx(1)


@given(st.integers(1, 20), st.integers(1, 3), st.integers(1, 9))
def test_the_portions_of_a_part_have_its_images(count: int, processes: int, most: int) -> None:
    x, y = torch.arange(count).view(-1, 1, 1, 1) / 20, torch.arange(count)
    for rank in range(min(processes, count)):
        own = slice(rank, None, processes)
        (part,) = parts(x[own], y[own], images=count, accumulate=1, team=Team(rank, processes))
        divided = part.portions(most)
        assert torch.equal(torch.cat([portion.x for portion in divided]), part.x)
        sizes = [len(portion.x) for portion in divided]
        assert max(sizes) <= most and max(sizes) - min(sizes) <= 1
        for portion in divided:
            assert torch.equal(x[portion.rows], portion.x) and torch.equal(y[portion.rows], portion.y)
            assert portion.images == count


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("extra", [False, True], ids=["", "with extra images"])
@pytest.mark.parametrize("streamed", [False, True], ids=["", "streamed"])
def test_the_shares_of_a_batch_are_the_batch(processes: int, extra: bool, streamed: bool) -> None:
    """Same images, same augmentation; 13 images in batches of 4, so that the last one has a single image."""

    def split(count: int, seed: int) -> Split:
        generator = torch.Generator().manual_seed(seed)
        made = Split(torch.randint(256, (count, 1, 8, 8), generator=generator, dtype=torch.uint8), torch.arange(count))
        return made.streaming() if streamed else made

    def batches(share: Share) -> Batches:
        more = Extra(split(30, 1), 0.5) if extra else None
        return Batches(
            split(13, 0),
            batch_size=8 if extra else 4,
            seed=2,
            augmentation=CropFlip(padding=1),
            extra=more,
            share=share,
        )

    shares = [list(batches(Share(index, processes)).epoch(3)) for index in range(processes)]
    for step, (x, y) in enumerate(batches(Share()).epoch(3)):
        for index, share in enumerate(shares):
            assert torch.equal(share[step][0], x[index::processes]) and torch.equal(share[step][1], y[index::processes])
    assert len(y) == batches(Share()).smallest == (2 if extra else 1)


# Whose noise

ATTACKS: list[Attack] = [
    *(PGD(budget=budget, steps=2, step_size=budget.radius / 2) for budget in (Linf(0.1), L2(0.5), L1(5.0))),
    PGD(budget=Linf(0.1), steps=1, step_size=0.1, start=Gaussian(0.01)),
    FGSM(budget=Linf(0.1)),
    VMIFGSM(budget=L2(0.5), steps=3, samples=2),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=repr)
def test_an_image_has_the_noise_it_would_have_in_the_whole_batch(attack: Attack) -> None:
    network, x, y = linear(5, 48, dtype=torch.float64), images(7, 3, 4, 4, dtype=torch.float64), labels(7, 5)

    def found(x: Images, y: torch.Tensor, generator: torch.Generator) -> Images:
        def loss(image: Images) -> PerSample:
            return nn.functional.cross_entropy(network(image).sin(), y, reduction="none")

        return attack.maximize(loss, x, generator=generator)

    whole = found(x, y, torch.Generator().manual_seed(SEED))
    generator = torch.Generator().manual_seed(SEED)
    own = parts(x, y, images=7, accumulate=3, team=Team())
    for part, noise in [(part, part.noise(generator)) for part in own]:
        with noise:
            torch.testing.assert_close(found(part.x, part.y, generator), whole[part.rows], rtol=0, atol=1e-12)


def test_only_what_is_drawn_for_each_image_is_divided() -> None:
    x, mine, other = images(4, 1, 2, 2), torch.Generator(), torch.Generator()
    rows = slice(1, None, 2)
    with RowsOf(Part(x[rows], labels(2, 3), rows, 4), mine):
        divided = [
            torch.rand(2, 3, generator=mine),
            torch.randn((2, 3), generator=mine),
            torch.randint(9, (2,), generator=mine),
            torch.empty(2, 3).uniform_(-1, 1, generator=mine),
            torch.empty(2, 3).normal_(0, 2, generator=mine),
        ]
        plain = [torch.rand(3, generator=mine), torch.rand(2, generator=other), torch.randint(3, 9, (), generator=mine)]
        plain.append(torch.empty(3).uniform_(generator=mine))
    again, another = torch.Generator(), torch.Generator()
    whole = [torch.rand(4, 3, generator=again), torch.randn(4, 3, generator=again)]
    whole.append(torch.randint(9, (4,), generator=again))
    whole.append(torch.empty(4, 3).uniform_(-1, 1, generator=again))
    whole.append(torch.empty(4, 3).normal_(0, 2, generator=again))
    assert all(torch.equal(a, b[rows]) for a, b in zip(divided, whole, strict=True))
    expected = [torch.rand(3, generator=again), torch.rand(2, generator=another)]
    expected.append(torch.randint(3, 9, (), generator=again))
    expected.append(torch.empty(3).uniform_(generator=again))
    assert all(torch.equal(a, b) for a, b in zip(plain, expected, strict=True))


def test_a_whole_batch_is_drawn_for_as_ever() -> None:
    (part,) = parts(images(4, 1, 2, 2), labels(4, 3), images=4, accumulate=1, team=Team())
    assert not isinstance(part.noise(torch.Generator()), RowsOf)


# Runs


def test_the_protocol_says_how_a_batch_is_divided(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def length(**changes: Any) -> str:
        return dict(protocol(prepare(small_run(data, threads=1, validation=0, **changes))))["length"]

    assert length() == "3 epochs of 2 steps, batch 48"
    parted = "3 epochs of 2 steps, batch 48 in 2 parts one after the other; BatchNorm's statistics are of"
    assert length(accumulate=2) == f"{parted} the processes together, part by part"
    monkeypatch.setattr("robustill.prepare.here", lambda: Team(0, 2))
    each = "; BatchNorm's statistics are of each process for itself"
    assert length() == f"3 epochs of 2 steps, batch 48 divided among 2 processes{each}"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"batch_size": 5, "accumulate": 3}, r"at least 6, an image for each of 3 parts .* in 2 processes. Found: 5."),
        ({"sync_batch_norm": True}, "synchronises it on GPUs only. Found: device=cpu. Leave it out"),
    ],
)
def test_batches_that_do_not_go_round(
    changes: dict[str, Any], sentence: str, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robustill.prepare.here", lambda: Team(0, 2))
    with pytest.raises(ValueError, match=sentence):
        prepare(small_run(data, threads=1, **changes))


def test_synchronised_batch_norm_needs_an_image_in_every_process(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.from_texts({"student": "SmallCNN()", "sync_batch_norm": True, "device": "cuda", "batch_size": 6})
    setting = prepare(small_run(data, threads=1, batch_size=6, validation=0))
    assert len(setting.batches.split) == 61
    with pytest.raises(ValueError, match=r"for every process .*, 2 in all\. Found: 1 images in the last batch"):
        check_shares(run, Team(0, 2), setting.batches)


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    monkeypatch.setattr("robustill.prepare.local_size", lambda: 2)
    with pytest.raises(ValueError, match=r"a GPU of its own. Found: 2 processes on this machine, with 1 GPUs"):
        choose_device("auto")
    assert choose_device("cpu") == torch.device("cpu")


def test_synchronised_batch_norm_of_one_process_is_batch_norm(data: str, tmp_path: Path) -> None:
    plain = train(small_run(data), tmp_path / "plain")
    synchronised = train(small_run(data, sync_batch_norm=True), tmp_path / "synchronised")
    models = [load_model(run.checkpoint("last")) for run in (plain, synchronised)]
    assert [row["loss"] for row in synchronised.metrics()] == pytest.approx([row["loss"] for row in plain.metrics()])
    assert str(models[0]) == str(models[1])
    assert_same(models[0].state_dict(), models[1].state_dict())
