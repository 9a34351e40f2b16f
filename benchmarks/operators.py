"""Where the time of a training step goes, by kind of operation: what is left where a step misses the machine's peak.

    python -m benchmarks.operators --method 'RSLAD + IGDM' --threads 2

The step is that of ``benchmarks.step``. Convolutions come with the rate at which they compute.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.machine import PRECISIONS, peaks
from benchmarks.step import RESULTS, Task, contestant, operations
from robustill.allocation import keep_freed_memory
from robustill.environment import environment
from robustill.files import write_json

KINDS = {
    "convolutions": ("mkldnn_convolution", "cudnn_convolution", "convolution_backward", "_convolution"),
    "BatchNorm": ("native_batch_norm", "batch_norm", "cudnn_batch_norm"),
    "activations": ("clamp_min", "threshold_backward", "relu"),
    "copies, casts and sums of feature maps": (
        *("copy_", "cat", "clone", "fill_", "zero_"),
        *("add", "add_", "sub", "sub_", "mul"),
    ),
    "linear layers": ("addmm", "mm"),
}
"""The names of each kind's operations, in the first two kinds their beginnings; what is none of these is the rest."""


def kind(name: str) -> str:
    """What an operation such as ``aten::copy_`` counts as."""
    short = name.removeprefix("aten::")
    exact = (kind for kind, names in KINDS.items() if short in names)
    begins = (kind for kind in ("convolutions", "BatchNorm") if short.startswith(KINDS[kind]))
    return next(chain(exact, begins), "the rest")


def seconds_by_kind(task: Task, method: str, precision: str, device: torch.device) -> dict[str, float]:
    """The seconds of one step, the second of two, that each kind of operation takes itself.

    On a GPU they are those of its kernels, which are the same in a step that is recorded as a CUDA graph.
    """
    on_gpu = device.type == "cuda"
    step = contestant(task, method, f"{precision} eager" if on_gpu else precision, device)
    step(0).item()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as watched:
        step(1).item()
    seconds: Counter[str] = Counter()
    for event in watched.key_averages():
        if not on_gpu:
            seconds[kind(event.key)] += event.self_cpu_time_total / 1e6
        elif event.key.startswith("aten::"):  # a kernel stands there again, under its own name
            seconds[kind(event.key)] += event.self_device_time_total / 1e6
    return dict(seconds.most_common())


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Shares of the step, a column for each precision."""
    kinds = list(rows[0]["seconds"])
    lines = [["operations", *(row["precision"] for row in rows)], ["---"] * (1 + len(rows))]
    shares = [
        {kind: seconds / sum(row["seconds"].values()) for kind, seconds in row["seconds"].items()} for row in rows
    ]
    lines += [[name, *(f"{share.get(name, 0):.0%}" for share in shares)] for name in kinds]
    rates = [row["operations"] / row["seconds"]["convolutions"] / max(row["peaks"].values()) for row in rows]
    lines.append(["all arithmetic in the time of the convolutions, of the peak", *(f"{rate:.0%}" for rate in rates)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="ResNet(depth=18)")
    parser.add_argument("--teacher", default="WideResNet(depth=28, factor=10)")
    parser.add_argument("--method", default="RSLAD + IGDM")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10, help="of PGD")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS / "operators.json")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_freed_memory()
    task = Task(student=given.student, teacher=given.teacher, batch=given.batch, steps=given.steps)
    device = torch.device(given.device)
    limit = peaks(device=device)
    rows = [
        {
            "precision": precision,
            "seconds": seconds_by_kind(task, given.method, precision, device),
            "operations": operations(task, given.method),
            "peaks": limit[precision],
        }
        for precision in PRECISIONS
    ]
    found = {
        "task": asdict(task),
        "method": given.method,
        "device": device.type,
        "threads": given.threads,
        "rows": rows,
    }
    write_json(given.output, found | {"environment": environment()})
    print(table(rows))


if __name__ == "__main__":
    main()
