"""A: the contract. What every attack takes for granted about the network and its images."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from robustill.attacks import PGD, Adversary, Square, TargetedAPGD, TargetedMargin, frozen
from robustill.audit.check import Check, Reading, Skipped
from robustill.audit.subject import BATCH, Subject
from robustill.data.seeds import mix
from robustill.evaluation import correct_under
from robustill.results import wilson
from robustill.types import Images, Logits

FEW = 32
"""Images for what no statistics are needed for."""
SPREAD = 4
"""A spread of what enters the first layer at which pixels have certainly been divided by their spread twice."""

ONE_VALUE = "a single value of each channel has no spread; more images have one"


class EvalMode(Check):
    """Modules that stay in train mode, dropout that drops, batch normalisation by the batch's own statistics."""

    id = "A1"
    title = "Eval mode"
    meaning = "The network is not the one that would be deployed: its answer depends on chance or on its neighbours."
    unit = "places"
    fail: float = 0

    def measure(self, subject: Subject) -> Reading:
        with frozen(subject.model):
            stuck = [name or "the network" for name, module in subject.model.named_modules() if module.training]
        seen = subject.seen
        said = [f"{', '.join(stuck[:3])} in train mode after eval()"] if stuck else []
        said += [f"{seen.dropout} dropout"] if seen.dropout else []
        said += [f"{seen.batch_statistics} batch norm by batch statistics"] if seen.batch_statistics else []
        said += ["handed over in train mode"] if subject.was_training else []
        places = max(len(stuck), seen.dropout + seen.batch_statistics)
        return Reading.of(places, "; ".join(said) or "eval mode throughout")


class Deterministic(Check):
    """The largest distance, over the images, of five forwards' logits, each brought to length 1."""

    id = "A2"
    title = "Deterministic: five forwards agree"
    meaning = "Attacks follow one draw and are judged by another; robustness to them may be nothing but noise."
    fail: float = 1e-4

    def measure(self, subject: Subject) -> Reading:
        x, _ = subject.few(FEW)
        first = subject.ask(x)
        apart = max(_apart(subject.ask(x), first) for _ in range(4))
        drawn = ", ".join(sorted(subject.seen.draws))
        return Reading.of(apart, f"distance {apart:.1g}" + (f"; the forward draws ({drawn})" if drawn else ""))


class Logit(Check):
    """Images whose outputs are non-negative and sum to 1."""

    id = "A3"
    title = "Logits, not probabilities"
    meaning = "A softmax inside the network makes gradients vanish where it is sure; attack the logits before it."
    unit = "%"
    fail: float = 0.01

    def measure(self, subject: Subject) -> Reading:
        z = subject.logits
        probabilities = (z >= 0).all(1) & ((z.sum(1) - 1).abs() < 1e-3)
        span = f"{float(z.min()):.3g} to {float(z.max()):.3g}"
        return Reading.share(int(probabilities.sum()), len(z), f"images get probabilities; outputs {span}")


class Finite(Check):
    """Logits that are not finite, on the images, on black, on white and on noise."""

    id = "A4"
    title = "Finite logits"
    meaning = "NaN is never the true class: an image counts as broken, or an attack stops, for no reason."
    unit = "logits"
    fail: float = 0

    def measure(self, subject: Subject) -> Reading:
        some, _ = subject.few(FEW)
        noise = torch.rand(some.shape, generator=subject.noise("finite"), device=some.device)
        places = {"images": subject.logits} | {
            name: subject.ask(x)
            for name, x in (("black", torch.zeros_like(some)), ("white", torch.ones_like(some)), ("noise", noise))
        }
        broken = {name: int((~logits.isfinite()).sum()) for name, logits in places.items()}
        said = ", ".join(f"{count} on {name}" for name, count in broken.items() if count)
        return Reading.of(sum(broken.values()), said or "all finite, on black, white and noise too")


