"""The progress bar: batches pass through it unchanged, and it knows how much of the job is done."""

from __future__ import annotations

import time
from io import StringIO

import pytest
import torch
from rich.console import Console

from robustill.data import Batches, NoAugmentation, Split
from robustill.progress import Bar, Watched


def batches() -> Batches:
    split = Split(torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1), torch.arange(10) % 2)
    return Batches(split, batch_size=4, seed=0, augmentation=NoAugmentation())


def done(bar: Bar) -> float:
    return bar._progress.tasks[0].completed


def test_watched_batches_are_the_batches() -> None:
    with Bar(10, Console(quiet=True)) as bar:
        watched = Watched(batches(), bar, 1.0)
        assert len(watched) == len(batches()) == 3
        for (x, y), (seen_x, seen_y) in zip(batches().epoch(2), watched.epoch(2), strict=True):
            assert torch.equal(x, seen_x) and torch.equal(y, seen_y)


def test_the_bar_is_full_when_the_job_is_done() -> None:
    with Bar(2 * 3 * 0.5, Console(quiet=True)) as bar:
        watched = Watched(batches(), bar, 0.5)
        for epoch in (1, 2):
            list(watched.epoch(epoch))
        assert done(bar) == pytest.approx(3.0) and bar._progress.finished


def test_an_epoch_that_stops_halfway_counts_what_was_done() -> None:
    with Bar(3, Console(quiet=True)) as bar:
        for step, _ in enumerate(Watched(batches(), bar, 1.0).epoch(1)):
            if step == 1:
                break
        assert done(bar) == 1.0  # the second batch was handed out, and not come back for


def test_without_a_terminal_stages_are_lines() -> None:
    out = StringIO()
    with Bar(1, Console(file=out)) as bar:
        bar.stage("training RSLAD() + IGDM(alpha=10) [1]")
        bar.stage("evaluating")
    assert out.getvalue() == "training RSLAD() + IGDM(alpha=10) [1]\nevaluating\n"


def test_notes_are_lines_too_but_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    out = StringIO()
    with Bar(1, Console(file=out)) as bar:
        bar.stage("evaluating last")
        for seconds in (1, 30, 59, 60, 61, 120):
            now[0] = 100.0 + seconds
            bar.note(f"[{seconds}] 54.3 % of 256 so far")
    assert out.getvalue().splitlines() == [
        "evaluating last",
        "evaluating last, [60] 54.3 % of 256 so far",
        "evaluating last, [120] 54.3 % of 256 so far",
    ]


def test_on_a_terminal_notes_stand_beside_the_stage() -> None:
    out = StringIO()
    with Bar(1, Console(file=out, force_terminal=True, width=120)) as bar:
        bar.stage("evaluating last")
        bar.note("autoattack: 54.3 % of [1,024] so far")
    assert "evaluating last, autoattack: 54.3 % of [1,024] so far" in out.getvalue()
