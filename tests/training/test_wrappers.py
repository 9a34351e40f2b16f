"""What composes with every method: AWP, SWA, label smoothing, clipping; alone, together, resumed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustill.attacks import PGD, Gaussian, Linf
from robustill.data import generator
from robustill.expression import parse
from robustill.methods.iad2 import IAD2
from robustill.methods.natural import Natural
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.methods.trades import TRADES
from robustill.objectives import IGDM, Method
from robustill.prepare import prepare
from robustill.progress import Bar, Watched
from robustill.protocol import protocol
from robustill.run import Run
from robustill.train import read_run, resume, train
from robustill.training import AWP, EMA, SGD, SWA, Average, Cosine, Epoch, fit
from robustill.training.checkpoint import save_state, states
from robustill.training.step import descend
from tests.networks import conv_net, frozen_teacher, images, labels
from tests.small import archive, assert_same, small_run, tensors
from tests.training.attacking import METHODS
from tests.training.noise import Noise

ATTACK = PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255)
BATCH, STEPS = 6, 3
BATCHES = Noise(sizes=(BATCH,) * STEPS)


def teachers() -> tuple[nn.Module, nn.Module]:
    robust, natural = (frozen_teacher(conv_net(seed=seed, scale=5)) for seed in (1, 2))
    return robust, natural


def epochs_of(method: Method, student: nn.Module, epochs: int = 4, **choices: Any) -> Iterator[Epoch]:
    teacher, natural = teachers()
    choices = {"schedule": Cosine(), "optimizer": SGD(lr=0.02), **choices}
    return fit(
        student,
        teacher,
        BATCHES,
        method=method,
        attack=ATTACK,
        epochs=epochs,
        natural_teacher=natural,
        **choices,
    )


def proxy_perturbation(student: nn.Module, x: Tensor, x_adv: Tensor, y: Tensor, gamma: float, rate: float) -> None:
    """AWP for TRADES as its code does it: a copy ascends, and the difference, scaled layer by layer, is added."""
    proxy = copy.deepcopy(student)
    proxy.train()
    optimizer = torch.optim.SGD(proxy.parameters(), lr=rate)
    clean, adversarial = proxy(x), proxy(x_adv)
    p = torch.softmax(clean, 1)
    consistency = (p * (torch.log(p) - torch.log(torch.softmax(adversarial, 1)))).sum() / len(x)
    natural = -torch.log(p[torch.arange(len(y)), y]).mean()
    optimizer.zero_grad()
    (-(natural + 6.0 * consistency)).backward()
    optimizer.step()
    with torch.no_grad():
        for old, new in zip(student.parameters(), proxy.parameters(), strict=True):
            if old.dim() > 1:
                difference = new - old
                old.add_(gamma * old.norm() / (difference.norm() + 1e-20) * difference)


@pytest.mark.parametrize("rate", [0.01, 1.0])
def test_awp_takes_the_gradient_where_its_code_does(rate: float) -> None:
    """Against the published way, in loss, gradients and buffers; the learning rate of its copy cancels out."""
    ours, theirs = (conv_net(scale=3).double().train() for _ in range(2))
    x, y = images(BATCH, 3, 6, 6, dtype=torch.float64), labels(BATCH, 10)
    method = TRADES()
    loss = descend(
        ours, None, x, y, method=method, attack=ATTACK, perturbation=AWP(gamma=0.05), generator=generator(0, "here")
    ).loss
    line = method.attacked(theirs, None, x, y, attack=ATTACK, generator=generator(0, "here"))
    assert line.x_adv is not None
    proxy_perturbation(theirs, x, line.x_adv, y, 0.05, rate)
    expected = method.mean(theirs, line)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert p.grad is not None and q.grad is not None
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-6, atol=1e-9, msg=name)
    for a, b in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_awp_raises_every_loss_and_leaves_the_weights_in_every_bit(method: Method) -> None:
    method = method + IGDM(alpha=2)
    student, (teacher, natural) = conv_net().train(), teachers()
    weights = tensors(student)
    x, y = images(BATCH, 3, 6, 6), labels(BATCH, 10)

    def loss(perturbation: AWP | None) -> Tensor:
        student.load_state_dict(weights)
        student.zero_grad()
        return descend(
            student,
            teacher,
            x,
            y,
            method=method,
            attack=ATTACK,
            natural_teacher=natural,
            perturbation=perturbation,
            generator=generator(0, "here"),
        ).loss

    plain = loss(None)
    buffers = [buffer.clone() for buffer in student.buffers()]
    assert loss(AWP(gamma=1e-4)) > plain
    for name, parameter in student.named_parameters():
        assert torch.equal(parameter, weights[name])
        assert parameter.grad is not None and parameter.grad.isfinite().all()
    for buffer, before in zip(student.buffers(), buffers, strict=True):  # one pass moved them, of almost these weights
        torch.testing.assert_close(buffer, before, rtol=1e-2, atol=1e-3)


def test_awp_perturbs_what_autocast_multiplies() -> None:
    """Autocast keeps a bfloat16 copy of each weight; one made before the perturbation would undo it."""
    student, x, y = conv_net(scale=3).train(), images(BATCH, 3, 6, 6), labels(BATCH, 10)
    losses = [
        descend(
            copy.deepcopy(student),
            None,
            x,
            y,
            method=PGDAT(),
            attack=ATTACK,
            perturbation=perturbation,
            precision="bfloat16",
            generator=generator(0, "here"),
        ).loss
        for perturbation in (None, AWP(gamma=0.2))
    ]
    assert losses[1] > losses[0] + 0.05


def test_awp_waits_for_its_beginning() -> None:
    student, x, y = conv_net().train(), images(BATCH, 3, 6, 6), labels(BATCH, 10)

    def loss(perturbation: AWP | None, progress: float) -> Tensor:
        return descend(
            copy.deepcopy(student),
            None,
            x,
            y,
            method=PGDAT(),
            attack=ATTACK,
            perturbation=perturbation,
            progress=progress,
            generator=generator(0, "here"),
        ).loss

    assert loss(AWP(begin=0.05), 0.05) == loss(None, 0.05)
    assert loss(AWP(begin=0.05), 0.06) > loss(None, 0.06)


def test_awp_with_a_layer_without_gradient_does_not_divide_by_zero() -> None:
    layers = nn.Linear(108, 4), nn.Linear(4, 10)
    student = nn.Sequential(nn.Flatten(), *layers)
    for layer in layers:
        nn.init.zeros_(layer.weight)
    loss = descend(
        student, None, images(3, 3, 6, 6), labels(3, 10), method=PGDAT(), attack=ATTACK, perturbation=AWP(gamma=0.5)
    ).loss
    assert loss.isfinite() and all(p.isfinite().all() for p in student.parameters())


def test_swa_is_the_mean_of_the_weights_after_each_epoch_from_its_beginning() -> None:
    student, ends = conv_net(), []
    for epoch in epochs_of(RSLAD(), student, average=SWA(begin=0.25)):
        ends.append(tensors(student))
        if epoch.number == 1:
            assert epoch.model is student
            continue
        assert epoch.model is not student and not epoch.model.training
        for name, parameter in epoch.model.named_parameters():
            torch.testing.assert_close(parameter.detach(), torch.stack([end[name] for end in ends[1:]]).mean(0))


def test_swas_batch_norm_has_the_statistics_of_the_epochs_clean_images() -> None:
    """Of the averaged network: the plain mean over the batches, whatever the student's own averages are."""
    epoch = list(epochs_of(PGDAT(), conv_net(), average=SWA(begin=0.0)))[-1]
    network = copy.deepcopy(epoch.model)
    first = network.get_submodule("body.0")
    expected = torch.stack([first(x).mean(dim=(0, 2, 3)) for x, _ in BATCHES.epoch(4)]).mean(0)
    torch.testing.assert_close(network.get_submodule("body.1").running_mean, expected.detach())
    assert network.get_submodule("body.1").momentum == 0.1
    assert not torch.allclose(epoch.state.student.get_buffer("body.1.running_mean"), expected)


