"""RSLAD: T(x) as the target of everything, elementwise means; with IGDM as in IGDM's code.

RSLAD's own divergence adds 1e-5 inside the logarithm of the target: a constant without effect on any gradient, left
out here.
"""

from __future__ import annotations

from torch import Tensor, nn

from tests.reference.common import ascend, divergence, elementwise_mean, evaluated, gradient_matching


def attack(
    student: nn.Module,
    clean_target: Tensor,
    x: Tensor,
    *,
    noise: Tensor,
    epsilon: float,
    step_size: float,
    steps: int,
) -> Tensor:
    student.eval()
    x_adv = ascend(
        lambda image: divergence(clean_target, student(image)).sum(),
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
) -> Tensor:
    """Outer forwards: S(x'), S(x)."""
    target = evaluated(teacher, x)
    x_adv = attack(student, target, x, noise=noise, epsilon=epsilon, step_size=step_size, steps=steps)
    adversarial = elementwise_mean(divergence(target, student(x_adv)))
    clean = elementwise_mean(divergence(target, student(x)))
    return 5 / 6 * adversarial + 1 / 6 * clean


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
    """Outer forwards: S(x'), S(x + βδ), S(x), S(x - γδ); the teacher at x again and at both points."""
    target = evaluated(teacher, x)
    x_adv = attack(student, target, x, noise=noise, epsilon=epsilon, step_size=step_size, steps=steps)
    delta = x_adv - x
    adversarial = elementwise_mean(divergence(target, student(x_adv)))
    s_plus = student(x + beta * delta)
    clean = elementwise_mean(divergence(evaluated(teacher, x), student(x)))
    s_minus = student(x - gamma * delta)
    t_plus, t_minus = evaluated(teacher, x + beta * delta), evaluated(teacher, x - gamma * delta)
    return 5 / 6 * adversarial + 1 / 6 * clean + alpha * share * gradient_matching(s_plus, s_minus, t_plus, t_minus)
