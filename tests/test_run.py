"""A run as text: to texts, to YAML and back, and what is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from robustill.attacks import L2, PGD, Linf
from robustill.data import NoAugmentation
from robustill.methods.adaad import AdaAD
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.methods.trades import TRADES
from robustill.models import ResNet, SmallCNN
from robustill.objectives import IGDM, StudentCE
from robustill.recipes import list_recipes, recipe, recipe_file
from robustill.run import Run, component_fields
from robustill.train import read_run
from robustill.training import EMA, SGD, Cosine, MultiStep

RUNS = [
    Run(student=SmallCNN()),
    Run(student=ResNet(depth=18, width=16), teacher="demo", method=RSLAD() + IGDM(alpha=10)),
    Run(
        data="folder:~/my photos: of cats",
        image_size=32,
        channels=3,
        stream=True,
        extra="npz:~/1m.npz",
        extra_ratio=0.5,
        student=SmallCNN(width=2),
        normalize=True,
        teacher="run:runs/teacher",
        method=AdaAD(inner=StudentCE()) + IGDM(alpha=70, beta=0.5),
        attack=PGD(budget=L2(0.5), steps=7, step_size=0.1),
        epochs=200,
        batch_size=1,
        optimizer=SGD(lr=0.05, nesterov=True),
        schedule=MultiStep(milestones=(100, 150)),
        average=EMA(decay=0.99),
        augmentation=NoAugmentation(),
        validation=0,
        precision="bfloat16",
        device="cpu",
        threads=2,
        seed=2**40,
    ),
    Run(student=SmallCNN(), method=TRADES(trade_off=1 / 3), schedule=Cosine(warmup=0.1)),
]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_texts_and_back(run: Run) -> None:
    assert Run.from_texts(run.texts()) == run
    assert all(not isinstance(value, dict | list | tuple) for value in run.texts().values())


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_yaml_and_back(run: Run, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(run.to_yaml(), encoding="utf-8")
    assert read_run(tmp_path / "run.yaml") == run


def test_every_field_is_written() -> None:
    assert list(yaml.safe_load(RUNS[0].to_yaml())) == [field.name for field in fields(Run)]


def test_a_model_may_be_named_shortly() -> None:
    assert Run.from_texts({"student": "resnet18"}).student == ResNet(depth=18)


def test_components_may_be_given_as_themselves() -> None:
    run = Run.from_texts({"student": SmallCNN(width=3), "attack": PGD(budget=Linf(4 / 255), step_size=1 / 255)})
    assert run.student == SmallCNN(width=3) and run.method == PGDAT()


def test_the_fields_that_hold_components() -> None:
    assert {"student", "method", "attack", "optimizer", "schedule", "average", "augmentation"} <= set(
        component_fields()
    )
    assert not {"data", "teacher", "epochs", "precision", "device"} & set(component_fields())


@pytest.mark.parametrize(
    ("run", "name"),
    [
        (RUNS[0], "pgdat-smallcnn-seed0"),
        (RUNS[1], "rslad-igdm-resnet-seed0"),
        (replace(RUNS[1], seed=3), "rslad-igdm-resnet-seed3"),
    ],
)
def test_the_name_says_method_student_and_seed(run: Run, name: str) -> None:
    assert run.name == name


@pytest.mark.parametrize(
    ("method", "attack"),
    [
        ("TRADES()", "PGD(budget=Linf(8/255), step_size=2/255)"),
        ("TRADES(start=Zero())", "PGD(budget=Linf(8/255), step_size=2/255, start=Uniform())"),
        ("TRADES(inner=StudentCE())", "FGSM(budget=Linf(8/255))"),
        ("RSLAD()", "VMIFGSM(budget=Linf(8/255))"),
    ],
)
def test_an_attack_may_start_where_its_loss_is_not_flat(method: str, attack: str) -> None:
    assert Run.from_texts({"student": "SmallCNN()", "method": method, "attack": attack})


def test_every_recipe_is_a_run_with_a_line_that_says_which() -> None:
    for name, said in list_recipes().items():
        run = Run.from_texts(recipe(name))
        assert Run.from_texts(run.texts()) == run, name
        assert said and not said.startswith("#"), name


GOOD: dict[str, Any] = {"student": "SmallCNN()"}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({}, "^student must be given, for example --student"),
        ({"student": None}, "student must be given"),
        (GOOD | {"batchsize": 3}, "There is no setting 'batchsize'. Did you mean 'batch_size'?"),
        (GOOD | {"colour": {}}, "There is no setting 'colour'"),
        (GOOD | {"qqqq": 1}, "There is no setting 'qqqq'. Known: data, image_size, "),
        (GOOD | {"method": "RSLADD()"}, "^method: No component is called 'RSLADD'. Did you mean RSLAD"),
        (GOOD | {"method": "SmallCNN()"}, "^method: Required: a Method. Found: 'SmallCNN..'"),
        (GOOD | {"method": "RSLAD() + IGDM(alpha=-1)"}, "^method: IGDM requires a finite alpha of at least 0"),
        (GOOD | {"method": None}, "^method must be an expression of the kind Method. Found: None."),
        (GOOD | {"student": "resnet17"}, "^student: No model is called 'resnet17'; did you mean 'resnet18'?"),
        (GOOD | {"student": 3}, "^student must be an expression of the kind Architecture. Found: 3."),
        (GOOD | {"attack": "PGD(budget=Linf(8), step_size=2/255)"}, r"^attack: Linf .* Did you mean Linf\(8/255\)\?"),
        (GOOD | {"optimizer": {"lr": 0.1}}, "^optimizer must be an expression of the kind SGD. Found: {'lr': 0.1}."),
        (GOOD | {"average": 0.999}, "^average must be an expression of the kind Average or null. Found: 0.999."),
        (GOOD | {"epochs": "three"}, "^epochs must be a whole number. Found: 'three'."),
        (GOOD | {"epochs": 2.5}, "^epochs must be a whole number. Found: 2.5."),
        (GOOD | {"epochs": None}, "^epochs must be a whole number. Found: None."),
        (GOOD | {"epochs": 0}, "^epochs must be at least 1. Found: 0."),
        (GOOD | {"batch_size": 0}, "^batch_size must be at least 1. Found: 0."),
        (GOOD | {"validation": -1}, "^validation must be at least 0. Found: -1."),
        (GOOD | {"extra_ratio": 1}, r"^extra_ratio must be in \(0, 1\), the share of a batch. Found: 1."),
        (GOOD | {"extra_ratio": 0.0}, r"^extra_ratio must be in \(0, 1\)"),
        (GOOD | {"skip_nonfinite": -1}, "^skip_nonfinite must be at least 0. Found: -1."),
        (GOOD | {"checkpoint_minutes": 0}, "^checkpoint_minutes must be a positive number of minutes, or null.* 0."),
        (GOOD | {"checkpoint_minutes": float("inf")}, "^checkpoint_minutes must be a positive number.* Found: inf."),
        (GOOD | {"stream": "maybe"}, "^stream must be true or false or null. Found: 'maybe'."),
        (GOOD | {"extra": 3}, "^extra must be a text or null. Found: 3."),
        *(
            (
                GOOD | {"method": method, "attack": attack},
                r"^TRADES\(.* an attack from noise.* is flat at the image.* Found: attack=.* Give PGD with start=",
            )
            for method, attack in (
                ("TRADES()", "FGSM(budget=Linf(8/255))"),
                ("TRADES() + IGDM(alpha=1)", "VMIFGSM(budget=Linf(8/255))"),
                ("TRADES()", "PGD(budget=Linf(8/255), step_size=2/255, start=Zero())"),
                ("TRADES(start=Zero())", "PGD(budget=Linf(8/255), step_size=2/255)"),
            )
        ),
        (GOOD | {"seed": -1}, "^seed must be at least 0. Found: -1."),
        (GOOD | {"normalize": "maybe"}, "^normalize must be true or false. Found: 'maybe'."),
        (GOOD | {"precision": "float16"}, "^precision must be one of auto, float32, bfloat16. Found: 'float16'."),
        (GOOD | {"threads": "all"}, "^threads must be a whole number or null. Found: 'all'."),
        (GOOD | {"data": 7}, "^data must be a text. Found: 7."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_makes_no_run_is_refused(texts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Run.from_texts(texts)


# Recipes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2", r"must be a readable YAML file. Found: .*mine.yaml \(line [12]: "),
        ("a: b: c", r"mine.yaml \(line 1: mapping values are not allowed"),
        ("", "must hold keys with values, such as `epochs: 30`. Found: nothing in .*mine.yaml"),
        ("- a", "Found: a list in .*mine.yaml"),
        ("just words", "Found: a text in"),
        ("student: SmallCNN()\nepoch: 3", "mine.yaml: There is no setting 'epoch'. Did you mean 'epochs'?"),
        ("student: SmallCNN()\nepochs: x", "mine.yaml: epochs must be a whole number. Found: 'x'."),
        ("3: 4", "There is no setting '3'"),
    ],
)
def test_a_file_that_is_no_recipe_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_run(tmp_path / "mine.yaml")


def test_bytes_are_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ValueError, match=r"must be a readable YAML file. Found: .*mine.yaml"):
        read_run(tmp_path / "mine.yaml")


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere.yaml \(No such file or directory\)"):
        read_run(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [("dmeo", "Did you mean demo?"), ("zzzz", "See: robustill list recipes"), ("", "Found: ''")],
)
def test_an_unknown_recipe_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe_file(text)