@pytest.mark.parametrize("begin", [0.0, 0.5, 0.9])
def test_swa_does_not_change_the_training_of_the_student(begin: float) -> None:
    alone, averaged = conv_net(), conv_net()
    for _ in zip(epochs_of(RSLAD(), alone), epochs_of(RSLAD(), averaged, average=SWA(begin=begin)), strict=True):
        assert_same(tensors(alone), tensors(averaged))


WRAPPED: list[tuple[str, dict[str, Any]]] = [
    ("SWA from the middle", {"average": SWA(begin=0.5)}),
    ("SWA from the start", {"average": SWA(begin=0.0), "clip": 0.1}),
    ("EMA and AWP", {"average": EMA(decay=0.5), "perturbation": AWP(begin=0.25)}),
    ("all", {"average": SWA(begin=0.25), "perturbation": AWP(), "clip": 1.0, "label_smoothing": 0.1}),
]


@pytest.mark.parametrize("interrupted", [1, 3])
@pytest.mark.parametrize("choices", [choices for _, choices in WRAPPED], ids=[name for name, _ in WRAPPED])
def test_a_resumed_run_equals_an_uninterrupted_one(choices: dict[str, Any], interrupted: int) -> None:
    """With a random direction too, which comes from the step's own generator."""
    method = IAD2(begin=0.5) + IGDM(alpha=2, direction="uniform")
    whole = list(epochs_of(method, conv_net(), **choices))
    epochs = epochs_of(method, conv_net(), **choices)
    for _ in range(interrupted):
        stopped = next(epochs)
    saved = copy.deepcopy(stopped.state.state_dict())
    again = list(epochs_of(method, conv_net(seed=5), resume=saved, **choices))
    assert len(again) == 4 - interrupted and again[-1].loss == whole[-1].loss
    assert_same(again[-1].state.state_dict(), whole[-1].state.state_dict())
    assert_same(tensors(again[-1].model), tensors(whole[-1].model))


