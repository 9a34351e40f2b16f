"""The table of published teachers: its facts against each other, and the way from a name to a loaded network."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch
from torch import Tensor

from robustill.models import Classifier, count_parameters, create_model
from robustill.teachers import PRESETS, Preset, find_preset, load_teacher
from robustill.teachers.downloads import download, require_published
from robustill.teachers.presets import CIFAR10, CIFAR100, RAW
from tests.teachers.checkpoints import CLASSES, STATISTICS, X, network, normalised, saved, tiny_preset, weights

LTD10, LTD100 = "cifar10/Chen2021LTD_WRN34_10", "cifar100/Chen2021LTD_WRN34_10"


def empty(preset: Preset) -> Classifier:
    """Its network without memory."""
    with torch.device("meta"):
        return create_model(preset.architecture, preset.num_classes)


@pytest.mark.parametrize(
    ("key", "parameters"),
    [
        (LTD10, 46_160_474),
        ("cifar10/Chen2021LTD_WRN34_20", 184_531_674),
        (LTD100, 46_160_474 + 90 * 641),
        ("cifar10/Wang2023Better_WRN-28-10", 36_479_194),
        ("cifar100/Wang2023Better_WRN-28-10", 36_479_194 + 90 * 641),
        ("cifar10/Cui2023Decoupled_WRN-28-10", 36_479_194),
        ("cifar100/Cui2023Decoupled_WRN-28-10", 36_479_194 + 90 * 641),
        ("cifar10/Wang2023Better_WRN-70-16", 266_796_506),
        ("cifar100/Wang2023Better_WRN-70-16", 266_796_506 + 90 * 1025),
        ("cifar10/Cui2023Decoupled_WRN-34-10", 46_160_474),
        ("cifar10/Standard", 36_479_194),
        ("cifar10/Sehwag2021Proxy_R18", 11_173_962),
        ("cifar10/Wong2020Fast", 11_171_146),
        ("cifar10/Rade2021Helper_R18_ddpm", 11_171_146 + 2 * 512 + 8 * (64 * 128 + 128 * 256 + 256 * 512)),
    ],
)
def test_sizes_of_published_networks(key: str, parameters: int) -> None:
    assert count_parameters(empty(PRESETS[key])) == parameters


@pytest.mark.parametrize(
    ("key", "constants"),
    [
        (LTD10, RAW),
        (LTD100, RAW),
        ("cifar10/Wang2023Better_WRN-28-10", CIFAR10),
        ("cifar100/Wang2023Better_WRN-28-10", CIFAR100),
        ("cifar10/Cui2023Decoupled_WRN-28-10", CIFAR10),
        ("cifar100/Cui2023Decoupled_WRN-28-10", CIFAR100),
    ],
)
def test_normalisation_of_the_papers_teachers(key: str, constants: tuple[object, object]) -> None:
    assert PRESETS[key].constants == constants


def test_every_preset_can_be_built() -> None:
    for preset in {(p.architecture, p.dataset): p for p in PRESETS.values()}.values():
        assert count_parameters(empty(preset)) > 10_000_000, preset.key


def test_deepmind_networks_are_normalised_and_robust_accuracy_is_below_clean() -> None:
    for preset in PRESETS.values():
        if preset.architecture.startswith(("dm_", "DeepMind")):
            assert preset.constants == (CIFAR10 if preset.dataset == "cifar10" else CIFAR100), preset.key
        weakest = 10 if preset.name != "Standard" else 0  # the one that was trained without attacks
        assert weakest <= preset.autoattack < (preset.pgd or preset.autoattack + 1e-9) < preset.clean < 96, preset.key


@pytest.mark.parametrize(
    ("key", "clean", "pgd", "autoattack"),
    [
        (LTD10, 85.21, 60.89, 56.94),
        ("cifar10/Chen2021LTD_WRN34_20", 86.03, None, 57.71),
        ("cifar10/Wang2023Better_WRN-28-10", 92.44, 70.63, 67.31),
        ("cifar10/Cui2023Decoupled_WRN-28-10", 92.16, 71.09, 67.73),
        (LTD100, 64.07, 36.61, 30.59),
        ("cifar100/Wang2023Better_WRN-28-10", 72.58, 44.24, 38.83),
        ("cifar100/Cui2023Decoupled_WRN-28-10", 73.85, 44.14, 39.18),
    ],
)
def test_accuracies_of_the_papers_teachers(key: str, clean: float, pgd: float | None, autoattack: float) -> None:
    assert (PRESETS[key].clean, PRESETS[key].pgd, PRESETS[key].autoattack) == (clean, pgd, autoattack)


def test_no_file_serves_two_presets() -> None:
    identifiers = [preset.drive for preset in PRESETS.values()]
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"[\w-]{33}", identifier) for identifier in identifiers)


def test_sizes_of_files_are_those_of_their_weights() -> None:
    sized = [preset for preset in PRESETS.values() if preset.size]
    assert len(sized) == 2
    for preset in sized:
        numbers = sum(value.numel() * value.element_size() for value in empty(preset).state_dict().values())
        assert 0 < (preset.size or 0) - numbers < 0.001 * numbers, preset.key


def test_a_name_that_one_dataset_has_needs_no_dataset() -> None:
    assert find_preset("Chen2021LTD_WRN34_20") is find_preset("cifar10/Chen2021LTD_WRN34_20")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Chen2021LTD_WRN34_10", f"is a network for 2 datasets; write robustbench:{LTD10} or robustbench:{LTD100}"),
        ("cifar10/Chen2021LTD_WRN3410", f"Did you mean robustbench:{LTD10}\\? .*file:PATH\\?architecture=NAME"),
        ("wang2023better_wrn-70-16", r"Did you mean robustbench:cifar10/Wang2023Better_WRN-70-16"),
        ("imagenet/Salman2020Do", "No preset is called 'imagenet/Salman2020Do'. Datasets known: cifar10, cifar100"),
    ],
)
def test_names_that_stand_for_no_network(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_preset(name)


# From the name to the network


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Preset:
    """A preset for CIFAR-10 whose file belongs below ``tmp_path``."""
    return registered(tiny_preset(), monkeypatch, tmp_path)


def registered(preset: Preset, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Preset:
    monkeypatch.setitem(PRESETS, preset.key, preset)
    monkeypatch.setenv("ROBUSTILL_MODELS", str(folder))
    monkeypatch.setattr("robustill.teachers.presets.DRIVE", "http://127.0.0.1:9/{}")  # nobody answers
    return preset


def published() -> dict[str, Tensor]:
    return weights(num_classes=10)


def test_a_preset_loads_from_the_folder_of_robustbench(tiny: Preset, tmp_path: Path) -> None:
    saved(tmp_path / "cifar10" / "Linf" / "Tiny2024.pt", {"state_dict": published()})
    for text in ("robustbench:cifar10/Tiny2024", "robustbench:Tiny2024"):
        assert torch.equal(load_teacher(text)(X), network(10)(X))


def test_the_folder_is_models_in_the_working_directory(
    tiny: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROBUSTILL_MODELS")
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "models" / "cifar10" / "Linf" / "Tiny2024.pt", published())
    assert torch.equal(load_teacher("robustbench:Tiny2024")(X), network(10)(X))


def test_a_preset_normalises_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    preset = registered(tiny_preset(constants=STATISTICS), monkeypatch, tmp_path)
    saved(preset.file(tmp_path), published())
    torch.testing.assert_close(load_teacher("robustbench:Tiny2024")(X), network(10)(normalised(X)))


def test_a_file_with_other_classes_than_the_preset(tiny: Preset, tmp_path: Path) -> None:
    saved(tiny.file(tmp_path), weights())
    with pytest.raises(ValueError, match=f"distinguishes {CLASSES} classes, and 10 are required"):
        load_teacher("robustbench:Tiny2024")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"size": 10**9},
            r"Tiny2024\.pt has \d+ bytes where the published file has 1000000000; its end may be missing",
        ),
        ({"size": 10}, r"Tiny2024\.pt has \d+ bytes where the published file has 10; it is another file"),
        ({"sha256": "0" * 64}, r"Tiny2024\.pt is not the published file: its SHA-256 is [0-9a-f]{64}, not 0{64}"),
    ],
)
def test_another_file_than_the_published_one(
    facts: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    preset = registered(tiny_preset(**facts), monkeypatch, tmp_path)
    file = saved(preset.file(tmp_path), published())
    way_out = f"file:{file}?preset=cifar10/Tiny2024"
    with pytest.raises(ValueError, match=f"{message}.*To use it nevertheless, write {re.escape(way_out)}"):
        load_teacher("robustbench:Tiny2024")
    assert torch.equal(load_teacher(way_out)(X), network(10)(X))


def test_a_page_in_place_of_the_published_file_is_called_a_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    preset = registered(tiny_preset(size=10**6), monkeypatch, tmp_path)
    preset.file(tmp_path).parent.mkdir(parents=True)
    preset.file(tmp_path).write_text("<html>quota</html>")
    with pytest.raises(ValueError, match="is a web page, not weights"):
        load_teacher("robustbench:Tiny2024")


# Downloads

ANSWERS: dict[str, tuple[int, bytes, int]] = {}
"""What the server says: path -> status, body, announced length."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body, length = ANSWERS[self.path.lstrip("/")]
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that gives :data:`ANSWERS`."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("tests.teachers.test_presets.ANSWERS", {})
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()
        thread.join()


