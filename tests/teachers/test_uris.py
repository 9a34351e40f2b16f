"""One text names a teacher: every scheme and every way to write one wrong."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from robustill.data import Dataset, Split
from robustill.models import Adapter, save_model
from robustill.teachers import PRESETS, check_fits, list_teachers, load_teacher
from robustill.teachers.load import WAYS, network_path
from tests.networks import conv_net
from tests.teachers.checkpoints import (
    ARCHITECTURE,
    CLASSES,
    STATISTICS,
    X,
    network,
    normalised,
    saved,
    tiny_preset,
    weights,
)


def dataset(classes: tuple[str, ...] = ("a", "b", "c", "d", "e"), channels: int = 3) -> Dataset:
    count = len(classes)
    split = Split(torch.zeros(count, channels, 8, 8, dtype=torch.uint8), torch.arange(count))
    return Dataset("folder:photos", split, split, classes)


def test_a_teacher_of_every_origin_is_frozen(tmp_path: Path) -> None:
    save_model(tmp_path / "own", network())
    foreign = saved(tmp_path / "teacher.pt", weights())
    for text in ("demo", f"file:{tmp_path / 'own'}", f"file:{foreign}?architecture={ARCHITECTURE}"):
        teacher = load_teacher(text)
        assert not any(parameter.requires_grad for parameter in teacher.parameters())
        assert not any(module.training for module in teacher.modules())


@pytest.mark.parametrize(
    "text", ["", "teacher.pt", "demo:1", "file:", "run:", "robustbench:", "hf:", "timm:", "py:", "Demo"]
)
def test_texts_of_no_scheme(text: str) -> None:
    with pytest.raises(ValueError, match=f"A teacher is one of demo, run:DIRECTORY, .*. Found: '{text}'"):
        load_teacher(text)


@pytest.mark.parametrize("text", ["robustbench:cifar10/Chen2021LTD_WRN34_10", "timm:resnet18", "py:a:b"])
def test_only_our_own_format_has_a_path(text: str) -> None:
    with pytest.raises(ValueError, match="A teacher is one of"):
        network_path(text)


def test_the_list_has_every_way_and_every_preset() -> None:
    listed = list_teachers()
    assert set(listed) == set(WAYS) | {f"robustbench:{key}" for key in PRESETS}
    assert listed["robustbench:cifar10/Chen2021LTD_WRN34_10"] == "wrn_34_10, 85.21 % clean, 56.94 % under AutoAttack"


# file:PATH?...


def test_a_foreign_file_by_its_architecture(tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", {"net": weights()})
    teacher = load_teacher(f"file:{file}?architecture={ARCHITECTURE}")
    assert torch.equal(teacher(X), network()(X))
    assert teacher.config.architecture == ARCHITECTURE


def test_a_foreign_file_with_normalisation(tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", weights())
    text = f"file:{file}?architecture={ARCHITECTURE}&mean=0.3,0.4,0.5&std=0.2,0.25,0.3"
    teacher = load_teacher(text)
    assert (teacher.config.mean, teacher.config.std) == STATISTICS
    torch.testing.assert_close(teacher(X), network()(normalised(X)))


def test_a_foreign_file_by_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = tiny_preset(sha256="0" * 64, size=1)  # of the published file, which this one need not be
    monkeypatch.setitem(PRESETS, preset.key, preset)
    file = saved(tmp_path / "anywhere.pt", weights(num_classes=10))
    assert torch.equal(load_teacher(f"file:{file}?preset=cifar10/Tiny2024")(X), network(10)(X))


def test_a_path_may_hold_a_question_mark(tmp_path: Path) -> None:
    save_model(tmp_path / "which?", network())
    file = saved(tmp_path / "what?=.pt", weights())
    assert torch.equal(load_teacher(f"file:{tmp_path / 'which?'}")(X), network()(X))
    assert torch.equal(load_teacher(f"file:{file}?architecture={ARCHITECTURE}")(X), network()(X))


@pytest.mark.parametrize(
    "query", ["arch=wrn_34_10", "mean=0.5&std=0.5", "architecture=wrn_34_10&preset=x", "architecture=wrn_34_10&size=3"]
)
def test_settings_that_a_file_does_not_have(query: str) -> None:
    with pytest.raises(ValueError, match=rf"is written file:PATH\?architecture=NAME, .*Found: 'file:t\.pt\?{query}'"):
        load_teacher(f"file:t.pt?{query}")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("mean=0.5,half&std=1,1", "mean should be numbers with commas, such as .*Found: '0.5,half'"),
        ("mean=0.5,0.5,0.5&std=", "std should be numbers with commas, such as .*Found: ''"),
        ("mean=0.5,0.5,0.5", "Normalisation needs mean and std together"),
        ("mean=0.5&std=0.5", "mean and std need one number for each of 3 channels; found 1"),
        ("mean=0,0,0&std=0,1,1", "Every std must be positive"),
    ],
)
def test_normalisation_that_cannot_be_read(query: str, message: str, tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", weights())
    with pytest.raises(ValueError, match=message):
        load_teacher(f"file:{file}?architecture={ARCHITECTURE}&{query}")


def test_a_foreign_file_that_nobody_described(tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", weights())
    message = (
        rf"teacher\.pt has no config\.json .*file:{re.escape(str(file))}\?architecture=NAME .*\?preset=DATASET/NAME"
    )
    with pytest.raises(ValueError, match=message):
        load_teacher(f"file:{file}")


def test_a_path_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There are no weights at .*none\.safetensors"):
        load_teacher(f"file:{tmp_path / 'none.safetensors'}")
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint at .*none\.pt"):
        load_teacher(f"file:{tmp_path / 'none.pt'}?architecture=wrn_34_10")


# py:pkg.mod:function

MODULE = """
import torch
from torch import nn
from robustill.models import create_model, load_model
from tests.networks import conv_net
from tests.teachers.checkpoints import network

