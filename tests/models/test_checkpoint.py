from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from robustill.models import Classifier, create_model, load_model, load_weights, read_config, read_entries, save_model
from tests.models.zoo import TINY, lived_in


@pytest.fixture
def model() -> Classifier:
    return lived_in("SmallCNN(width=4)", in_channels=1, normalised=True)


@pytest.fixture
def saved(model: Classifier, tmp_path: Path) -> Path:
    save_model(tmp_path / "saved", model)
    return tmp_path / "saved"


def change_config(folder: Path, **entries: Any) -> None:
    file = folder / "config.json"
    row = json.loads(file.read_text()) | entries
    row.pop("digest", None)  # as whoever changes it on purpose
    file.write_text(json.dumps(row))


def change_weights(folder: Path, remove: str = "", **tensors: torch.Tensor) -> None:
    file = folder / "model.safetensors"
    state = load_file(file) | tensors
    state.pop(remove, None)
    save_file(state, file)


@pytest.mark.parametrize("text", TINY)
def test_round_trip_is_exact(text: str, tmp_path: Path) -> None:
    model = lived_in(text, normalised=True).train()
    model(torch.rand(2, 3, 32, 32))  # so that num_batches_tracked is not zero
    save_model(tmp_path, model)
    loaded = load_model(tmp_path)
    state, again = model.state_dict(), loaded.state_dict()
    assert list(state) == list(again)
    assert all(torch.equal(state[key], again[key]) and state[key].dtype == again[key].dtype for key in state)
    assert loaded.config == model.config
    assert not any(layer.training for layer in loaded.modules())
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(loaded(x), model.eval()(x))


def test_a_file_loads_like_its_folder(saved: Path, model: Classifier) -> None:
    loaded = load_model(saved / "model.safetensors")
    assert torch.equal(loaded.state_dict()["linear.weight"], model.state_dict()["linear.weight"])
    assert read_config(str(saved)) == model.config


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_stored_as_such_and_comes_back_as_float32(
    model: Classifier, tmp_path: Path, dtype: torch.dtype
) -> None:
    save_model(tmp_path, model, dtype=dtype)
    assert load_file(tmp_path / "model.safetensors")["linear.weight"].dtype == dtype
    loaded = load_model(tmp_path).state_dict()
    for key, value in model.state_dict().items():
        assert loaded[key].dtype == value.dtype, key
        expected = value.to(dtype).to(value.dtype) if value.is_floating_point() else value
        assert torch.equal(loaded[key], expected), key
    assert model.state_dict()["linear.weight"].dtype == torch.float32  # the model itself is untouched