def test_a_missing_file_is_downloaded_once(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    body = saved(tmp_path / "source.pt", published()).read_bytes()
    facts = {"drive": "tiny", "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    preset = registered(tiny_preset(**facts), monkeypatch, tmp_path)
    monkeypatch.setattr("robustill.teachers.presets.DRIVE", server + "{}")
    ANSWERS["tiny"] = (200, body, len(body))
    assert torch.equal(load_teacher("robustbench:Tiny2024")(X), network(10)(X))
    assert preset.file(tmp_path).read_bytes() == body
    assert capsys.readouterr().err.startswith("Downloading robustbench:cifar10/Tiny2024 to ")
    del ANSWERS["tiny"]
    load_teacher("robustbench:Tiny2024")
    assert capsys.readouterr().err == ""


BODY = b"\x80\x02weights"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, b"<!DOCTYPE html>quota", 20), "the answer is a web page, not weights"),
        ((200, BODY, 1000), "the transfer broke off after 9 of 1000 bytes"),
        ((404, b"", 0), "Not Found"),
        ((200, BODY, 9), "the answer is not the published file: its SHA-256 is"),
        ((200, BODY[:5], 5), "the answer has 5 bytes where the published file has 9"),
    ],
)
def test_what_comes_but_is_not_the_file_is_not_kept(
    answer: tuple[int, bytes, int], message: str, server: str, tmp_path: Path
) -> None:
    ANSWERS["file"] = answer
    with pytest.raises(ValueError, match=message):
        download(server + "file", tmp_path / "file.pt", size=9, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_message_says_where_the_file_is_to_be_had(
    tiny: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    place = re.escape(str(tmp_path / "cifar10" / "Linf" / "Tiny2024.pt"))
    message = (
        rf"robustbench:cifar10/Tiny2024 belong at {place}, and could not be downloaded \(.*refused.*\)\. Get them in a "
        rf"browser from http://127\.0\.0\.1:9/x{{33}}, or with RobustBench: "
        r"load_model\('Tiny2024', dataset='cifar10', threat_model='Linf'\)\. ROBUSTILL_MODELS names another folder"
    )
    with pytest.raises(FileNotFoundError, match=message):
        load_teacher("robustbench:Tiny2024")


def test_the_published_file_passes(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(BODY)
    require_published(file, size=9, sha256=hashlib.sha256(BODY).hexdigest(), called="it")
    require_published(file, size=None, sha256=None, called="it")
