"""The nearest point of an L1 ball and of the pixels [0, 1] at once.

Croce and Hein: Mind the Box: l1-APGD for Sparse Adversarial Attacks on Image Classifiers. ICML 2021, arXiv 2103.01208.
"""

from __future__ import annotations

import torch

from robustill.types import Images

STEPS = 60
"""Newton needs 4 to 10; bisection, where Newton would leave its bracket, separates all floats in this many."""


def project_l1_box(delta: Images, x: Images, radius: float) -> Images:
    """The nearest z to ``delta`` with ‖z‖₁ <= radius and x + z in [0, 1].

        z_i = sign(delta_i) * min( max(|delta_i| - t, 0), room_i )        t >= 0 the least with ‖z‖₁ <= radius

    where ``room_i`` is how far the pixel may go that way. ‖z‖₁ falls in straight pieces as t grows, so t is found
    without sorting: Newton's method on the piece at hand, inside a bracket that bisection keeps shrinking.
    """
    magnitude = delta.flatten(1).abs()
    room = torch.where(delta > 0, 1 - x, x).flatten(1).clamp_min(0)
    low = torch.zeros_like(magnitude[:, :1])
    high = magnitude.amax(1, keepdim=True)
    t = low
    for _ in range(STEPS):
        length = torch.minimum((magnitude - t).clamp_min(0), room)
        excess = length.sum(1, keepdim=True) - radius
        low, high = torch.where(excess > 0, t, low), torch.where(excess > 0, high, t)
        falling = ((magnitude > t) & (magnitude - t <= room)).sum(1, keepdim=True)
        newton = t + excess / falling
        inside = (newton > low) & (newton < high)
        following = torch.where(inside, newton, (low + high) / 2)
        done = (excess.abs() <= 1e-7 * radius) | (following <= low) | (following >= high)
        if done.all():
            break
        t = torch.where(done, t, following)
    length = torch.minimum((magnitude - t).clamp_min(0), room)
    length = length * (radius / length.sum(1, keepdim=True).clamp_min(radius))  # t itself is rounded
    return (delta.flatten(1).sign() * length).view_as(delta)


def shrinkage(delta: Images, x: Images, radius: float) -> Images:
    """What to add to ``delta`` for its projection.

    The authors add this to an image where the projection itself would do. Where a pixel value goes back to ``x``,
    rounding then leaves a trace, and APGD counts the pixel values that differ from ``x``: its steps depend on it.
    """
    return project_l1_box(delta, x, radius) - delta