def test_weights_that_share_memory_or_have_another_layout_are_saved(tmp_path: Path, model: Classifier) -> None:
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    norm = model.get_submodule("bn3")
    norm.register_parameter("weight", model.get_submodule("bn4").get_parameter("weight"))
    save_model(tmp_path, model)
    x = torch.rand(2, 1, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(load_model(tmp_path)(x), model(x))


def test_extra_entries_are_kept_beside_the_config(tmp_path: Path, model: Classifier) -> None:
    save_model(tmp_path, model, extra={"classes": ["Sneaker", "Bag"], "epoch": 3})
    assert read_entries(tmp_path) == {
        "architecture": "SmallCNN(width=4)",
        "num_classes": 5,
        "in_channels": 1,
        "mean": [0.3],
        "std": [0.4],
        "classes": ["Sneaker", "Bag"],
        "epoch": 3,
    }
    assert load_model(tmp_path).config == model.config


def test_saving_replaces_and_leaves_no_scraps(saved: Path) -> None:
    save_model(saved, create_model("ResNet(width=2)", 3))
    assert load_model(saved).config.architecture == "ResNet(width=2)"
    assert sorted(file.name for file in saved.iterdir()) == ["config.json", "model.safetensors"]


def test_a_refused_save_writes_nothing(tmp_path: Path, model: Classifier) -> None:
    model.get_parameter("linear.weight").data[0, 0] = 1e6
    with pytest.raises(ValueError, match=r"linear.weight holds a number too large for torch.float16; store .*bfloat16"):
        save_model(tmp_path / "new", model, dtype=torch.float16)
    with pytest.raises(ValueError, match=r"floating type such as torch.float16; found dtype=torch.int8"):
        save_model(tmp_path / "new", model, dtype=torch.int8)
    with pytest.raises(ValueError, match="may not be called architecture, mean"):
        save_model(tmp_path / "new", model, extra={"mean": 0, "architecture": ""})
    with pytest.raises(ValueError, match="made by create_model; found a Linear without config"):
        save_model(tmp_path / "new", nn.Linear(2, 2))
    assert not (tmp_path / "new").exists()


def test_loading_draws_no_random_numbers(saved: Path) -> None:
    before = torch.get_rng_state()
    load_model(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_missing_files(saved: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There are no weights at .*nowhere; a saved model is a folder with"):
        load_model(saved / "nowhere")
    (saved / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"needs a config.json beside its weights; .*json does not exist"):
        load_model(saved)
    (saved / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"There are no weights at .*model.safetensors"):
        load_model(saved)


@pytest.mark.parametrize("content", ["nothing", "text", "half", "header"])
def test_broken_weights(saved: Path, content: str) -> None:
    file = saved / "model.safetensors"
    whole = file.read_bytes()
    broken = {"nothing": b"", "text": b"<!DOCTYPE html><html>", "half": whole[: len(whole) // 2], "header": whole[:20]}
    file.write_bytes(broken[content])
    with pytest.raises(ValueError, match=r"model.safetensors is no safetensors file, or not all of it .*save it again"):
        load_model(saved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"config.json is not valid JSON: "),
        ("[1]", r"config.json should hold a JSON object; found a list"),
        ("{}", r"config.json: A model's config needs the keys architecture, num_classes, in_channels, mean, std"),
    ],
)
def test_malformed_config(saved: Path, text: str, message: str) -> None:
    (saved / "config.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_model(saved)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"num_classes": "5"}, r"config.json: The config's num_classes should be of type int"),
        ({"std": [0.0]}, r"config.json: Every std must be positive"),
        ({"architecture": "SmallCN(width=4)"}, r"config.json: No component is called 'SmallCN'"),
        ({"architecture": "SmallCNN(width=0)"}, r"config.json: SmallCNN needs width of at least 1"),
    ],
)
def test_config_of_no_model(saved: Path, entries: dict[str, Any], message: str) -> None:
    change_config(saved, **entries)
    with pytest.raises(ValueError, match=message):
        load_model(saved)


def test_weights_of_another_network(saved: Path) -> None:
    change_config(saved, num_classes=4)
    with pytest.raises(ValueError, match=r"holds linear.weight 5x8 instead of 4x8, linear.bias 5 instead of 4; are"):
        load_model(saved)
    change_config(saved, num_classes=5, architecture="ResNet(width=4)")
    with pytest.raises(ValueError, match=r"lacks layer1\S+, layer1\S+, layer1\S+ and \d+ more, which the net"):
        load_model(saved)


def test_missing_and_surplus_keys(saved: Path) -> None:
    change_weights(saved, odd=torch.zeros(1), other=torch.zeros(1))
    with pytest.raises(ValueError, match=r"holds odd, other, which the network does not have; is it another"):
        load_model(saved)
    change_weights(saved, remove="bn2.num_batches_tracked")
    with pytest.raises(ValueError, match=r"lacks bn2.num_batches_tracked, which the network needs"):
        load_model(saved)


def test_load_weights_names_the_source(model: Classifier) -> None:
    with pytest.raises(ValueError, match=r"^the file x lacks conv1.weight"):
        load_weights(model, {}, source="the file x")
