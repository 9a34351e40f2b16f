"""The training loop: what it yields, what it hands to the method, and that its numbers repeat and resume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustill.attacks import PGD, Linf
from robustill.data import Batches, CropFlip, Split, generator
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.objectives import IGDM, Line, Method, Objective
from robustill.training import EMA, SGD, SWA, Cosine, Epoch, MultiStep, OneCycle, State, fit
from robustill.training.checkpoint import read_state, save_state
from robustill.types import PerSample
from tests.networks import TinyConvNet, conv_net, frozen_teacher, labels
from tests.small import assert_same, tensors

ATTACK = PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255)
DISTILLATION = RSLAD() + IGDM(alpha=10)


def batches(seed: int = 0, *, count: int = 40, batch_size: int = 16) -> Batches:
    pixels = torch.randint(256, (count, 3, 6, 6), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
    split = Split(pixels, labels(count, 10))
    return Batches(split, batch_size=batch_size, seed=seed, augmentation=CropFlip(padding=1))


def student(dropout: float = 0.0) -> TinyConvNet:
    network = conv_net(seed=1)
    if dropout:
        network.body.append(nn.Dropout(dropout)).append(nn.BatchNorm1d(network.head.in_features))
    return network


def teacher() -> nn.Module:
    return frozen_teacher(conv_net(seed=2, width=8))


seen: list[dict[str, Any]] = []


class Spy(Objective):
    """Adds nothing to the loss, and notes what it is shown."""

    value: float = 0.0

    def __call__(self, line: Line) -> PerSample:
        logits = line.student(1)
        if len(line.y) > 1:  # not the toy line on which a method is traced
            seen.append(
                {"progress": line.progress, "student": logits, "teacher": line.teacher(1), "batch": len(line.y)}
            )
        return self.value + 0 * logits.sum(1)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    seen.clear()
    yield
    seen.clear()


# What it yields


def test_every_epoch_is_yielded_once_and_in_order() -> None:
    found = list(fit(student(), None, batches(), method=PGDAT(), attack=ATTACK, epochs=4))
    assert [epoch.number for epoch in found] == [1, 2, 3, 4]
    assert [epoch.state.epoch for epoch in found] == [4, 4, 4, 4]  # one state, which moves on
    assert all(epoch.seconds > 0 for epoch in found)


def test_the_state_is_that_of_the_epoch_while_the_caller_has_it() -> None:
    for epoch in fit(student(), None, batches(), method=PGDAT(), attack=ATTACK, epochs=3):
        assert epoch.state.epoch == epoch.number == epoch.state.state_dict()["epoch"]


@pytest.mark.parametrize("schedule", [OneCycle(rise=0.4), Cosine(warmup=1), MultiStep(milestones=(1,))], ids=repr)
def test_the_learning_rate_of_the_last_step_is_the_schedules(schedule: Any) -> None:
    source = batches()
    options = {"optimizer": SGD(lr=0.2), "schedule": schedule}
    for epoch in fit(student(), None, source, method=PGDAT(), attack=ATTACK, epochs=3, **options):
        last = epoch.number - 1 + (len(source) - 1) / len(source)
        assert epoch.learning_rate == pytest.approx(0.2 * schedule(last, 3), rel=1e-12)
        assert epoch.state.optimizer.param_groups[0]["lr"] == epoch.learning_rate


def test_the_loss_is_the_mean_over_images_and_not_over_batches() -> None:
    class Counted(PGDAT):
        """One for every image of a whole batch, zero in the last and smaller one."""

        def outer(self, line: Line) -> PerSample:
            return 0 * line.student(1).sum(1) + float(len(line.y) == 16)

    (epoch,) = fit(student(), None, batches(count=40), method=Counted(), attack=ATTACK, epochs=1)
    assert epoch.loss == pytest.approx(32 / 40, rel=1e-6)


def test_the_model_to_save_is_the_student_or_its_average() -> None:
    plain, averaged = student(), student()
    (epoch,) = fit(plain, None, batches(), method=PGDAT(), attack=ATTACK, epochs=1)
    assert epoch.model is plain
    (epoch,) = fit(averaged, None, batches(), method=PGDAT(), attack=ATTACK, epochs=1, average=EMA(decay=0.9))
    assert epoch.state.averaged is not None and epoch.model is epoch.state.averaged.module is not averaged
    assert not torch.equal(tensors(epoch.model)["head.weight"], averaged.head.weight)
    for ours, theirs in zip(epoch.model.buffers(), averaged.buffers(), strict=True):
        assert torch.equal(ours, theirs)  # BatchNorm's statistics are the student's


def test_nothing_is_left_to_yield_when_all_epochs_are_done() -> None:
    network = student()
    *_, last = fit(network, None, batches(), method=PGDAT(), attack=ATTACK, epochs=2)
    before = tensors(network)
    again = fit(network, None, batches(), method=PGDAT(), attack=ATTACK, epochs=2, resume=last.state.state_dict())
    assert list(again) == []
    assert_same(tensors(network), before)


# What it hands to the method


def test_ramps_get_the_epoch_from_one_over_all_epochs() -> None:
    list(fit(student(), teacher(), batches(), method=PGDAT() + Spy(), attack=ATTACK, epochs=4))
    assert [entry["progress"] for entry in seen] == [e / 4 for e in (1, 2, 3, 4) for _ in range(3)]


def test_a_resumed_ramp_goes_on() -> None:
    saved = next(fit(student(), None, batches(), method=PGDAT(), attack=ATTACK, epochs=4)).state.state_dict()
    list(fit(student(), teacher(), batches(), method=PGDAT() + Spy(), attack=ATTACK, epochs=4, resume=saved))
    assert [entry["progress"] for entry in seen[::3]] == [2 / 4, 3 / 4, 4 / 4]


def test_no_image_is_left_out() -> None:
    list(fit(student(), teacher(), batches(count=40), method=PGDAT() + Spy(), attack=ATTACK, epochs=1))
    assert [entry["batch"] for entry in seen] == [16, 16, 8]


def test_a_loss_that_is_no_number_stops_the_run() -> None:
    method = PGDAT() + Spy(value=float("nan"))
    epochs = fit(student(), teacher(), batches(), method=method, attack=ATTACK, epochs=3)
    with pytest.raises(FloatingPointError, match=r"not to be finite in epoch 1, step 1: .*Spy.*lower learning rate"):
        next(epochs)


def test_an_infinite_loss_stops_the_run() -> None:
    method = PGDAT() + Spy(value=float("inf"))
    with pytest.raises(FloatingPointError, match=r"not to be finite in epoch 1, step 1: .*Spy"):
        next(fit(student(), teacher(), batches(), method=method, attack=ATTACK, epochs=3))


def test_the_teacher_is_left_alone() -> None:
    guide = conv_net(seed=2, width=8).eval()  # not frozen by hand
    before = tensors(guide)
    list(fit(student(), guide, batches(), method=DISTILLATION, attack=ATTACK, epochs=1))
    assert_same(tensors(guide), before)
    assert all(parameter.grad is None for parameter in guide.parameters()) and not guide.training


def test_the_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    list(fit(student(dropout=0.5), teacher(), batches(), method=DISTILLATION, attack=ATTACK, epochs=1, average=EMA()))
    assert torch.equal(torch.get_rng_state(), before)


# Precision


def test_in_bfloat16_the_networks_compute_in_it_and_the_losses_do_not() -> None:
    network, guide, dtypes = student(), teacher(), set()

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        dtypes.add(output.dtype)

    for net in (network, guide):
        assert isinstance(net, TinyConvNet)
        net.body[0].register_forward_hook(note)
    options = {"method": PGDAT() + Spy(), "attack": ATTACK, "epochs": 1, "precision": "bfloat16"}
    list(fit(network, guide, batches(), **options))  # type: ignore[arg-type]
    assert dtypes == {torch.bfloat16}
    assert {entry["student"].dtype for entry in seen} == {entry["teacher"].dtype for entry in seen} == {torch.float32}
    assert {value.dtype for value in tensors(network).values() if value.is_floating_point()} == {torch.float32}


def test_in_float32_nothing_is_cast() -> None:
    network, dtypes = student(), set()
    network.body[0].register_forward_hook(lambda module, inputs, output: dtypes.add(output.dtype))
    list(fit(network, None, batches(), method=PGDAT(), attack=ATTACK, epochs=1))
    assert dtypes == {torch.float32}


def test_kl_in_bfloat16_differs_from_float32_by_the_networks_rounding_alone() -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        (epoch,) = fit(
            student(),
            teacher(),
            batches(),
            method=DISTILLATION,
            attack=ATTACK,
            epochs=1,
            optimizer=SGD(lr=1e-9),
            precision=precision,
        )
        losses[precision] = epoch.loss
    assert losses["float32"] != losses["bfloat16"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)


# The same numbers


def trained(
    *,
    seed: int = 0,
    stop: int | None = None,
    resume: Any = None,
    data_seed: int = 0,
    dropout: float = 0.0,
    **options: Any,
) -> tuple[dict[str, Any], list[Epoch]]:
    """The state after training, or after ``stop`` epochs, with the epochs; every network is new."""
    settings: dict[str, Any] = {"method": DISTILLATION, "epochs": 4, "optimizer": SGD(lr=0.1, nesterov=True), **options}
    epochs, found = (
        fit(student(dropout), teacher(), batches(data_seed), attack=ATTACK, seed=seed, resume=resume, **settings),
        [],
    )
    for epoch in epochs:
        found.append(epoch)
        if epoch.number == stop:
            break
    return found[-1].state.state_dict(), found


SETTINGS = [
    {},
    {"method": PGDAT(), "schedule": MultiStep(milestones=(2,))},
    {"average": EMA(decay=0.9), "schedule": Cosine(warmup=1.5)},
    {"average": EMA(), "precision": "bfloat16"},
    {"dropout": 0.5},
    {"dropout": 0.5, "average": SWA(begin=0.5)},
]


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_two_runs_with_one_seed_are_equal_in_every_bit(options: dict[str, Any]) -> None:
    (first, epochs), (second, again) = trained(**options), trained(**options)
    assert_same(first, second)
    assert [(e.loss, e.learning_rate) for e in epochs] == [(e.loss, e.learning_rate) for e in again]


@pytest.mark.parametrize("options", SETTINGS, ids=str)
@pytest.mark.parametrize("stop", [1, 3])
def test_a_resumed_run_equals_an_uninterrupted_one_in_every_bit(
    options: dict[str, Any], stop: int, tmp_path: Path
) -> None:
    whole, epochs = trained(**options)
    interrupted, before = trained(stop=stop, **options)
    save_state(tmp_path, interrupted, stop)
    resumed, after = trained(resume=read_state(tmp_path, ())[0], **options)
    assert_same(resumed, whole)
    assert [(e.number, e.loss) for e in before + after] == [(e.number, e.loss) for e in epochs]


def test_seeds_matter() -> None:
    first, other_attack, other_data = trained()[0], trained(seed=1)[0], trained(data_seed=1)[0]
    weights = [state["student"]["head.weight"] for state in (first, other_attack, other_data)]
    assert not torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_anybodys_own_loop_gives_the_same_numbers() -> None:
    """To the last bit where nothing is folded, as in networks whose layers somebody listens to."""
    ours, theirs, guide, source = student(), student(), teacher(), batches()
    for network in (ours, guide):
        network.head.register_forward_hook(lambda *_: None)  # type: ignore[union-attr]
    (*_, last) = fit(ours, guide, source, method=DISTILLATION, attack=ATTACK, epochs=3, optimizer=SGD(lr=0.05), seed=7)
    method = DISTILLATION
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    for epoch in range(1, 4):
        theirs.train()
        for step, (x, y) in enumerate(source.epoch(epoch)):
            optimizer.param_groups[0]["lr"] = 0.05 * OneCycle()(epoch - 1 + step / len(source), 3)
            noise = generator(7, "attack", epoch, step)
            loss = method.loss(theirs, guide, x, y, attack=ATTACK, progress=epoch / 3, generator=noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert_same(tensors(ours), tensors(theirs))
    assert last.number == 3


def test_a_resumed_run_takes_the_options_that_it_is_given() -> None:
    """Who resumes with less weight decay shall have it; PyTorch would restore what was saved."""
    calm = SGD(lr=0.1, momentum=0.5, weight_decay=0.0)
    (group,) = trained(resume=trained(stop=1)[0], optimizer=calm)[1][-1].state.optimizer.param_groups
    assert (group["momentum"], group["weight_decay"], group["nesterov"]) == (0.5, 0.0, False)


# What is refused


def test_the_state_of_another_network_is_refused() -> None:
    other = State(conv_net(seed=1, width=3), SGD().build(conv_net(width=3).parameters())).state_dict()
    with pytest.raises(ValueError, match="continues with the network, optimizer and weight average it began with"):
        next(fit(student(), None, batches(), method=PGDAT(), attack=ATTACK, epochs=2, resume=other))


@pytest.mark.parametrize("averages", [(None, EMA()), (EMA(), None)], ids=str)
def test_a_state_without_an_average_is_not_one_with_it(averages: tuple[EMA | None, EMA | None]) -> None:
    before, after = averages
    saved = trained(stop=1, average=before)[0]
    with pytest.raises(ValueError, match="Found: the state of others"):
        next(fit(student(), None, batches(), method=PGDAT(), attack=ATTACK, epochs=2, average=after, resume=saved))


def test_a_teacher_in_train_mode_is_refused() -> None:
    method: Method = RSLAD()
    with pytest.raises(ValueError, match="teacher must be in eval mode"):
        next(fit(student(), conv_net(seed=2), batches(), method=method, attack=ATTACK, epochs=1))
