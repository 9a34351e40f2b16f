"""The audit as a whole: what it refuses, what it leaves alone, what it writes down."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from robustill.attacks import L2, Linf
from robustill.audit import AuditResult, Check, Finding, Reading, Record, Subject, audit, checks
from robustill.data import Dataset
from robustill.data.split import Split
from tests.audit import defects
from tests.audit.conftest import BUDGET, EFFORT
from tests.networks import linear, modes


def only(*ids: str) -> list[Check]:
    return [check for check in checks() if check.id in ids]


def split(count: int, classes: int = 4, size: int = 6) -> Split:
    pixels = torch.randint(0, 256, (count, 1, size, size), generator=torch.Generator().manual_seed(0))
    return Split(pixels.to(torch.uint8), torch.arange(count) % classes)


def test_no_images() -> None:
    empty = Split(torch.zeros(0, 1, 6, 6, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"An audit needs at least one image. Found: none"):
        audit(linear(4, 36), empty)


@pytest.mark.parametrize(("label", "found"), [(-1, "-1"), (4, "4")])
def test_a_label_without_a_class(label: int, found: str) -> None:
    images = split(8)
    images.labels[3] = label
    with pytest.raises(ValueError, match=f"Labels must be from 0 to 3, the classes of the network. Found: {found}"):
        audit(linear(4, 36), images)


def test_nothing_is_changed(network: nn.Module, dataset: Dataset) -> None:
    model = defects.Defect(copy.deepcopy(network)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state, mode, numpy = torch.get_rng_state(), modes(model), str(np.random.get_state())
    result = audit(model, dataset.test, effort=EFFORT, which=only("A1", "A2", "A9", "B11", "C16", "D27", "D28"))
    assert torch.equal(torch.get_rng_state(), state) and str(np.random.get_state()) == numpy
    assert modes(model) == mode and all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert "handed over in train mode" in result["A1"].measured and result["A1"].verdict == "pass"


def test_twice_the_same_even_of_a_network_that_draws(network: nn.Module, dataset: Dataset) -> None:
    def measured() -> list[str]:
        result = audit(defects.Noisy(network), dataset.test, effort=EFFORT, which=only("A2", "A3"))
        return [found.measured for found in result.findings]

    assert measured() == measured()


def test_what_presupposes_a_failure_is_skipped(network: nn.Module, dataset: Dataset) -> None:
    told: list[str] = []
    result = audit(
        defects.Cut(network),
        dataset.test,
        effort=EFFORT,
        which=only("A2", "A7", "C16", "E34"),
        announce=lambda check: told.append(check.id),
    )
    assert told == ["A2", "A7", "C16", "E34"]
    assert (result["C16"].verdict, result["C16"].measured, result["C16"].value) == ("skipped", "presupposes A7", None)


def test_as_many_images_as_there_are(network: nn.Module, dataset: Dataset) -> None:
    few = dataset.test.stratified(20, 0)
    assert audit(network, few, effort=EFFORT, which=only("A4")).n == 20
    assert audit(network, dataset.test, effort=EFFORT, which=only("A4")).n == EFFORT.samples


@pytest.mark.parametrize("budget", [None, L2(0.5)], ids=["default", "l2"])
def test_the_result_says_how_it_was_made(budget: L2 | None, network: nn.Module, dataset: Dataset) -> None:
    result = audit(
        network, dataset.test, budget=budget, effort=EFFORT, seed=3, which=only("A4"), model_name="m", data_name="demo"
    )
    assert result.budget == repr(budget or Linf(8 / 255)) and (result.seed, result.model, result.data) == (
        3,
        "m",
        "demo",
    )
    assert result.effort.startswith("Effort(samples=64, strong=3,") and "torch" in result.environment


def test_a_network_without_parameters_and_without_convolutions() -> None:
    result = audit(nn.Flatten(), split(16, classes=36), effort=EFFORT, which=only("A1", "A5", "A6", "A7", "B11", "D27"))
    assert result["A6"].measured == "no BatchNorm, convolution or linear layer to look into"
    assert not result.ids("fail")


def test_an_audit_in_another_norm(dataset: Dataset, network: nn.Module) -> None:
    cheap = [check for check in checks() if check.id not in ("D28", "D29", "C17", "C22", "C24", "C26")]
    effort = replace(EFFORT, samples=40, steps=8)
    result = audit(network, dataset.test, budget=L2(0.5), effort=effort, which=cheap)
    assert result.ids("fail") == set()


def finding(id: str, verdict: str) -> Finding:
    return Finding(
        id=id,
        title="",
        meaning="",
        check="",
        verdict=verdict,  # type: ignore[arg-type]
        value=None,
        measured="",
        threshold="",
        seconds=0.0,
    )


def result_of(*verdicts: str) -> AuditResult:
    return AuditResult(
        findings=tuple(finding(f"Z{number}", verdict) for number, verdict in enumerate(verdicts)),
        model="m",
        data="d",
        teacher=None,
        budget=repr(BUDGET),
        effort=repr(EFFORT),
        n=1,
        seed=0,
        seconds=0.1,
        environment={},
    )


def test_the_gravest_finding_is_the_verdict() -> None:
    assert result_of("pass", "fail", "warn", "skipped").verdict == "fail"
    assert result_of("pass", "warn", "skipped").verdict == "warn"
    assert result_of("pass", "skipped").verdict == "pass"
    assert result_of().verdict == "skipped"
    assert result_of("pass", "fail", "pass").summary == "1 fail, 2 pass"
    with pytest.raises(KeyError):
        result_of()["A1"]


def test_what_is_written(tmp_path: Path) -> None:
    result = result_of("pass", "fail")
    result.save(tmp_path / "audit.json")
    row = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert row["verdict"] == "fail" and row["findings"][1]["id"] == "Z1" and row["n"] == 1


def test_a_record_of_nothing() -> None:
    assert Record() == Record(evaluation=None, validation=(), train=None)


class Torn(Check):
    id = "Z1"
    title = "Torn"
    meaning = "Something grave."

    def measure(self, subject: Subject) -> Reading:
        raise RuntimeError("derivative for this\n  is not implemented")


def test_a_check_that_ends_with_an_error_warns_and_the_others_are_made() -> None:
    result = audit(linear(4, 36), split(8), effort=EFFORT, which=[Torn(), *only("A1")])
    torn = result["Z1"]
    assert torn.measured == "could not be made: RuntimeError: derivative for this is not implemented"
    assert (torn.verdict, torn.value, result["A1"].verdict) == ("warn", None, "pass")
    assert torn.meaning.startswith("Nothing is known of what this check asks about")


def test_a_budget_that_holds_every_image() -> None:
    with pytest.raises(ValueError, match=r"L2\(128\), which holds every image\. Did you mean L2\(128/255\)"):
        audit(linear(4, 36), split(8), budget=L2(128))
