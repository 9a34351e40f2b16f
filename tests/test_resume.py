"""Interrupted and resumed equals uninterrupted, bit for bit: stopped anywhere inside, or killed from outside."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import robustill.train
from robustill.prepare import prepare
from robustill.progress import Bar
from robustill.results import RunDirectory
from robustill.train import conduct, resume, train, work_per_epoch
from robustill.training.checkpoint import save_state, states
from tests.small import archive, assert_same, command, environment, flags, process, small_run

WEIGHTS = ("checkpoints/last/model.safetensors", "checkpoints/best/model.safetensors")
SETTINGS: list[dict[str, Any]] = [
    {"optimizer": "SGD(lr=0.1, momentum=0.9, nesterov=True)", "schedule": "Cosine(warmup=1)", "normalize": True},
    {"average": "EMA(decay=0.9)", "precision": "bfloat16", "method": "RSLAD() + IGDM(alpha=10)"},
    {"average": "SWA(begin=0.5)", "method": "AdaAD(bn_parity=(0, 1))"},
]


class Stop(BaseException):
    """An interruption that nothing catches by mistake."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return archive(tmp_path_factory.mktemp("data") / "d.npz")


@pytest.fixture(scope="module")
def teacher(data: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"run:{train(small_run(data, epochs=1), tmp_path_factory.mktemp('teacher')).path}"


def assert_same_run(first: Path, second: Path) -> None:
    for file in WEIGHTS:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file
    for file in ("checkpoints/last/config.json", "checkpoints/best/config.json", "protocol.json", "run.yaml"):
        assert (first / file).read_text() == (second / file).read_text(), file
    assert_same(RunDirectory(first).metrics(), RunDirectory(second).metrics())
    contents = [torch.load(states(RunDirectory(path).checkpoints)[0], weights_only=True) for path in (first, second)]
    assert_same(contents[0], contents[1])


def stop_at(monkeypatch: pytest.MonkeyPatch, name: str, call: int) -> None:
    """Interrupts the run just before the n-th call of a function of the run."""
    function, calls = getattr(robustill.train, name), []

    def wrapped(*arguments: Any, **options: Any) -> Any:
        calls.append(name)
        if len(calls) == call:
            raise Stop
        return function(*arguments, **options)

    monkeypatch.setattr(robustill.train, name, wrapped)


@pytest.mark.parametrize("settings", SETTINGS, ids=["momentum", "average and bfloat16", "SWA"])
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_stopped_after_an_epoch(
    settings: dict[str, Any], epoch: int, data: str, teacher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run(data, teacher=teacher, epochs=4, **settings)
    train(run, tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(Stop):
        stop_at(patch, "validate", epoch + 1)
        train(run, tmp_path / "torn")
    assert len(RunDirectory(tmp_path / "torn").metrics()) == epoch
    resume(tmp_path / "torn")
    assert_same_run(tmp_path / "torn", tmp_path / "whole")


@pytest.mark.parametrize(
    ("name", "call"), [("save_model", 2), ("save_model", 3), ("save_model", 4), ("write_text", 3), ("save_state", 2)]
)
def test_stopped_between_two_files(
    name: str, call: int, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights of an epoch may be there before its row, and its row before its state: the epoch is done again."""
    run = small_run(data, epochs=3)
    train(run, tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(Stop):
        stop_at(patch, name, call)
        train(run, tmp_path / "torn")
    assert not list((tmp_path / "torn").rglob("*.tmp"))
    resume(tmp_path / "torn")
    assert_same_run(tmp_path / "torn", tmp_path / "whole")


@pytest.mark.parametrize("call", [2, 4, 6, 12])
def test_stopped_inside_an_epoch(call: int, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a state after every step: of 3 epochs of 4 steps each, 12 in all, of which the last is never written."""
    run = small_run(data, average="EMA(decay=0.9)", checkpoint_minutes=1e-9)
    train(run, tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(Stop):
        stop_at(patch, "save_state", call)
        train(run, tmp_path / "torn")
    torn = RunDirectory(tmp_path / "torn")
    epochs, steps = divmod(call - 1, 4)
    place = f"state-{epochs:04}+{steps:05}" if steps else f"state-{epochs:04}"
    assert states(torn.checkpoints)[0].name.startswith(f"{place}-")
    resume(torn.path)
    assert_same_run(torn.path, tmp_path / "whole")


def test_a_run_resumed_inside_an_epoch_ends_with_a_full_bar(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run(data, average="SWA(begin=0.0)", checkpoint_minutes=1e-9)
    with monkeypatch.context() as patch, pytest.raises(Stop):
        stop_at(patch, "save_state", 7)  # two steps of the second epoch are done
        train(run, tmp_path / "run")
    setting, seen = prepare(run), []
    total = run.epochs * work_per_epoch(setting)

    class Recording(Bar):
        def advance(self, amount: float) -> None:
            seen.append(amount / total)

    with Recording(total, Console(quiet=True)) as bar:
        conduct(setting, RunDirectory(tmp_path / "run"), bar, Console(quiet=True))
    assert seen == pytest.approx([1 / 3] + 8 * [1 / 12])


def test_minutes_decide_when_a_state_is_saved_and_nothing_else(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: dict[str, list[tuple[int, int]]] = {}
    for name, minutes in (("never", None), ("seldom", 60.0), ("always", 1e-9)):
        places = saved[name] = []

        def noted(folder: Path, state: dict[str, Any], *place: int, places: list[Any] = places) -> Path:
            places.append(place)
            return save_state(folder, state, *place)

        monkeypatch.setattr(robustill.train, "save_state", noted)
        train(small_run(data, checkpoint_minutes=minutes), tmp_path / name)
    assert saved["never"] == saved["seldom"] == [(1, 0), (2, 0), (3, 0)]
    assert saved["always"] == [divmod(step, 4) for step in range(1, 13)]
    weights = {(tmp_path / name / WEIGHTS[0]).read_bytes() for name in saved}
    assert len(weights) == 1


def test_stopped_before_the_first_epoch_was_finished(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run(data)
    train(run, tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(Stop):
        stop_at(patch, "validate", 1)
        train(run, tmp_path / "torn")
    assert not states(RunDirectory(tmp_path / "torn").checkpoints)
    resume(tmp_path / "torn")
    assert_same_run(tmp_path / "torn", tmp_path / "whole")


def test_resuming_a_finished_run_changes_nothing(data: str, tmp_path: Path) -> None:
    run = train(small_run(data), tmp_path / "run")
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    resume(run.path)
    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before


def test_a_run_that_another_process_trains_is_left_to_it(data: str, tmp_path: Path) -> None:
    run = train(small_run(data), tmp_path / "run")
    other = """
import sys, time
from pathlib import Path
from robustill.files import reserved
with reserved(Path(sys.argv[1])):
    print("mine", flush=True)
    time.sleep(600)
"""
    words = [sys.executable, "-c", other, str(run.settings_file)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None and process.stdout.readline() == b"mine\n"
        with pytest.raises(ValueError, match=r"Another process is at work in .*run\. Wait until it has ended"):
            resume(run.path)
        process.kill()
    resume(run.path)


def test_killed_in_mid_epoch(data: str, teacher: str, tmp_path: Path) -> None:
    """SIGKILL to the real command, then ``--resume`` from the state of a step, against a run that nobody disturbed."""
    words = flags(
        data,
        teacher=teacher,
        method="RSLAD() + IGDM(alpha=10)",
        average="EMA(decay=0.9)",
        attack="PGD(budget=Linf(8/255), steps=6, step_size=2/255)",
        batch_size=10,
        epochs=3,
        threads=1,
        checkpoint_minutes=1e-3,
    )
    torn = RunDirectory(tmp_path / "torn")
    child = subprocess.Popen(
        process("train", *words, "--output", torn.path),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 120
    while not newest_state(torn).startswith("state-0001+") and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    _, errors = child.communicate()
    assert child.returncode == -signal.SIGKILL, errors.decode()
    assert "+" in newest_state(torn) and 1 <= len(torn.metrics()) < 3

    assert command("train", "--resume", torn.path) == 0
    assert command("train", *words, "--output", tmp_path / "whole") == 0
    assert_same_run(torn.path, tmp_path / "whole")


def newest_state(run: RunDirectory) -> str:
    return next((file.name for file in states(run.checkpoints)), "")


def test_a_damaged_state_costs_an_epoch_and_changes_nothing(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(small_run(data, epochs=4), tmp_path / "whole")
    run = train(small_run(data, epochs=4), tmp_path / "run")
    newest = states(run.checkpoints)[0]
    damage(newest)
    resume(run.path, console=Console())
    assert f"Damaged: {newest}" in capsys.readouterr().out.replace("\n", "")
    assert_same_run(run.path, tmp_path / "whole")
    assert len(states(run.checkpoints)) == 2 and not newest.exists()


def test_where_every_state_is_damaged_nothing_is_written(data: str, tmp_path: Path) -> None:
    run = train(small_run(data, epochs=3), tmp_path / "run")
    for file in states(run.checkpoints):
        damage(file)
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    with pytest.raises(ValueError, match=r"state-0003-\w+.pt and .*state-0002-\w+.pt, damaged.*--overwrite"):
        resume(run.path)
    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before


def damage(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def test_a_run_with_another_student_is_not_continued(data: str, tmp_path: Path) -> None:
    run = train(small_run(data, epochs=2), tmp_path / "run")
    text = run.settings_file.read_text().replace("width=2", "width=3").replace("epochs: 2", "epochs: 3")
    run.settings_file.write_text(text)
    with pytest.raises(ValueError, match="A run continues with the network, optimizer and weight average it began"):
        resume(run.path)


def test_more_epochs_may_be_asked_for_in_run_yaml(data: str, tmp_path: Path) -> None:
    run = train(small_run(data, epochs=2), tmp_path / "run")
    run.settings_file.write_text(run.settings_file.read_text().replace("epochs: 2", "epochs: 3"))
    assert [row["epoch"] for row in resume(run.path).metrics()] == [1, 2, 3]
