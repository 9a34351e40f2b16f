"""Recipes and expressions that nobody would write: a run or a refusal in words, and nothing else is done."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from robustill.component import Component, in_full
from robustill.expression import ExpressionError, components, parse
from robustill.models import from_config
from robustill.models.classifier import ModelConfig
from robustill.recipes import read_recipe
from robustill.run import Run
from tests.small import texts

SOUND = [
    "RSLAD() + IGDM(alpha=10)",
    "AdaAD(inner=StudentCE()) + IGDM(alpha=70, step=2/255)",
    "PGD(budget=Linf(8/255), steps=10, step_size=2/255, start=Gaussian(0.001))",
    "TRADES(beta=6, terms=(IGDM(alpha=1),), bn_parity=(1, 0, -1, 1))",
    "ResNet(depth=18, width=16)",
    "SGD(lr=0.1, momentum=0.9, weight_decay=5e-4)",
    "CropFlip(padding=4, flip=False)",
]
PIECES = [
    *("9**9**9", "10**64*10**300", "(" * 300, "[" * 300, "-" * 300, "9" * 5000, "1e999", "-1", "0", "nan", "inf", "2j"),
    *("os:system('x')", "__import__('os')", "().__class__", "lambda: 0", "*[1]", "**{}", "'", '"', "\\", "\n", "\0"),
    *("\x1b[31m", "数", "\ud800", "<b>", "True", "None", "...", "RSLAD()", "Linf(8)", "_own0()", ", ", "=", " + ", "x"),
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A sound expression, of which up to three parts are cut out or have something put in their place."""
    text = draw(st.sampled_from(SOUND))
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 8)))
        text = text[:begin] + draw(st.sampled_from(["", *PIECES])) + text[end:]
    return text


def listed(component: Component) -> bool:
    """Whether a component and all below it are of the library."""
    below = [value for value in vars(component).values() if isinstance(value, Component)]
    return type(component) in components().values() and all(map(listed, below))


@settings(max_examples=600)
@given(mutated())
def test_a_changed_expression_builds_listed_components_or_is_refused_at_once(text: str) -> None:
    assume("os:" not in text)  # a path of import, which flags and recipes may hold, and which is refused elsewhere
    assert components()  # imported when first asked for
    before, began = set(sys.modules), time.perf_counter()
    try:
        found = parse(text, Component)
    except ValueError as error:
        assert 0 < len(str(error)) < 1000
    else:
        assert listed(found) and parse(in_full(found), Component) == found
    assert time.perf_counter() - began < 5
    assert set(sys.modules) == before


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 3),
    st.sampled_from([2**63, 2**64, 10**400, -(10**400)]),
    st.floats(),
    st.text(max_size=12),
    st.dates(),
    st.binary(max_size=4),
    st.sampled_from([*SOUND, "demo", "auto", "null", "8/255", "resnet18", "npz:x"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(SCALARS, inner, max_size=3)),
    max_leaves=6,
)
KEYS = st.one_of(
    st.sampled_from(sorted(texts("demo"))), st.sampled_from([*Run.__dataclass_fields__]), st.text(max_size=8)
)


@settings(max_examples=300)
@given(st.dictionaries(KEYS, VALUES, max_size=4), st.booleans())
@example({"epochs": True}, True)
@example({"seed": 2**63}, True)
def test_any_recipe_is_a_run_or_is_refused(wild: dict[str, Any], whole: bool) -> None:
    try:
        run = Run.from_texts({**(texts("demo") if whole else {}), **wild})
    except ValueError as error:
        assert 0 < len(str(error)) < 2000
        return
    assert Run.from_texts(yaml.safe_load(run.to_yaml())) == run


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode(errors="replace"))))
@example(b"a: &a [*a]")
@example(b"!!python/object/apply:os.system ['true']")
@example(b"? [1, 2]\n: 3")
@example(b"{a: 1, a: 2}")
@example(b"0: {{}: 1}")
@example(b"x: 0o9\ny: 2026-99-99\n")
def test_any_file_is_a_recipe_or_is_refused(content: bytes) -> None:
    file = Path("fuzzed.yaml")
    file.write_bytes(content)
    try:
        found = read_recipe(file)
    except ValueError as error:
        assert "fuzzed.yaml" in str(error)
        return
    assert all(isinstance(key, str) for key in found)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("fuzz"))


# Imports

PLANTED = """
from pathlib import Path
from robustill.models.architecture import Architecture
from robustill.models.cnn import SmallCNN
Path("imported").touch()
class Net(Architecture):
    def build(self, *, num_classes, in_channels):
        return SmallCNN(width=2).build(num_classes=num_classes, in_channels=in_channels)
"""


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that leaves a file behind when it is imported."""
    Path("planted_net.py").write_text(PLANTED)
    monkeypatch.syspath_prepend(str(Path().absolute()))
    monkeypatch.delitem(sys.modules, "planted_net", raising=False)
    return "planted_net:Net()"


def test_a_config_imports_nothing(planted: str) -> None:
    config = ModelConfig(architecture=planted, num_classes=3, in_channels=1)
    with pytest.raises(
        ValueError, match=r"planted_net:Net is somebody's own, .* imports nothing. If you trust it, import"
    ):
        from_config(config)
    assert not Path("imported").exists()
    assert from_config(config, imports=True).config == config  # what a flag or a recipe may do
    assert Path("imported").exists()
    assert from_config(config).config == config  # it is there already


def test_nothing_is_imported_for_a_text_that_is_no_expression(planted: str) -> None:
    for text in (f"{planted} +", f"RSLAD() + + {planted} )", f"RSLAD(note={planted}"):
        with pytest.raises(ExpressionError, match="Cannot read"):
            parse(text, Component)
    assert not Path("imported").exists()
