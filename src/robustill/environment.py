"""Where a number was made: versions, the machine in words, the state of the code, the command. Never a host name."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import robustill


@cache
def environment() -> dict[str, Any]:
    """Versions, hardware and git state of this process."""
    import torch

    return {
        "robustill": robustill.__version__,
        "git": _git_state(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": machine(),
        "threads": torch.get_num_threads(),
        "command": _command(),
    }


def _command() -> str:
    """The command line, to be pasted into a shell again; "python" where it was another program's."""
    program = Path(sys.argv[0])
    return shlex.join(["robustill", *sys.argv[1:]]) if "robustill" in (program.name, program.parent.name) else "python"


def machine() -> str:
    """The hardware in words: ``2 CPU cores (AMD EPYC), 24 GiB memory``, and the GPU where there is one."""
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    words = f"{os.cpu_count()} CPU cores ({_processor()}), {memory:.0f} GiB memory"
    if torch.cuda.is_available():
        words += f", {torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return words


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _git_state() -> str:
    """The commit of the library's own checkout, or "released" where it is an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return "released"
    answers = [_git(root, "rev-parse", "--short=12", "HEAD"), _git(root, "status", "--porcelain")]
    return (answers[0] or "unknown") + (" with uncommitted changes" if answers[1] else "")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
