"""Files that a disk has damaged, and disks that are full: recovered or refused with a sentence, never believed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robustill.evaluation import Ledger
from robustill.models import load_model, read_entries
from robustill.results import RunDirectory
from robustill.run import Run
from robustill.train import read_run, resume, train
from tests.small import archive, command, environment, flags, process, small_run
from tests.test_resume import assert_same_run
from tests.training.test_checkpoint import changes


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished and evaluated run, and a part of an evaluation, beside their images."""
    root = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        archive(root / "d.npz")
        train(small_run("npz:d.npz"), Path("run"))
        assert command("evaluate", "run", "--attacks", "clean") == 0
        Ledger(root).write(root / "part.npz", {"correct": np.arange(40) % 3 == 0}, 1.5)
    return root


@pytest.fixture(autouse=True)
def _in_a_copy(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(whole, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


RUN = RunDirectory(Path("run"))
SAVED = RUN.checkpoint("last")


def plain(value: Any) -> Any:
    """Something that ``==`` compares."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | torch.Tensor) else value


def entries() -> dict[str, Any]:
    """What a flipped bit in the word ``digest`` leaves beside them does no harm."""
    known = ("architecture", "num_classes", "in_channels", "mean", "std", "classes", "epoch", "method")
    return {key: value for key, value in read_entries(SAVED).items() if key in known}


READERS: dict[str, tuple[Path, Callable[[], Any]]] = {
    "weights": (SAVED / "model.safetensors", lambda: load_model(SAVED).state_dict()),
    "config": (SAVED / "config.json", entries),
    "evaluation": (RUN.path / "evaluation/last.json", lambda: RUN.evaluations()["last"].to_json()),
    "arrays": (RUN.path / "evaluation/last.npz", lambda: RUN.arrays("last")),
    "part of an evaluation": (Path("part.npz"), lambda: Ledger(Path()).read(Path("part.npz"))),
}


@pytest.mark.parametrize("name", READERS)
def test_damage_at_forty_places_is_refused_or_without_effect(name: str) -> None:
    file, read = READERS[name]
    expected, refused = plain(read()), 0
    for content in changes(file.read_bytes()):
        file.write_bytes(content)
        try:
            found = read()
        except ValueError as error:
            assert str(file.name) in str(error)
            refused += 1
            continue
        assert found is None or plain(found) == expected
        refused += found is None
    assert refused >= 25  # a flipped bit in the date of a zip member, or in the word "digest", has no effect


def test_rows_that_were_damaged_are_written_anew_from_the_state() -> None:
    rows = RUN.metrics_file.read_bytes()
    for content in changes(rows):
        RUN.metrics_file.write_bytes(content)
        try:
            assert len(RUN.metrics()) <= 3
        except ValueError as error:
            assert "metrics.jsonl: line" in str(error)
    resume(RUN.path)
    assert RUN.metrics_file.read_bytes() == rows


def test_settings_that_were_damaged_are_refused_or_settings() -> None:
    """There is no digest: run.yaml is text that people may edit."""
    for content in changes(RUN.settings_file.read_bytes()):
        RUN.settings_file.write_bytes(content)
        try:
            assert isinstance(read_run(RUN.settings_file), Run)
        except ValueError as error:
            assert "run.yaml" in str(error)


# Disks


def whole_files(run: RunDirectory) -> None:
    """No half-written file, and what is there can be read."""
    assert not list(run.path.rglob("*.tmp"))
    load_model(run.checkpoint("last"))
    assert [row["epoch"] for row in run.metrics()] and json.loads((run.path / "protocol.json").read_text())


WORDS = [*flags("npz:d.npz"), "--threads", "1"]


def test_a_file_that_may_not_grow_further() -> None:
    """A quota on the size of a file: the state of the first epoch does not fit."""
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))"
    program = [sys.executable, "-c", f"{limit}; from robustill.cli import main; sys.exit(main(sys.argv[1:]))"]
    words = [*program, "train", *WORDS, "--output", "torn"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment())
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert "File too large. A run goes on from its last checkpoint with: robustill train --resume" in done.stderr
    whole_files(RunDirectory(Path("torn")))
    resume(Path("torn"))
    assert_same_run(Path("torn"), RUN.path)


def may_mount() -> bool:
    command = ["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="a small file system can be mounted by whoever may make a namespace")
def test_a_disk_that_is_full() -> None:
    """On a file system of 56 KiB the state of the second epoch has no place; on a larger one the run goes on."""
    disk = Path("disk").absolute()
    disk.mkdir()
    train_words, resume_words = (
        process("train", *WORDS, "--output", disk / "run"),
        process("train", "--resume", disk / "run"),
    )
    script = f"""
        mount -t tmpfs -o size=56k tmpfs {disk}
        "$@"
        echo "status $?"
        cp -r {disk}/run full
        mount -o remount,size=4m {disk}
        {" ".join(resume_words)} && cp -r {disk}/run done
    """
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", *train_words],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert "status 2" in done.stdout and "Traceback" not in done.stderr, done.stderr
    assert "No space left on device. A run goes on from its last checkpoint with: robustill train" in done.stderr
    whole_files(RunDirectory(Path("full")))
    assert [row["epoch"] for row in RunDirectory(Path("done")).metrics()] == [1, 2, 3]
    assert_same_run(Path("done"), RUN.path)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("locked").mkdir(mode=0o500)
    assert command("train", *WORDS, "--output", "locked/run") == 2
    assert "locked/run: Permission denied." in capsys.readouterr().err
