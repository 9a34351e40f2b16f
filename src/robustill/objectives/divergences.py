"""Distances between two networks' logits: one value per image, never reduced over the batch.

Kullback-Leibler divergences are computed from log-probabilities on both sides: their gradient with respect to the
target holds ``log p``, and the logarithm of a softmax that underflowed is -inf. Logits arrive in float32 (see
``Line``).
"""

from torch.nn import functional as F

from robustill.types import Labels, Logits, PerSample


def cross_entropy(logits: Logits, y: Labels) -> PerSample:
    """-log softmax(logits)[y]."""
    return F.cross_entropy(logits, y, reduction="none")


def kl(target: Logits, logits: Logits) -> PerSample:
    """KL(softmax(target) ‖ softmax(logits)) = Σ p log(p / q), p the target's probabilities.

    ``kl(teacher, student)`` is what every distillation code calls the KL loss (the papers write the arguments the
    other way round). Gradients flow into both arguments: detach where a method does.
    """
    log_p, log_q = F.log_softmax(target, 1), F.log_softmax(logits, 1)
    return F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(1)


def softened_kl(target: Logits, logits: Logits, temperature: float) -> PerSample:
    """T² · KL(softmax(target / T) ‖ softmax(logits / T)); T² keeps the gradient's size (Hinton et al., 2015)."""
    return temperature**2 * kl(target / temperature, logits / temperature)


def squared_l2(target: Logits, logits: Logits) -> PerSample:
    """‖target - logits‖₂², of the logits themselves."""
    return (target - logits).square().sum(1)


def l1(target: Logits, logits: Logits) -> PerSample:
    """‖target - logits‖₁, of the logits themselves."""
    return (target - logits).abs().sum(1)
