"""A sweep on a real Ray cluster of two nodes on this machine, one of which is killed in the middle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from robustill.results import RunDirectory
from robustill.sweep import Task, conduct_sweep, finish
from robustill.sweep.on_ray import OnRay
from tests.sweep.test_conduct import small_sweep

ray = pytest.importorskip("ray", reason="needs Ray, the extra cluster")


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_all_points_end_with_the_sequential_numbers_though_a_node_dies(cluster: Any, tmp_path: Path) -> None:
    sweep = small_sweep(tmp_path, epochs=60)
    for point in sweep.points:
        assert finish(Task(point, tmp_path / "alone")) is None
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    directories = [tmp_path / "cluster" / point.name for point in sweep.points]

    def kill_when_both_train() -> None:
        while not all((directory / "metrics.jsonl").exists() for directory in directories):
            time.sleep(0.05)
        cluster.remove_node(second, allow_graceful=False)

    killer = Thread(target=kill_when_both_train, daemon=True)
    killer.start()
    outcomes = list(conduct_sweep(sweep, tmp_path / "cluster", OnRay(address=cluster.address), retries=3))
    killer.join(timeout=60)
    assert not killer.is_alive(), "no node was killed while both points were training"
    assert sorted(o.task.name for o in outcomes) == sorted(point.name for point in sweep.points)
    assert [o.error for o in outcomes] == [None, None]
    for point in sweep.points:
        ended, alone = (RunDirectory(tmp_path / place / point.name) for place in ("cluster", "alone"))
        assert ended.evaluations()["last"].accuracies == alone.evaluations()["last"].accuracies
        files = [run.checkpoint("last") / "model.safetensors" for run in (ended, alone)]
        assert files[0].read_bytes() == files[1].read_bytes()
        assert len(ended.metrics()) == 60
