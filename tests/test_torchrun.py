"""What torchrun's processes know of each other, and who of them speaks: two of them played by one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from torch import distributed

from robustill.evaluation import Shard
from robustill.measure import measure_run
from robustill.results import RunDirectory
from robustill.team import Team, gathered, here
from robustill.torchrun import (
    cause,
    consequence,
    launch,
    launched,
    local_size,
    lost_touch,
    one_voice,
    rank,
    size,
    store,
)
from tests.small import command

GO_ON = "Go on."
Become = Callable[[int], None]


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Iterator[Become]:
    """Makes this process one of two of torchrun's."""
    server = distributed.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)  # type: ignore[attr-defined]
    monkeypatch.setattr("robustill.torchrun.GRACE", 0.0)
    monkeypatch.setattr("robustill.torchrun.PATIENCE", 0.3)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    variables = {"MASTER_ADDR": "localhost", "MASTER_PORT": server.port, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    for name, value in {**variables, "TORCHELASTIC_RUN_ID": "job", "TORCHELASTIC_RESTART_COUNT": 0}.items():
        monkeypatch.setenv(name, str(value))

    def number(index: int) -> None:
        monkeypatch.setenv("RANK", str(index))
        monkeypatch.setenv("LOCAL_RANK", str(index))

    number(0)
    yield number


# Alone


def test_without_torchrun_a_process_is_alone_and_says_what_it_has_to_say() -> None:
    assert (launched(), launch(), rank(), size(), local_size()) == (False, None, 0, 1, 1)
    assert cause("Wrong.") == "Wrong." and consequence("Terminated.", GO_ON) == "Terminated. Go on."
    assert not lost_touch(RuntimeError("gloo: connection closed"))
    with gathered():
        assert here() == Team(0, 1)


def test_a_team_of_one_is_asked_for_nothing() -> None:
    team, value = Team(), object()
    assert team.leads and team.same(value) is value and team.led(lambda: value) is value
    assert team.total(3) == 3 and team.each("a") == ["a"]
    team.meet()
    with team.one_first():
        pass


# Two


def test_they_know_which_they_are(become: Become) -> None:
    become(1)
    assert (launched(), launch(), rank(), size(), local_size()) == (True, "job", 1, 2, 2)


def test_without_a_name_a_launch_is_the_process_of_torchrun(become: Become, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert launch() == f"torchrun process {os.getppid()}"


def test_the_first_one_prints(become: Become, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (0, 1):
        become(number)
        with one_voice():
            print(f"I am {number}")
    assert capsys.readouterr().out == "I am 0\n"


def test_what_all_find_wrong_is_said_once(become: Become) -> None:
    assert cause("Wrong.") == "Wrong."
    become(1)
    assert cause("Wrong.") is None
    assert cause("Wrong here.") == "process 1 of 2, counted from 0: Wrong here."


def test_who_is_stopped_because_of_another_is_silent(become: Become) -> None:
    cause("Wrong.")
    become(1)
    assert consequence("Terminated.", GO_ON) is None


def test_somebody_stops_all_of_them(become: Become) -> None:
    consequence("Terminated.", GO_ON)
    become(1)
    assert consequence("Terminated.", GO_ON) is None  # the other has said it


def test_all_answer(become: Become) -> None:
    store(timedelta(seconds=1)).set("here/1", "")
    assert consequence("Terminated.", GO_ON) == "Terminated. Go on."


def test_a_dead_process_is_named(become: Become, monkeypatch: pytest.MonkeyPatch) -> None:
    named = "Process 1 of 2, counted from 0, died or does not answer, so the others stopped. Go on."
    assert consequence("The processes lost touch.", GO_ON) == named
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")  # torchrun starts again, and forgets what was said
    assert consequence("The processes lost touch.", GO_ON) == named


def test_torchrun_is_gone(become: Become, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_PORT", "1")
    assert cause("Wrong.") == "Wrong." and consequence("Terminated.", GO_ON) == "Terminated. Go on."


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (RuntimeError("[third_party/gloo/transport/tcp/pair.cc:553] Connection closed by peer"), True),
        (RuntimeError("NCCL error in: ncclUniqueId"), True),
        (distributed.DistNetworkError("the socket was closed"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_errors_of_the_connection(error: Exception, lost: bool, become: Become) -> None:
    assert lost_touch(error) == lost


def test_an_evaluation_is_divided_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("robustill.measure.here", lambda: Team(0, 2))
    with pytest.raises(ValueError, match=r"torchrun divides an evaluation by itself\. Found: --shard too"):
        measure_run(RunDirectory(tmp_path), shard=Shard(1, 2))


def test_other_verbs_are_for_one_process(become: Become, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("list", "methods") == 2
    told = capsys.readouterr()
    assert told.err == "robustill list: error: torchrun is for train and evaluate. Leave it out: this is one process.\n"
