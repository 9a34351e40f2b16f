"""IGDM inside anybody's own loop: nothing of robustill's engine is needed, only ``method.loss``."""

import torch
from torch import nn

from robustill import IGDM, PGD, AdaAD, Linf, StudentCE


def network(width: int) -> nn.Module:
    """Any network that takes images in [0, 1] and gives logits."""
    convolution = nn.Conv2d(1, width, 3, stride=2, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.Linear(16 * width, 2))


def main(epochs: int = 5) -> list[float]:
    """Distils a small network from a larger one on noise with a bright half, and gives the loss of every epoch."""
    torch.manual_seed(0)
    y = torch.arange(256) % 2
    x = 0.6 * torch.rand(256, 1, 8, 8)
    x[y == 1, :, :4] += 0.4
    student, teacher = network(4), network(32).eval()  # a real teacher would have been trained
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.9)

    method = AdaAD(inner=StudentCE()) + IGDM(alpha=10)
    attack = PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)
    losses = []
    for epoch in range(1, epochs + 1):
        for batch in torch.split(torch.randperm(256), 64):
            loss = method.loss(student, teacher, x[batch], y[batch], attack=attack, progress=epoch / epochs)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
        print(f"epoch {epoch}: {losses[-1]:.4f}")
    return losses


if __name__ == "__main__":
    main()
