"""Recipes on the command line: names and files, flags that override them, and what ``--print_config`` gives back."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import robustill.cli.train
from robustill.recipes import recipe_file
from robustill.results import RunDirectory
from robustill.run import Run
from robustill.train import read_run
from tests.small import archive, command, flags, texts


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Run, Path]]:
    """The runs that the command would train, and where; nothing is trained."""
    runs: list[tuple[Run, Path]] = []

    def train(run: Run, directory: Path, **options: object) -> RunDirectory:
        runs.append((run, directory))
        return RunDirectory(directory)

    monkeypatch.setattr(robustill.cli.train, "train", train)
    return runs


Asked = list[tuple[Run, Path]]


def test_a_recipe_by_its_name(asked: Asked) -> None:
    assert command("train", "demo") == 0
    run, directory = asked[0]
    assert run == read_run(recipe_file("demo")) and directory == Path("runs") / run.name


def test_a_recipe_by_its_file(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("student: ResNet(depth=18, width=8)\nepochs: 7\nteacher: null\n")
    assert command("train", tmp_path / "mine.yaml") == 0
    run = asked[0][0]
    assert repr(run.student) == "ResNet(width=8)" and run.epochs == 7 and run.teacher is None


def test_flags_override_a_recipe(asked: Asked) -> None:
    words = ["--epochs", "3", "--method", "TRADES() + IGDM(alpha=2)", "--average", "EMA()", "--output", "elsewhere"]
    assert command("train", "demo", *words) == 0
    run, directory = asked[0]
    expected = read_run(recipe_file("demo")).texts() | {
        "epochs": 3,
        "method": "TRADES() + IGDM(alpha=2)",
        "average": "EMA()",
    }
    assert run == Run.from_texts(expected) and directory == Path("elsewhere")


def test_null_takes_a_recipes_choice_away(asked: Asked) -> None:
    assert command("train", "demo_teacher", "--average", "null", "--threads", "null") == 0
    assert asked[0][0].average is None and read_run(recipe_file("demo_teacher")).average is not None


def test_flags_alone(asked: Asked) -> None:
    assert command("train", "--student", "resnet18", "--normalize", "true", "--batch-size=64") == 0
    run = asked[0][0]
    assert run == Run.from_texts({"student": "resnet18", "normalize": True, "batch_size": 64})


def test_a_dash_in_a_value_is_left_alone(asked: Asked) -> None:
    assert command("train", "--student", "SmallCNN()", "--data", "npz:my-data.npz", "--output=my-run") == 0
    run, directory = asked[0]
    assert run.data == "npz:my-data.npz" and directory == Path("my-run")


@pytest.mark.parametrize(
    "words",
    [
        ["demo"],
        ["demo", "--epochs", "3", "--method", "RSLAD(scale=1.0) + IGDM(alpha=10)"],
        ["--student", "SmallCNN(width=2)", "--average", "EMA(decay=0.9)", "--seed", "5"],
    ],
    ids=" ".join,
)
def test_what_is_printed_runs_again(
    words: list[str], asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("train", *words, "--print_config") == 0
    printed = capsys.readouterr().out
    assert asked == []
    (tmp_path / "printed.yaml").write_text(printed)
    assert command("train", *words) == command("train", tmp_path / "printed.yaml") == 0
    assert asked[0] == asked[1]


def test_a_run_and_the_run_of_its_yaml_are_the_same(tmp_path: Path) -> None:
    data = archive(tmp_path / "d.npz")
    assert command("train", *flags(data, epochs=1), "--output", tmp_path / "first") == 0
    assert command("train", tmp_path / "first" / "run.yaml", "--output", tmp_path / "second") == 0
    weights = [tmp_path / name / "checkpoints" / "last" / "model.safetensors" for name in ("first", "second")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_recipe_trains_as_its_flags_do(tmp_path: Path) -> None:
    data = archive(tmp_path / "d.npz")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(texts(data, epochs=1)))
    assert command("train", tmp_path / "mine.yaml", "--output", tmp_path / "recipe") == 0
    assert command("train", *flags(data, epochs=1), "--output", tmp_path / "flags") == 0
    assert (tmp_path / "recipe" / "run.yaml").read_text() == (tmp_path / "flags" / "run.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch: 3", "mine.yaml: There is no setting 'epoch'. Did you mean 'epochs'?"),
        ("batchsize: {}", "mine.yaml: There is no setting 'batchsize'. Did you mean 'batch_size'?"),
        ("zzzz: []", "mine.yaml: There is no setting 'zzzz'. Known: "),
        ("student: SmallCNN()\nepochs: three", "epochs must be a whole number. Found: three."),
        ("student: SmallCNN()\nepochs: {a: 1}", "epochs must be a whole number. Found: {'a': 1}."),
        ("student: SmallCNN()\nprecision: half", "precision must be one of auto, float32, bfloat16."),
        ("student: SmallCNN()\nmethod: null", "method must be an expression of the kind Method. Found: None."),
        ("student: SmallCNN()\nmethod: RSLADD()", "method: No component is called 'RSLADD'. Did you mean RSLAD"),
        ("epochs: 3", "student must be given"),
        ("[1, 2", "A recipe must be a readable YAML file. Found: "),
        ("- a", "A recipe must hold keys with values, such as `epochs: 30`. Found: a list in "),
        ("", "Found: nothing in "),
    ],
)
def test_a_recipe_with_a_slip_is_refused(
    text: str, message: str, asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    for words in (["train", tmp_path / "mine.yaml"], ["train", "--config", tmp_path / "mine.yaml"]):
        assert command(*words) == 2
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1
    assert asked == []


@pytest.mark.parametrize("words", [["dmeo"], ["--config", "dmeo"]], ids=" ".join)
def test_an_unknown_recipe_gets_the_nearest(words: list[str], asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("train", *words) == 2
    assert "A recipe is a known name or a YAML file. Found: 'dmeo', which is neither. Did you mean demo?" in (
        capsys.readouterr().err
    )