class Alone(Check):
    """The largest distance of the logits of an image alone from its logits in a batch, each brought to length 1."""

    id = "A5"
    title = "An image alone and in a batch"
    meaning = (
        "The answer depends on the other images, which an attack changes too: no image has a robustness of its own."
    )
    presupposes = ("A2",)
    warn: float = 1e-3  # GPUs multiply in TF32, and choose how by the size of the batch
    fail: float = 1e-2

    def measure(self, subject: Subject) -> Reading:
        x, _ = subject.few(FEW)
        apart = _apart(subject.ask(x, batch=1), subject.ask(x))
        return Reading.of(apart, f"distance {apart:.1g} over {len(x)} images")


class NormalisedOnce(Check):
    """How far the first BatchNorm's inputs are from its running statistics, in running standard deviations.

    The median over the channels of sqrt(Δmean² + Δstd²), the Wasserstein distance of two normal distributions. Without
    BatchNorm the first layer's input is looked at: pixels that were normalised once have a spread of at most about 1.
    """

    id = "A6"
    title = "Pixels in [0, 1], normalised as in training"
    meaning = "Images reach the network otherwise than in training: normalised twice, not at all, or other images."
    unit = "standard deviations"
    warn: float = 0.5
    fail: float = 1.0

    def measure(self, subject: Subject) -> Reading | Skipped:
        x, _ = subject.few(BATCH)
        span = f"pixels {float(x.min()):.3g} to {float(x.max()):.3g}"
        layer, entering = _first_input(subject.model, x, (_BatchNorm,))
        if layer is not None and _has_statistics(layer):
            mean, std = layer.running_mean, (layer.running_var + layer.eps).sqrt()
            values = entering.transpose(0, 1).flatten(1)
            if values.shape[1] < 2:
                return Skipped(ONE_VALUE)
            distance = torch.hypot((values.mean(1) - mean) / std, values.std(1) / std - 1)
            apart = float(distance.nanmedian())
            return Reading.of(apart, f"{apart:.2f} from the first BatchNorm's running statistics; {span}")
        layer, entering = _first_input(subject.model, x, (nn.Conv2d, nn.Linear))
        if layer is None:
            return Skipped("no BatchNorm, convolution or linear layer to look into")
        values = entering.transpose(0, 1).flatten(1)
        if values.shape[1] < 2:
            return Skipped(ONE_VALUE)
        spread = float(values.std(1).max())
        # Some networks scale their pixels otherwise, and nothing here says how this one was trained: never a fail
        return Reading(spread / SPREAD, f"the first layer sees a spread of {spread:.2f}; {span}", least=0.0)


class Connected(Check):
    """Is there a path from the logits back to the image?"""

    id = "A7"
    title = "The graph from the logits to the image is unbroken"
    meaning = "No gradient reaches the image, so attacks that need one find nothing: detach(), numpy or no_grad inside."
    unit = "cuts"
    fail: float = 0

    def measure(self, subject: Subject) -> Reading:
        x = subject.few(2)[0].requires_grad_()
        with frozen(subject.model), torch.enable_grad():
            logits = subject.model(x)
        if logits.requires_grad and torch.autograd.grad(logits.sum(), x, allow_unused=True)[0] is not None:
            return Reading.of(0, "a gradient arrives")
        return Reading.of(1, "no gradient arrives")


class NoOptimisation(Check):
    """Gradients that the forward itself asks for."""

    id = "A8"
    title = "No optimisation at inference"
    meaning = "The network fits something to each image; attacks that know nothing of it overestimate robustness."
    unit = "gradients"
    fail: float = 0

    def measure(self, subject: Subject) -> Reading:
        asked = subject.seen.gradients
        return Reading.of(asked, f"{asked} gradients within a forward")


