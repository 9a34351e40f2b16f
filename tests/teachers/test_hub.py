"""Teachers of the Hugging Face hub, from a hub on this machine; and what is said where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as to_safetensors

from robustill.attacks import PGD, Linf
from robustill.models import save_model
from robustill.results import Accuracy, RunDirectory
from robustill.teachers import check_fits, load_teacher
from robustill.teachers.expected import expected_of
from robustill.teachers.load import own_folder
from tests.teachers.checkpoints import ARCHITECTURE, STATISTICS, X, network, normalised, prefixed, saved, weights
from tests.teachers.hub_server import Repositories, hub
from tests.teachers.test_check import evaluation
from tests.teachers.test_uris import dataset

pytest.importorskip("huggingface_hub", reason="teachers of the hub are tested where huggingface_hub is installed")


@pytest.fixture
def repositories(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Repositories]:
    """What the hub has; its cache is empty and of this test alone."""
    content: Repositories = {}
    with hub(content) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
        yield content


def own(folder: Path, **entries: object) -> dict[str, bytes]:
    """The files of our own format."""
    save_model(folder, network(), extra=entries)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_network_that_robustill_saved(repositories: Repositories, tmp_path: Path) -> None:
    repositories["someone/net"] = own(tmp_path / "own", classes=list("abcde"))
    teacher = load_teacher("hf:someone/net")
    assert torch.equal(teacher(X), network()(X))
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    folder = own_folder("hf:someone/net")
    assert folder is not None and folder.is_relative_to(tmp_path / "cache")


def test_a_revision(repositories: Repositories, tmp_path: Path) -> None:
    other = network()
    torch.nn.init.ones_(other.get_parameter("fc.weight"))
    save_model(tmp_path / "other", other)
    repositories["someone/net"] = own(tmp_path / "own")
    repositories["someone/net@v2"] = {file.name: file.read_bytes() for file in (tmp_path / "other").iterdir()}
    assert torch.equal(load_teacher("hf:someone/net@v2")(X), other.eval()(X))
    assert torch.equal(load_teacher("hf:someone/net")(X), network()(X))


def test_what_was_fetched_once_needs_no_network(
    repositories: Repositories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repositories["someone/net"] = own(tmp_path / "own")
    load_teacher("hf:someone/net")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert torch.equal(load_teacher("hf:someone/net")(X), network()(X))
    with pytest.raises(
        FileNotFoundError, match=r"model\.safetensors of hf:someone/new has not been fetched before, and"
    ):
        load_teacher("hf:someone/new")


def test_a_hub_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client tries again, with longer and longer pauses
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        FileNotFoundError, match=r"the hub cannot be reached\. Try again with a network, or name a copy"
    ):
        load_teacher("hf:someone/net")


def test_an_evaluation_in_the_repository_is_what_is_expected(repositories: Repositories, tmp_path: Path) -> None:
    attack = PGD(budget=Linf(8 / 255), step_size=2 / 255)
    repositories["someone/net"] = own(tmp_path / "own")
    assert expected_of("hf:someone/net", "npz:d.npz", attack, attack.budget) is None
    found = evaluation("npz:d.npz", clean=Accuracy(adversary="Clean()", n=4, correct=3))
    RunDirectory(tmp_path / "own").save_evaluation("model", found)
    written = (tmp_path / "own" / "evaluation" / "model.json").read_bytes()
    repositories["someone/net@measured"] = repositories["someone/net"] | {"evaluation/model.json": written}
    expected = expected_of("hf:someone/net@measured", "npz:d.npz", attack, attack.budget)
    assert expected is not None and (expected.clean, expected.robust) == (0.75, None)


def test_the_names_of_its_classes_are_compared(repositories: Repositories, tmp_path: Path) -> None:
    repositories["someone/net"] = own(tmp_path / "own", classes=list("abcde"))
    check_fits("Teacher", "hf:someone/net", load_teacher("hf:someone/net"), dataset())
    with pytest.raises(
        ValueError, match=r"same order\. Found: a, b, c, d, e in hf:someone/net, b, a, c, d, e in folder:"
    ):
        check_fits("Teacher", "hf:someone/net", load_teacher("hf:someone/net"), dataset(("b", "a", "c", "d", "e")))


# Weights that the text describes


def test_weights_by_their_architecture(repositories: Repositories) -> None:
    repositories["someone/wrn"] = {"model.safetensors": to_safetensors(prefixed(weights(), "module."))}
    teacher = load_teacher(f"hf:someone/wrn?architecture={ARCHITECTURE}&mean=0.3,0.4,0.5&std=0.2,0.25,0.3")
    assert (teacher.config.mean, teacher.config.std) == STATISTICS
    torch.testing.assert_close(teacher(X), network()(normalised(X)))


def test_a_pickle_is_read_without_running_it(repositories: Repositories, tmp_path: Path) -> None:
    class Marked:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "mark",)

    harmless = saved(tmp_path / "a.pt", {"net": weights()}).read_bytes()
    evil = saved(tmp_path / "b.pt", {"net": weights(), "extra": Marked()}).read_bytes()
    repositories["someone/old"] = {"checkpoint/good.pt": harmless, "checkpoint/evil.pt": evil}
    text = f"hf:someone/old?file=checkpoint/{{}}.pt&architecture={ARCHITECTURE}"
    assert torch.equal(load_teacher(text.format("good"))(X), network()(X))
    with pytest.raises(ValueError, match=r"evil\.pt needs \S+ to be read.*any code.*ROBUSTILL_UNSAFE_PICKLE=1"):
        load_teacher(text.format("evil"))
    assert not (tmp_path / "mark").exists()


def test_a_network_of_another_library(repositories: Repositories) -> None:
    repositories["someone/vit"] = {
        "config.json": b'{"model_type": "vit"}',
        "model.safetensors": to_safetensors(weights()),
    }
    message = r"needs the keys architecture, .*If hf:someone/vit was not saved by robustill, say what .*\?architecture="
    with pytest.raises(ValueError, match=message):
        load_teacher("hf:someone/vit")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hf:someone/none", r"The hub has no hf:someone/none, or it is private; check the name, or log in"),
        (
            "hf:someone/net@v9",
            r"hf:someone/net@v9 names a revision that is not there; without one the newest",
        ),
        (
            "hf:someone/net?file=b.pt&architecture=wrn_34_10",
            r"hf:someone/net has no file b\.pt\. .*\?file=NAME",
        ),
        (
            "hf:someone/empty",
            r"hf:someone/empty has no file model\.safetensors\. A network saved by robustill",
        ),
        (
            "hf:gated/net",
            r"hf:gated/net must be asked for on the hub; do so, and log in with: hf auth login",
        ),
        ("hf:net", r"is written hf:OWNER/NAME or hf:OWNER/NAME@REVISION\. Found: 'hf:net'"),
        ("hf:a/b/c", r"is written hf:OWNER/NAME or .*Found: 'hf:a/b/c'"),
        ("hf:net?architecture=wrn_34_10", r"is written hf:OWNER/NAME or .*Found: 'hf:net'"),
        (
            "hf:someone/net?size=3",
            r"is written hf:OWNER/NAME\?architecture=NAME, .*Found: 'hf:someone/net\?size=3'",
        ),
    ],
)
def test_what_the_hub_does_not_have(text: str, message: str, repositories: Repositories, tmp_path: Path) -> None:
    repositories["someone/net"] = own(tmp_path / "own")
    repositories["someone/empty"] = {"README.md": b"soon"}
    with pytest.raises(ValueError, match=message):
        load_teacher(text)


def test_what_else_goes_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **more: object) -> str:
        raise OSError("No space left on device")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", full)
    message = r"model\.safetensors of hf:someone/net cannot be fetched \(OSError: No space left on device\)\."
    with pytest.raises(FileNotFoundError, match=message):
        load_teacher("hf:someone/net")
