"""What the tests of the audit share: the embedded images, and a small network that is honest."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from robustill.attacks import PGD, Linf
from robustill.audit import Effort, Subject
from robustill.data import Batches, Dataset, NoAugmentation, load
from robustill.methods.pgd_at import PGDAT
from robustill.models import SmallCNN, create_model

BUDGET = Linf(8 / 255)
EFFORT = Effort(samples=64, strong=3, steps=10, restarts=2, queries=20)


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return load("demo")


@pytest.fixture(scope="session")
def network(dataset: Dataset) -> nn.Module:
    """Trained adversarially for two epochs of 2,000 images, with normalisation inside."""
    torch.set_num_threads(1)
    mean, std = dataset.channel_statistics()
    attack = PGD(budget=BUDGET, steps=1, step_size=8 / 255)
    batches = Batches(dataset.train.stratified(2000, 0), batch_size=50, seed=0, augmentation=NoAugmentation())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        student = create_model(SmallCNN(width=8), 10, in_channels=1, mean=mean, std=std)
    optimizer = torch.optim.Adam(student.parameters(), lr=5e-3)
    noise = torch.Generator().manual_seed(0)
    for epoch in range(2):
        for x, y in batches.epoch(epoch):
            loss = PGDAT().loss(student, None, x, y, attack=attack, progress=epoch / 2, generator=noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    optimizer.zero_grad()
    return student.eval().requires_grad_(False)


@pytest.fixture
def subject(network: nn.Module, dataset: Dataset) -> Subject:
    """Not yet asked anything."""
    return Subject(network, dataset.test.stratified(EFFORT.samples, 0), BUDGET, EFFORT)