@pytest.mark.parametrize("clip", [1e-3, 1e6])
def test_a_gradient_that_is_too_long_is_shortened(clip: float) -> None:
    """One step of plain SGD is as long as the gradient that it took."""
    student, plain = conv_net(), conv_net()
    before = [p.clone() for p in student.parameters()]
    optimizer = SGD(lr=1.0, momentum=0.0, weight_decay=0.0)

    for network, limit in ((student, clip), (plain, None)):
        list(
            fit(
                network,
                None,
                Noise(sizes=(BATCH,)),
                method=PGDAT(),
                attack=ATTACK,
                epochs=1,
                optimizer=optimizer,
                schedule=Cosine(),
                clip=limit,
            )
        )

    def length(network: nn.Module) -> Tensor:
        total: Tensor = torch.cat([(p - q).flatten() for p, q in zip(network.parameters(), before, strict=True)]).norm()
        return total

    torch.testing.assert_close(length(student), length(plain).clamp_max(clip), rtol=1e-3, atol=1e-6)
    assert length(plain) > 1e-2


def test_label_smoothing_reaches_the_loss() -> None:
    plain, smoothed = (
        next(iter(epochs_of(PGDAT(), conv_net(scale=0.0), epochs=1, label_smoothing=smoothing))).loss
        for smoothing in (0.0, 0.3)
    )
    assert plain == smoothed == pytest.approx(torch.tensor(10.0).log().item(), rel=1e-5)  # uniform whatever the label
    plain, smoothed = (
        next(iter(epochs_of(Natural(), conv_net(scale=3.0), epochs=1, label_smoothing=smoothing))).loss
        for smoothing in (0.0, 0.3)
    )
    assert plain != smoothed
    with pytest.raises(ValueError, match=r"RSLAD\(\) takes no cross-entropy with labels"):
        next(epochs_of(RSLAD(), conv_net(), label_smoothing=0.1))


def test_averages_are_texts() -> None:
    for text in ("SWA()", "SWA(begin=0.47)", "EMA(decay=0.9)"):
        assert repr(parse(text, Average)) == text
    assert repr(parse("AWP(gamma=0.005, begin=0.05)", AWP)) == "AWP(gamma=0.005, begin=0.05)"
    assert Gaussian() == parse("SAAD()", Method).start


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\). Found: 1.0"),
        ({"label_smoothing": -0.1}, r"label_smoothing must be in \[0, 1\). Found: -0.1"),
        ({"clip": 0.0}, "clip must be a positive norm, or null for no limit. Found: 0.0"),
        ({"perturbation": "EMA()"}, r"perturbation: Required: a AWP. Found: 'EMA\(\)'"),
    ],
)
def test_a_run_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_run("demo", **changes)


@pytest.fixture
def data(tmp_path: Path) -> str:
    return archive(tmp_path / "data.npz")


def trained(tmp_path: Path, data: str, name: str) -> str:
    return f"run:{train(small_run(data, epochs=1), tmp_path / name).path}"


