from __future__ import annotations

from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from robustill.report.figures import (
    Attacked,
    Curve,
    Point,
    attack_strip,
    gradient_strip,
    tradeoff,
    training_curve,
)
from robustill.report.svg import COLOURS, inline_svg, variable

CURVE = Curve("PGDAT", x=(1, 2, 3, 4), y=(40.0, 55.0, 61.0, 60.0), best=2)


def attacked(truth: str = "Coat", said: str = "Coat", *, channels: int = 1, side: int = 8) -> Attacked:
    x = np.random.default_rng(0).random((channels, side, side))
    return Attacked(truth, x, np.clip(x + 8 / 255, 0, 1), {"student": (truth, said)})


def test_a_curve_is_drawn_through_its_points_with_best_and_last_marked() -> None:
    line, last, best = training_curve([CURVE], "accuracy (%)").get_lines()
    assert np.array_equal(line.get_xydata(), np.column_stack([CURVE.x, CURVE.y]))
    assert (last.get_xdata(), last.get_ydata()) == ((4,), (60.0,))
    assert (best.get_xdata(), best.get_ydata()) == ((3,), (61.0,))


def test_seeds_of_one_label_share_a_legend_entry() -> None:
    axes = training_curve([CURVE, CURVE, Curve("other", (1,), (2.0,))], "loss")
    assert axes.get_legend_handles_labels()[1] == ["PGDAT", "other"]


def test_the_axis_of_a_run_still_training_goes_to_the_planned_end() -> None:
    assert training_curve([CURVE], "loss").get_xlim()[1] < 5
    assert training_curve([CURVE], "loss", epochs=20).get_xlim()[1] > 20


def test_the_scatter_has_a_star_a_ring_a_dot_and_an_arrow_between_them() -> None:
    points = [
        Point("Teacher", 90, 84, (89, 91), (82, 86), star=True),
        Point("base", 88, 77, filled=False),
        Point("plus", 87, 79),
    ]
    axes = tradeoff(points, [(1, 2)], "PGD-20")
    marks = {line.get_label(): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}
    assert [marks[p.label].get_marker() for p in points] == ["*", "o", "o"]
    assert marks["base"].get_markerfacecolor() != marks["base"].get_color()
    assert [np.asarray(m.get_xydata()).tolist() for m in marks.values()] == [[[p.clean, p.robust]] for p in points]
    (arrow,) = axes.texts
    assert vars(arrow)["xy"] == (87, 79)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("clean accuracy (%)", "PGD-20 accuracy (%)")


def test_a_wrong_answer_has_a_cross_and_its_own_colour() -> None:
    texts = {text.get_text(): text.get_color() for text in attack_strip(attacked(said="Bag"), 8 / 255).texts}
    assert texts["✓ Coat"] == COLOURS["ink"]
    assert texts["✗ Bag"] == COLOURS["bad"]


def test_the_perturbation_is_drawn_from_black_to_white_around_grey() -> None:
    shown = attacked()
    image = attack_strip(shown, largest=0.1).axes[1].get_images()[0].get_array()
    assert image is not None
    assert np.allclose(image, 0.5 + (shown.x_adv - shown.x)[0] / 0.2)


def test_colour_and_large_images_are_shown_in_few_pixels() -> None:
    image = attack_strip(attacked(channels=3, side=224), 8 / 255).axes[0].get_images()[0].get_array()
    assert image is not None
    assert image.shape == (75, 75, 3)


def test_gradient_maps_are_centred_on_zero_and_carry_their_cosines() -> None:
    gradients = {name: np.random.default_rng(1).normal(size=(3, 8, 8)) for name in ("teacher", "base", "+ IGDM")}
    figure = gradient_strip(np.zeros((3, 8, 8)), gradients, {"base": 0.5, "+ IGDM": -0.25})
    assert len(figure.axes) == 4
    low, high = figure.axes[1].get_images()[0].get_clim()
    assert low == -high
    assert {"image", "teacher", "base", "+ IGDM", "cos 0.50", "cos −0.25"} == {text.get_text() for text in figure.texts}


def test_a_gradient_of_zeros_is_drawn() -> None:
    assert gradient_strip(np.zeros((1, 4, 4)), {"student": np.zeros((1, 4, 4))}, {}).axes


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    before = dict(matplotlib.rcParams)
    inline_svg(training_curve([CURVE], "loss"), name="a", alt="")
    assert dict(matplotlib.rcParams) == before


def test_an_inline_svg_is_the_same_every_time() -> None:
    one, other = (inline_svg(training_curve([CURVE], "loss"), name="a", alt="A curve.") for _ in range(2))
    assert one == other
    assert "<dc:date>" not in one
    assert "<metadata>" not in one


def test_figures_of_one_page_share_no_ids_and_every_reference_has_its_target() -> None:
    ids: list[str] = []
    for name in ("a", "b"):
        root = ElementTree.fromstring(inline_svg(training_curve([CURVE], "loss"), name=name, alt=""))
        own = [element.get("id", "") for element in root.iter() if element.get("id")]
        links = [e.get("{http://www.w3.org/1999/xlink}href") or "" for e in root.iter()]
        assert {link[1:] for link in links if link.startswith("#")} <= set(own)
        clips = [e.get("clip-path", "") for e in root.iter() if e.get("clip-path")]
        assert clips
        assert {clip.removeprefix("url(#").removesuffix(")") for clip in clips} <= set(own)
        ids += own
    assert len(ids) == len(set(ids))


def test_an_inline_svg_follows_the_colours_of_its_page() -> None:
    svg = inline_svg(training_curve([CURVE], "loss"), name="a", alt="")
    assert f"var(--c2, {COLOURS['c2']})" in svg
    assert f"var(--muted, {COLOURS['muted']})" in svg
    assert variable("#123456") == "#123456"


def test_an_inline_svg_scales_and_says_what_it_shows() -> None:
    root = ElementTree.fromstring(inline_svg(training_curve([CURVE], "loss"), name="a", alt='Shows "<b>".'))
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'Shows "<b>".'
    assert root.get("viewBox")
    assert root.get("width") is None
    assert not [element for element in root.iter() if element.tag.endswith("}style")]


@pytest.mark.parametrize("name", ["<b>x</b>", "$x$", "a & b", "衣服", "is #0072b2", '"quoted"'])
def test_any_class_name_is_shown_as_it_is(name: str) -> None:
    root = ElementTree.fromstring(inline_svg(attack_strip(attacked(name, name), 8 / 255), name="a", alt=name))
    assert f"✓ {name}" in {"".join(e.itertext()) for e in root.iter() if e.tag.endswith("}text")}


@pytest.mark.parametrize("name", ["<script>alert(1)</script>"])
def test_a_long_class_name_is_cut_and_stays_text(name: str) -> None:
    svg = inline_svg(attack_strip(attacked(name, name), 8 / 255), name="a", alt=name)
    assert "<script" not in svg
    assert "✓ &lt;script&gt;ale…" in svg
