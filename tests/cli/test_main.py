"""The frame of the command line: help, verbs, exit statuses, and where a traceback is shown."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch

import robustill
import robustill.cli
from robustill.cli import VERBS, Terminated, main
from tests.small import environment, process


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"robustill {robustill.__version__}\n"


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_help_names_every_verb(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: robustill VERB") and all(f"\n  {verb} " in text for verb in VERBS)
    assert max(map(len, text.splitlines())) <= 120


def test_a_misspelt_verb_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evalute"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert said.err.endswith("Found: 'evalute'. Did you mean evaluate?\n")


def test_an_unknown_verb_gets_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frobnicate"]) == 2
    assert f"The verb must be one of {', '.join(VERBS)}. Found: 'frobnicate'." in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--help"], [], ["--version"], ["frobnicate"], ["report", "--help"], ["report", "nowhere"]], ids=" ".join
)
def test_pytorch_is_not_imported_for(words: list[str]) -> None:
    script = f"import sys; from robustill.cli import main; main({words}); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr


def test_help_of_the_real_command_exits_0() -> None:
    done = subprocess.run(process("--help"), capture_output=True, text=True, env=environment())
    assert done.returncode == 0 and done.stderr == "" and "usage: robustill" in done.stdout


def verb_that(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Makes every verb end with an error."""

    def fails(arguments: Sequence[str]) -> None:
        raise error

    monkeypatch.setattr(robustill.cli, "import_module", lambda name: SimpleNamespace(main=fails))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("epochs must be at least 1. Found: 0."), "epochs must be at least 1. Found: 0."),
        (FileNotFoundError("There is no folder x."), "There is no folder x."),
        (FloatingPointError("The loss is not finite."), "The loss is not finite."),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "runs"), "runs: Permission denied."),
        (OSError(errno.EIO, "Input/output error"), "Input/output error."),
        (ValueError("first line\n   second line"), "first line second line"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_bad_input_is_one_sentence_and_status_2(
    error: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ROBUSTILL_TRACEBACK", raising=False)
    verb_that(monkeypatch, error)
    assert main(["train"]) == 2
    assert capsys.readouterr() == ("", f"robustill train: error: {sentence}\n")


def test_the_traceback_is_shown_to_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTILL_TRACEBACK", "1")
    verb_that(monkeypatch, ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        main(["train"])


def test_and_by_the_real_command() -> None:
    words, shown = process("report", "nowhere"), environment(ROBUSTILL_TRACEBACK="1")
    done = subprocess.run(words, capture_output=True, text=True, env=shown)
    assert done.returncode == 1 and "Traceback" in done.stderr and "ValueError: A report needs" in done.stderr


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    verb_that(monkeypatch, TypeError("unsupported operand"))
    with pytest.raises(TypeError, match="unsupported operand"):
        main(["train"])


def test_an_interruption_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    verb_that(monkeypatch, KeyboardInterrupt())
    assert main(["train"]) == 130
    assert "Interrupted. A run goes on from its last checkpoint with: robustill train --resume" in (
        capsys.readouterr().err
    )


def test_a_termination_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    verb_that(monkeypatch, Terminated())
    assert main(["train"]) == 143
    assert "Terminated. A run goes on from its last checkpoint with" in capsys.readouterr().err


def test_a_scheduler_that_terminates_the_real_command() -> None:
    code = (
        "import time, robustill.cli.list as verb; verb.main = lambda words: (print('on', flush=True), time.sleep(60))"
    )
    program = [sys.executable, "-c", f"{code}; import sys; from robustill.cli import main; sys.exit(main(['list']))"]
    child = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    assert child.stdout is not None and child.stdout.readline() == "on\n"
    child.terminate()
    _, said = child.communicate(timeout=60)
    assert child.returncode == 143 and "Terminated." in said and "Traceback" not in said


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["python", "cuda", "cpu"],
)
def test_too_little_memory(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verb_that(monkeypatch, error)
    assert main(["train"]) == 2
    said = capsys.readouterr().err
    assert (
        "not enough memory. Take a smaller batch, network or image size. A run goes on from its last checkpoint" in said
    )


def test_another_error_of_pytorch_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    verb_that(monkeypatch, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        main(["train"])


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    verb_that(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "runs/one/metrics.jsonl"))
    assert main(["train"]) == 2
    said = capsys.readouterr().err
    assert "runs/one/metrics.jsonl: No space left on device. A run goes on from its last checkpoint with" in said


@pytest.mark.parametrize(("code", "status"), [(0, 0), (None, 0), (3, 3)])
def test_whoever_exits_gets_that_status(code: int | None, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    verb_that(monkeypatch, SystemExit(code))
    assert main(["train", "--help"]) == status


def test_the_reader_of_a_pipe_may_leave() -> None:
    command = f"{sys.executable} -m robustill list models | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment())
    assert done.stdout and done.stderr == ""


def test_a_warning_is_a_sentence_and_nothing_else() -> None:
    script = (
        "import warnings, robustill.cli as cli; from types import SimpleNamespace as M\n"
        "cli.import_module = lambda name: M(main=lambda words: warnings.warn('This is\\nslower.', RuntimeWarning))\n"
        "cli.main(['list'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment(), check=True)
    assert done.stderr == "Warning: This is slower.\n"
