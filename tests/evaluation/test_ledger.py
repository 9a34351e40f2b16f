"""Finished batches are kept: resumed, sharded and merged evaluations equal one that was never interrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from robustill.attacks import PGD, VMIFGSM, Clean, Linf, Transfer
from robustill.data import Split
from robustill.evaluation import (
    Agreement,
    Ledger,
    Measurement,
    Remainder,
    Shard,
    Under,
    contribute,
    evaluate,
    plan,
)
from robustill.evaluation.batchwise import measure_batches
from robustill.evaluation.ledger import fingerprint
from robustill.results import Evaluation
from robustill.types import Images, Labels
from tests.evaluation.brief import Brief
from tests.networks import conv_net, frozen_teacher, labels

PGD3 = PGD(budget=Linf(8 / 255), steps=3, step_size=4 / 255)
ADVERSARIES = {
    "clean": Clean(),
    "pgd3": PGD3,
    "curve": PGD3,
    "autoattack": Brief(budget=Linf(1 / 255), version="quick"),
}
RADII = {"curve": (2 / 255, 16 / 255)}
OPTIONS: dict[str, Any] = {"batch_size": 5, "seed": 5, "force": True}


class Stop(BaseException):
    """An interruption that nothing catches by mistake."""


@dataclass(eq=False)
class Counted(Measurement):
    """A noise of its own for each image; counts its batches, and stops before the n-th."""

    name: str = "noise"
    text: str = "noise"
    passes: float = 1
    stop: int = 0
    calls: int = 0

    def __call__(self, model: nn.Module, x: Images, y: Labels, generator: Generator) -> dict[str, Tensor]:
        self.calls += 1
        if self.calls == self.stop:
            raise Stop
        return {"noise": torch.rand(len(x), generator=generator)}


def split(count: int = 12, seed: int = 3) -> Split:
    pixels = torch.randint(256, (count, 3, 6, 6), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return Split(pixels, labels(count, 4))


def network() -> nn.Module:
    return conv_net(classes=4)


def more() -> tuple[Measurement, ...]:
    return (Remainder(Linf(8 / 255), PGD3),)


def teacher() -> nn.Module:
    return frozen_teacher(conv_net(seed=2, classes=4))


def measured(ledger: Ledger | None) -> Evaluation:
    return evaluate(
        network(),
        split(),
        adversaries=ADVERSARIES,
        radii=RADII,
        teacher=teacher(),
        more=more(),
        ledger=ledger,
        **OPTIONS,
    )


@pytest.fixture(scope="module")
def whole() -> Evaluation:
    return measured(None)


def assert_same_evaluation(first: Evaluation, second: Evaluation) -> None:
    assert replace(first, seconds=0) == replace(second, seconds=0)
    assert first.arrays.keys() == second.arrays.keys()
    for name, values in first.arrays.items():
        assert values.dtype == second.arrays[name].dtype and np.array_equal(values, second.arrays[name]), name


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*")) if folder.exists() else []


def test_a_ledger_changes_no_number_and_is_gone_once_it_is_cleared(tmp_path: Path, whole: Evaluation) -> None:
    ledger = Ledger(tmp_path / "last.parts")
    found = measured(ledger)
    assert_same_evaluation(found, whole)
    assert len(files(ledger.folder)) == 6 * 3  # measurements, batches
    ledger.clear()
    assert not ledger.folder.exists()


def test_shards_put_together_equal_one_process(tmp_path: Path, whole: Evaluation) -> None:
    folder = tmp_path / "last.parts"
    for index in (2, 1, 4, 3):  # more shards than batches: the last is empty
        measurements = plan(ADVERSARIES, RADII, teacher(), more())
        contribute(network(), split(), Shard(index, 4), Ledger(folder), measurements, **OPTIONS)
    assert len(files(folder)) == 6 * 3
    assert_same_evaluation(measured(Ledger(folder)), whole)


def test_what_the_shards_left_out_is_measured_when_they_are_put_together(tmp_path: Path) -> None:
    counted, model, images = Counted(), network(), split()
    contribute(model, images, Shard(1, 2), Ledger(tmp_path), [counted], batch_size=5)
    assert counted.calls == 2 and len(files(tmp_path)) == 2  # the first and the third of three
    merged = measure_batches(model, images, counted, batch_size=5, ledger=Ledger(tmp_path))
    assert counted.calls == 3
    assert np.array_equal(merged["noise"], measure_batches(model, images, Counted(), batch_size=5)["noise"])


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_an_interrupted_measurement_goes_on_after_the_last_finished_batch(stop: int, tmp_path: Path) -> None:
    torn, model, images = Counted(stop=stop), network(), split()
    with pytest.raises(Stop):
        measure_batches(model, images, torn, batch_size=5, ledger=Ledger(tmp_path))
    assert len(files(tmp_path)) == stop - 1
    resumed = Counted()
    found = measure_batches(model, images, resumed, batch_size=5, ledger=Ledger(tmp_path))
    assert resumed.calls == 3 - (stop - 1)
    assert np.array_equal(found["noise"], measure_batches(model, images, Counted(), batch_size=5)["noise"])


def other_weights(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        next(model.parameters())[0, 0, 0, 0] += 1e-6
    return model


def other_buffers(model: nn.Module) -> nn.Module:
    next(model.buffers())[0] += 1e-6
    return model


def shifted(by: float) -> nn.Module:
    """A network in which only a plain number differs."""
    model = network()
    model.by = by  # type: ignore[assignment]  # meant for tensors and modules
    return model


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "weights": lambda given: given | {"model": other_weights(network())},
    "buffers": lambda given: given | {"model": other_buffers(network())},
    "a plain number": lambda given: given | {"model": shifted(0.5)},
    "a pixel": lambda given: given | {"split": Split(split().images ^ 1, split().labels)},
    "labels": lambda given: given | {"split": Split(split().images, (split().labels + 1) % 4)},
    "seed": lambda given: given | {"seed": 1},
    "text": lambda given: given | {"measurement": Counted(text="louder noise")},
    "kind": lambda given: given | {"measurement": Under("noise", Clean())},
    "batch size": lambda given: given | {"batch_size": 6},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_part_of_something_else_is_not_read(change: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"model": network(), "split": split(), "measurement": Counted(), "seed": 0, "batch_size": 5}
    other = CHANGES[change](given)
    for part, count in ((given, 3), (given, 3), (other, 5 if change == "batch size" else 6)):
        part = dict(part)
        model, images, measurement = part.pop("model"), part.pop("split"), part.pop("measurement")
        measure_batches(model, images, measurement, ledger=Ledger(tmp_path), **part)
        assert len(files(tmp_path)) == count


def test_another_teacher_or_surrogate_is_something_else(tmp_path: Path) -> None:
    def transferred(seed: int) -> Under:
        surrogate = conv_net(seed=seed, classes=4)
        return Under("vmi", Transfer(attack=VMIFGSM(budget=Linf(0.1), steps=1), surrogate=surrogate, name="same name"))

    for count, measurement in enumerate(
        [Agreement(teacher()), Agreement(conv_net(seed=3, classes=4)), transferred(1), transferred(2)], start=1
    ):
        for _ in range(2):
            measure_batches(network(), split(), measurement, ledger=Ledger(tmp_path))
            assert len(files(tmp_path)) == count


def test_a_resumed_measurement_remembers_what_its_parts_took(tmp_path: Path) -> None:
    measure_batches(network(), split(), Counted(), ledger=Ledger(tmp_path))
    (part,) = tmp_path.iterdir()
    with np.load(part) as archive:
        arrays = dict(archive) | {"seconds": np.float64(3600)}
    np.savez(part, **arrays)
    found = evaluate(network(), split(), adversaries={}, more=[Counted()], ledger=Ledger(tmp_path))
    assert 3600 < found.seconds < 3700


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"<html>"])
def test_a_part_that_cannot_be_read_is_measured_again(damage: bytes, tmp_path: Path) -> None:
    counted = Counted()
    first = measure_batches(network(), split(), counted, ledger=Ledger(tmp_path))
    (part,) = tmp_path.iterdir()
    part.write_bytes(damage)
    again = measure_batches(network(), split(), counted, ledger=Ledger(tmp_path))
    assert counted.calls == 2 and np.array_equal(first["noise"], again["noise"])
    assert measure_batches(network(), split(), counted, ledger=Ledger(tmp_path)) and counted.calls == 2


def test_clearing_leaves_the_parts_of_other_measurements(tmp_path: Path) -> None:
    measure_batches(network(), split(), Counted(), ledger=Ledger(tmp_path))
    ledger = Ledger(tmp_path)
    measure_batches(network(), split(), Counted(text="other"), ledger=ledger)
    ledger.clear()
    assert len(files(tmp_path)) == 1


def test_the_print_of_a_network_is_its_weights_and_not_its_mode_or_its_place() -> None:
    model = network()
    before = fingerprint(model)
    assert fingerprint(model.eval()) == before == fingerprint(network())
    assert fingerprint(model.to(memory_format=torch.channels_last)) == before  # type: ignore[call-overload]
    assert fingerprint(other_weights(model)) != before
    scaled = conv_net(classes=4, width=5)
    assert fingerprint(scaled) != before

    class Odd(nn.Module):
        def extra_repr(self) -> str:
            return f"{object()}"

    assert fingerprint(Odd()) == fingerprint(Odd())


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "1", "a/b", "", "1/4/2", "-1/4"])
def test_a_shard_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"A shard is written i/n with i from 1 to n, such as 1/4\. Found: "):
        Shard.parse(text)


def test_every_batch_belongs_to_one_shard() -> None:
    assert Shard.parse(" 2/4") == Shard(2, 4)
    for count in (1, 2, 5):
        owners = [[shard for shard in range(1, count + 1) if Shard(shard, count).holds(step)] for step in range(12)]
        assert [len(owner) for owner in owners] == [1] * 12


def test_plain_numbers_and_texts_of_modules_are_in_the_digest_and_modes_are_not() -> None:
    digests = {fingerprint(shifted(by)) for by in (0.5, 0.25, (0.5, 0.25), "half")}  # type: ignore[arg-type]
    assert len(digests) == 4
    assert fingerprint(network().train()) == fingerprint(network().eval())