def test_every_wrapper_from_the_command_line_to_the_checkpoint(tmp_path: Path, data: str) -> None:
    """A run with a second teacher and all of it; its text is its run; resumed, it is the same."""
    changes = {
        "method": "IAD2() + IGDM(alpha=2)",
        "teacher": trained(tmp_path, data, "robust"),
        "natural_teacher": trained(tmp_path, data, "natural"),
        "average": "SWA(begin=0.4)",
        "perturbation": "AWP(gamma=0.005, begin=0.3)",
        "label_smoothing": 0.1,
        "clip": 2.0,
    }
    run = small_run(data, **changes)
    target = train(run, tmp_path / "run")
    assert read_run(target.settings_file) == prepare(run).run
    written = (target.path / "protocol.json").read_text()
    for part in ("AWP(gamma=0.005, begin=0.3)", "label smoothing 0.1", "clipped to norm 2", "SWA(begin=0.4)"):
        assert part in written
    stopped = train(small_run(data, **changes), tmp_path / "stopped")
    state = torch.load(states(stopped.checkpoints)[0], weights_only=True)
    epochs = iter(epoch_states(prepare(run)))
    first = next(epochs)
    save_state(stopped.checkpoints, {"rows": state["rows"][:1], "fit": first}, 1)
    resume(stopped.path)
    one, other = (torch.load(states(t.checkpoints)[0], weights_only=True)["fit"] for t in (target, stopped))
    assert_same(one, other)


def epoch_states(setting: Any) -> Iterator[dict[str, Any]]:
    run = setting.run
    for epoch in fit(
        setting.student,
        setting.teacher,
        setting.batches,
        method=run.method,
        attack=run.attack,
        epochs=run.epochs,
        optimizer=run.optimizer,
        schedule=run.schedule,
        average=run.average,
        natural_teacher=setting.natural_teacher,
        perturbation=run.perturbation,
        label_smoothing=run.label_smoothing,
        clip=run.clip,
        precision=run.precision,
        seed=run.seed,
    ):
        yield copy.deepcopy(epoch.state.state_dict())


def test_the_protocol_names_every_forward_that_moves_batch_norm(tmp_path: Path, data: str) -> None:
    teacher = trained(tmp_path, data, "robust")
    orders = {
        "RSLAD() + IGDM(alpha=1, direction='uniform')": "in the order x', x, then x+1u, x-1u with u a random direction",
        "IAD(bn_parity=Switched(begin=0.3, before=(1, 1, 0), after=(1, 1, 0, 0)))": "in the order x', x', x, and "
        "x', x', x, x after the first 0.3 of the run",
    }
    for method, order in orders.items():
        assert dict(protocol(prepare(small_run(data, method=method, teacher=teacher))))["BatchNorm"].endswith(order)


def test_a_second_pass_over_an_epoch_does_not_advance_the_bar() -> None:
    class Recording(Bar):
        def __init__(self) -> None:
            self.done = 0.0

        def advance(self, amount: float) -> None:
            self.done += amount

    bar = Recording()
    watched = Watched(BATCHES, bar, 2.0)
    for number in (1, 1, 2, 2):
        list(watched.epoch(number))
    assert bar.done == 2 * STEPS * 2.0


def test_teachers_that_are_missing_or_idle_are_refused_before_a_run(tmp_path: Path, data: str) -> None:
    teacher = trained(tmp_path, data, "robust")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"method": "IAD2()"}, r"IAD2\(\) needs a teacher. Found: none"),
        ({"method": "IAD2()", "teacher": teacher}, "needs a second teacher. Found: none. Give --natural_teacher"),
        ({"method": "IAD()", "teacher": teacher, "natural_teacher": teacher}, r"IAD\(\) takes no second teacher"),
        ({"method": "KD() + IGDM(alpha=1)", "teacher": teacher}, "needs a perturbation, and nothing is attacked"),
        ({"method": "RSLAD()", "teacher": teacher, "label_smoothing": 0.1}, "takes no cross-entropy with labels"),
    ]
    for changes, message in cases:
        with pytest.raises(ValueError, match=message):
            prepare(small_run(data, **changes))


def test_natural_training_says_that_nothing_is_attacked(tmp_path: Path, data: str) -> None:
    target = train(small_run(data, method="Natural()", attack="Clean()", epochs=1), tmp_path / "run")
    assert "none: the method trains on clean images" in (target.path / "protocol.json").read_text()
    assert Run.from_texts(prepare(small_run(data, method="Natural()")).run.texts()).method == Natural()