NUMBER = 3

def plain():
    return conv_net(channels=1, classes=7)

def ours():
    return network()

def path():
    return "teacher.pt"

def headless():
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))

def broken():
    raise RuntimeError("no such weights")
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_teachers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_teachers", raising=False)


@pytest.mark.usefixtures("own")
def test_a_network_of_your_own() -> None:
    teacher = load_teacher("py:own_teachers:plain")
    x = X[:, :1]
    assert isinstance(teacher, Adapter)
    assert torch.equal(teacher(x), conv_net(channels=1, classes=7).eval()(x))
    assert (teacher.config.num_classes, teacher.config.in_channels, teacher.config.mean) == (7, 1, None)
    assert teacher.config.architecture == "py:own_teachers:plain"
    assert not teacher.training


@pytest.mark.usefixtures("own")
def test_a_classifier_stays_as_it_is() -> None:
    teacher = load_teacher("py:own_teachers:ours")
    assert teacher.config.architecture == ARCHITECTURE
    assert torch.equal(teacher(X), network()(X))


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("own_teachers", "is written py:pkg.mod:function. Found: 'py:own_teachers'"),
        ("own_teachers:a.b", "is written py:pkg.mod:function. Found: 'py:own_teachers:a.b'"),
        ("no_such_module:f", "Cannot import 'no_such_module' for py:no_such_module:f: .*PYTHONPATH"),
        ("own_teachers:NUMBER", "py:own_teachers:NUMBER must name a function of the module own_teachers. Found: 3"),
        ("own_teachers:nothing", "must name a function of the module own_teachers. Found: None"),
        ("own_teachers:path", r"py:own_teachers:path must return a network \(torch.nn.Module\). Found: str"),
        ("own_teachers:headless", "classes and channels of py:own_teachers:headless are read from .*create_model"),
    ],
)
def test_functions_that_give_no_teacher(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_teacher(f"py:{path}")


@pytest.mark.usefixtures("own")
def test_what_a_function_raises_is_passed_on() -> None:
    with pytest.raises(RuntimeError, match="no such weights"):
        load_teacher("py:own_teachers:broken")


# timm:NAME


class TimmNetwork(nn.Module):
    """What timm's networks say of themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.net = conv_net(classes=6)
        self.num_classes = 6
        self.pretrained_cfg = {"mean": STATISTICS.mean, "std": STATISTICS.std, "input_size": (3, 224, 224)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.net(x)
        return logits


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_model(name: str, *, pretrained: bool) -> nn.Module:
        assert pretrained
        if name == "far":
            raise OSError("the hub cannot be reached")
        return TimmNetwork()

    known = ("tiny", "far")
    fake = SimpleNamespace(__version__="1.0", is_model=lambda name: name in known, create_model=create_model)
    monkeypatch.setitem(sys.modules, "timm", fake)


@pytest.mark.usefixtures("timm")
def test_a_pretrained_network_of_timm_normalises_as_timm_says() -> None:
    teacher = load_teacher("timm:tiny")
    torch.testing.assert_close(teacher(X), conv_net(classes=6).eval()(normalised(X)))
    assert (teacher.config.num_classes, teacher.config.in_channels) == (6, 3)
    assert teacher.config.architecture == "Timm('tiny')"


@pytest.mark.usefixtures("timm")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timm:huge", r"timm 1\.0 has no network called 'huge'; see timm\.list_models"),
        ("timm:far", r"timm cannot get the weights of far \(OSError: the hub cannot be reached\)"),
    ],
)
def test_networks_that_timm_cannot_give(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_teacher(text)


def test_timm_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match=r"timm:resnet18 needs the package timm.*pip install 'robustill\[timm\]'"):
        load_teacher("timm:resnet18")


# hf:OWNER/NAME has a file of tests of its own


def test_the_client_of_the_hub_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    message = r"hf:someone/net needs the package huggingface_hub.*pip install 'robustill\[hub\]'"
    with pytest.raises(ValueError, match=message):
        load_teacher("hf:someone/net")


# Whether it fits the data


def test_a_foreign_teacher_fits_by_its_number_of_classes(tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", weights())
    text = f"file:{file}?architecture={ARCHITECTURE}"
    teacher = load_teacher(text)
    check_fits("Teacher", text, teacher, dataset())
    message = rf"same classes\. Found: {CLASSES} classes in file:.*, 4 in folder:photos"
    with pytest.raises(ValueError, match=message):
        check_fits("Teacher", text, teacher, dataset(("a", "b", "c", "d")))
    with pytest.raises(ValueError, match=r"same channels\. Found: 3 in file:.*, 1 in folder:photos"):
        check_fits("Teacher", text, teacher, dataset(channels=1))


def test_teachers_without_a_file_of_ours_have_no_names_to_compare() -> None:
    check_fits("Teacher", "py:own_teachers:ours", network(), dataset())
    check_fits("Teacher", "robustbench:cifar10/Tiny2024", network(), dataset())


def test_our_own_format_knows_the_names_of_the_classes(tmp_path: Path) -> None:
    save_model(tmp_path / "own", network(), extra={"classes": list("abcde")})
    text = f"file:{tmp_path / 'own'}"
    check_fits("Teacher", text, load_teacher(text), dataset())
    with pytest.raises(
        ValueError, match=r"same order\. Found: a, b, c, d, e in file:.*, b, a, c, d, e in folder:photos"
    ):
        check_fits("Teacher", text, load_teacher(text), dataset(("b", "a", "c", "d", "e")))
    config = tmp_path / "own" / "config.json"
    entries = json.loads(config.read_text())
    del entries["classes"], entries["digest"]
    config.write_text(json.dumps(entries))
    check_fits("Teacher", text, load_teacher(text), dataset(("b", "a", "c", "d", "e")))
