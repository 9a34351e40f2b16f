"""The number of CPU threads, chosen by measuring."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch

from robustill.training.threads import choose_threads

measured: Callable[[], int] = choose_threads.__wrapped__


@pytest.fixture
def restored(request: pytest.FixtureRequest) -> None:
    before = torch.get_num_threads()
    request.addfinalizer(lambda: torch.set_num_threads(before))


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("seconds", "expected"),
    [({1: 4, 2: 3, 4: 2, 6: 1}, 6), ({1: 1, 2: 5, 4: 5, 6: 5}, 1), ({1: 4, 2: 2, 4: 1.9, 6: 8}, 2)],
    ids=["all", "busy machine", "no more than is worth it"],
)
def test_the_fastest_number_is_taken(seconds: dict[int, float], expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine of six cores on which the work takes as long as is said."""
    now = [0.0]

    def work(*_: object) -> None:
        now[0] += seconds[torch.get_num_threads()]

    monkeypatch.setattr("torch.autograd.grad", work)
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    torch.set_num_threads(6)
    assert measured() == expected
    assert torch.get_num_threads() == 6


@pytest.mark.usefixtures("restored")
def test_it_is_really_measured() -> None:
    torch.set_num_threads(2)
    began = time.perf_counter()
    assert measured() in (1, 2)
    assert time.perf_counter() > began


def test_where_one_is_all_there_is_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("time.perf_counter")
    assert torch.get_num_threads() == 1 and measured() == 1
