"""The examples run as a reader would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(name: str, folder: Path) -> str:
    """What an example prints, from a folder of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(EXAMPLES.parent / "src")}
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_loop_of_ones_own(tmp_path: Path) -> None:
    losses = [float(line.split()[-1]) for line in run("own_loop.py", tmp_path).splitlines()]
    assert len(losses) == 5 and all(0 <= loss < 1 for loss in losses)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_main_job_in_ten_lines(tmp_path: Path) -> None:
    printed = run("ten_lines.py", tmp_path)
    assert "last {'clean': '" in printed and "'pgd20': '" in printed
    assert (tmp_path / "runs" / "ten_lines" / "report.html").stat().st_size > 100_000
