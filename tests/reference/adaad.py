"""AdaAD: the attack's gradient also through its target T(x'); with IGDM as in IGDM's code. λ = 1 in both.

Both codes evaluate T(x) and S(x) for the branch that λ = 1 multiplies by 0; the authors' own makes S(x) before S(x').
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from tests.reference.common import ascend, batchmean, divergence, evaluated, gradient_matching


def attack(
    student: nn.Module,
    teacher: nn.Module,
    x: Tensor,
    *,
    noise: Tensor,
    epsilon: float,
    step_size: float,
    steps: int,
) -> Tensor:
    student.eval()
    teacher.eval()
    x_adv = ascend(
        lambda image: divergence(teacher(image), student(image)).sum(),
        x,
        x + noise,
        epsilon=epsilon,
        step_size=step_size,
        steps=steps,
    )
    student.train()
    return x_adv


def step(
    student: nn.Module,
    teacher: nn.Module,
    x: Tensor,
    *,
    noise: Tensor,
    epsilon: float,
    step_size: float,
    steps: int,
    reduction: Callable[[Tensor], Tensor],
) -> Tensor:
    """Outer forwards: S(x), S(x'). CIFAR-10: the elementwise mean; CIFAR-100: the batchmean."""
    x_adv = attack(student, teacher, x, noise=noise, epsilon=epsilon, step_size=step_size, steps=steps)
    s_clean, s_adv = student(x), student(x_adv)
    adversarial = reduction(divergence(evaluated(teacher, x_adv), s_adv))
    clean = reduction(divergence(evaluated(teacher, x), s_clean))
    return 1.0 * adversarial + 0.0 * clean


def step_with_igdm(
    student: nn.Module,
    teacher: nn.Module,
    x: Tensor,
    *,
    noise: Tensor,
    epsilon: float,
    step_size: float,
    steps: int,
    alpha: float,
    beta: float,
    gamma: float,
    share: float,
) -> Tensor:
    """Outer forwards: S(x + βδ), S(x), S(x - γδ), S(x')."""
    x_adv = attack(student, teacher, x, noise=noise, epsilon=epsilon, step_size=step_size, steps=steps)
    delta = x_adv - x
    s_plus, s_clean, s_minus = student(x + beta * delta), student(x), student(x - gamma * delta)
    adversarial = batchmean(divergence(evaluated(teacher, x_adv), student(x_adv)))
    clean = batchmean(divergence(evaluated(teacher, x), s_clean))
    t_plus, t_minus = evaluated(teacher, x + beta * delta), evaluated(teacher, x - gamma * delta)
    matching = gradient_matching(s_plus, s_minus, t_plus, t_minus)
    return 1.0 * adversarial + 0.0 * clean + alpha * share * matching