class Unchanged(Check):
    """Parameters, buffers, ``.grad``, modes and random states that an evaluation changes."""

    id = "A9"
    title = "An evaluation leaves everything as it was"
    meaning = "What was measured changes what is measured next; numbers depend on the order of the evaluations."
    presupposes = ("A1", "A2", "A4", "A7")
    unit = "things"
    fail: float = 0

    def measure(self, subject: Subject) -> Reading:
        budget = subject.budget
        some = subject.split.subset(torch.arange(min(8, len(subject))))
        evaluation: tuple[Adversary, ...] = (
            PGD(budget=budget, steps=2, step_size=budget.radius),
            TargetedAPGD(budget=budget, steps=2, targets=1, loss=TargetedMargin()),
            Square(budget=budget, queries=2),
        )
        torch.manual_seed(
            mix(subject.seed, "unchanged")
        )  # a network that seeds by itself would leave its own seed alone
        before = _state(subject.model)
        for adversary in evaluation:
            correct_under(subject.model, some, adversary, seed=subject.seed)
        after = _state(subject.model)
        changed = [name for name in before if not _same(before[name], after.get(name))]
        return Reading.of(
            len(changed), ", ".join(changed[:3]) or "parameters, buffers, gradients, modes, random states"
        )


class CleanAccuracy(Check):
    """How far clean accuracy is from the reported one, less what both samples explain; or is it at chance?"""

    id = "A10"
    title = "Clean accuracy is what was reported"
    meaning = "Another network, other images or other pixels than in the report: nothing measured here is about it."
    presupposes = ("A2", "A4")
    unit = "%"
    fail: float = 0.02

    def measure(self, subject: Subject) -> Reading:
        correct, n = int(subject.correct.sum()), len(subject)
        low, high = wilson(correct, n)
        said, evaluation = f"{correct / n:.1%} ({low:.1%} to {high:.1%})", subject.record.evaluation
        reported = evaluation.accuracies.get("clean") if evaluation else None
        if reported is None:
            said += f", not reported; chance is {subject.chance:.1%}"
            return Reading.of(0.0 if low > subject.chance else 1.0, said)
        lowest, highest = reported.interval
        apart = max(0.0, low - highest, lowest - high)
        return Reading.of(apart, f"{said}, reported {reported.accuracy:.1%} of {reported.n:,}")


def _apart(first: Logits, second: Logits) -> float:
    def direction(logits: Logits) -> Logits:
        logits = logits.nan_to_num()  # what is not finite is another check's matter
        length: Tensor = torch.linalg.vector_norm(logits, dim=1, keepdim=True)
        return logits / length.clamp_min(1e-12)

    return float(torch.linalg.vector_norm(direction(first) - direction(second), dim=1).max())


def _first_input(model: nn.Module, x: Images, kinds: tuple[type[nn.Module], ...]) -> tuple[Any, Tensor]:
    """The first module of some kinds that a forward reaches, and what enters it; None where there is none."""
    reached: list[tuple[nn.Module, Tensor]] = []

    def keep(module: nn.Module, given: tuple[Tensor, ...], named: Mapping[str, Tensor]) -> None:
        reached.append((module, (*given, *named.values())[0].detach()))

    hooks = [
        module.register_forward_pre_hook(keep, with_kwargs=True)
        for module in model.modules()
        if isinstance(module, kinds)
    ]
    try:
        with frozen(model), torch.no_grad():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return reached[0] if reached else (None, x)


def _has_statistics(layer: Any) -> bool:
    if layer.running_mean is None or layer.running_var is None:
        return False
    return not ((layer.running_mean == 0).all() and (layer.running_var == 1).all())  # as they are before training


def _state(model: nn.Module) -> dict[str, Any]:
    state: dict[str, Any] = {"PyTorch's random state": torch.get_rng_state()}
    state["NumPy's random state"] = pickle.dumps(np.random.get_state())
    for name, module in model.named_modules():
        state[f"mode of {name or 'the network'}"] = module.training
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        state[name] = tensor.detach().clone()
        state[f"gradient of {name}"] = None if tensor.grad is None else tensor.grad.clone()
    return state


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.equal(first, second)
    return type(first) is type(second) and bool(first == second)
