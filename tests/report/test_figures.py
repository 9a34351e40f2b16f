from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from robustill.report.figures import (
    CROWD,
    STAR,
    Attacked,
    Curve,
    Look,
    Point,
    Series,
    attack_strip,
    bar_rows,
    dot_rows,
    gradient_strip,
    logit_surface,
    radius_curve,
    scatter,
    training_curve,
    waterfall,
)
from robustill.report.statistics import Fit
from robustill.report.svg import COLOURS, draw, inline_svg, standalone_svg, variable

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
        Point("Teacher", 90, 84, (89, 91), (82, 86), look=STAR),
        Point("base", 88, 77, look=Look(filled=False)),
        Point("plus", 87, 79),
    ]
    axes = scatter(points, "clean", "PGD-20 accuracy (%)", arrows=[(1, 2)])
    marks = {line.get_label(): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}
    assert [marks[p.label].get_marker() for p in points] == ["*", "o", "o"]
    assert marks["base"].get_markerfacecolor() != marks["base"].get_color()
    assert [np.asarray(m.get_xydata()).tolist() for m in marks.values()] == [[[p.x, p.y]] for p in points]
    (arrow,) = axes.texts
    assert vars(arrow)["xy"] == (87, 79)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("clean", "PGD-20 accuracy (%)")


def test_many_points_are_drawn_without_their_intervals() -> None:
    points = [Point(str(x), x, x, (x - 1, x + 1), (x - 1, x + 1)) for x in range(CROWD + 1)]
    assert len(scatter(points, "x", "y").get_lines()) == CROWD + 1
    assert len(scatter(points[:CROWD], "x", "y").get_lines()) == 3 * CROWD


def test_a_regression_line_goes_from_the_first_point_to_the_last() -> None:
    points = [Point(str(x), x, y) for x, y in ((1, 2.0), (3, 7.0), (2, 4.0))]
    line = scatter(points, "x", "y", fit=Fit(2.5, -0.5, 0.99, 3)).get_lines()[-1]
    assert np.asarray(line.get_xydata()).tolist() == [[1, 2.0], [3, 7.0]]


def test_accuracies_over_the_radius_begin_at_zero_with_a_tick_for_each_radius() -> None:
    curves = [
        Curve("base", x=(0, 4, 8), y=(90, 80, 70), look=Look(filled=False)),
        Curve("plus", (0, 4, 8), (88, 81, 75)),
    ]
    axes = radius_curve(curves, "PGD-20", "1/255", usual=8)
    assert axes.get_ylim()[0] == 0 and axes.get_xticks().tolist() == [0, 4, 8]
    assert axes.get_xlabel() == "radius (1/255)"
    assert [line.get_linestyle() for line in axes.get_lines()[1:3]] == ["--", "-"]


def test_rows_hold_a_mark_of_each_series_and_none_where_there_is_no_value() -> None:
    series = [Series("base", (1.0, None)), Series("plus", (2.0, 3.0))]
    axes = dot_rows(["first", "second"], series, "accuracy (%)")
    marks = {line.get_label(): np.asarray(line.get_xydata())[:, 0].tolist() for line in axes.get_lines()}
    assert marks["base"] == [1.0] and marks["plus"] == [2.0, 3.0]
    assert [text.get_text() for text in axes.texts] == ["first", "second"]


def test_the_bar_between_two_marks_spans_them() -> None:
    spans = dot_rows(["net"], [Series("pgd", (50.0,)), Series("aa", (47.0,))], "accuracy (%)", spans=True)
    assert [47.0, 50.0] in [sorted(np.asarray(line.get_xdata()).tolist()) for line in spans.get_lines()]


def test_the_waterfall_says_what_stands_and_what_each_attack_broke() -> None:
    axes = waterfall(["clean", "apgd-ce", "apgd-t", "square"], [90.0, 60.0, 55.5, 55.5])
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["clean: 90.0 %", "apgd-ce: 60.0 % (−30.0)", "apgd-t: 55.5 % (−4.5)", "square: 55.5 %"]
    broken = [np.asarray(line.get_xdata()).tolist() for line in axes.get_lines() if line.get_color() == COLOURS["c1"]]
    assert broken == [[60.0, 90.0], [55.5, 60.0]]


def test_bars_are_as_long_as_their_values() -> None:
    bars = [line for line in bar_rows(["data", "attack"], [4.0, 30.0], "ms").get_lines() if line.get_linewidth() > 5]
    assert [np.asarray(line.get_xdata()).tolist() for line in bars] == [[0, 4.0], [0, 30.0]]


def test_a_surface_has_its_middle_line_and_shares_limits_where_they_are_given() -> None:
    margins = np.add.outer(np.linspace(1, -1, 5), np.zeros(5))
    axes = logit_surface(margins, limits=(-2, 3))
    assert axes.get_zlim() == (-2, 3)  # type: ignore[attr-defined]  # axes in three dimensions
    lines: list[Any] = axes.get_lines()
    line, dot = lines
    assert np.allclose(line.get_data_3d()[2], margins[:, 2])
    assert [float(part[0]) for part in dot.get_data_3d()] == [0, 0, 0]


def test_a_wrong_answer_has_a_cross_and_its_own_colour() -> None:
    texts = {text.get_text(): text.get_color() for text in attack_strip(attacked(said="Bag"), 8 / 255).texts}
    assert texts["✓ Coat"] == COLOURS["ink"]
    assert texts["✗ Bag"] == COLOURS["bad"]


def test_the_perturbation_is_drawn_from_black_to_white_around_grey() -> None:
    shown = attacked()
    image = attack_strip(shown, largest=0.1).get_images()[1].get_array()
    assert image is not None
    assert np.allclose(image, 0.5 + (shown.x_adv - shown.x)[0] / 0.2)


def test_colour_and_large_images_are_shown_in_few_pixels() -> None:
    image = attack_strip(attacked(channels=3, side=224), 8 / 255).get_images()[0].get_array()
    assert image is not None
    assert image.shape == (75, 75, 3)


def test_gradient_maps_are_centred_on_zero_and_carry_their_cosines() -> None:
    gradients = {name: np.random.default_rng(1).normal(size=(3, 8, 8)) for name in ("teacher", "base", "+ IGDM")}
    axes = gradient_strip(np.zeros((3, 8, 8)), gradients, {"base": 0.5, "+ IGDM": -0.25})
    assert len(axes.get_images()) == 4
    low, high = axes.get_images()[1].get_clim()
    assert low == -high
    assert {"image", "teacher", "base", "+ IGDM", "cos 0.50", "cos −0.25"} == {text.get_text() for text in axes.texts}


def test_a_gradient_of_zeros_is_drawn() -> None:
    assert gradient_strip(np.zeros((1, 4, 4)), {"student": np.zeros((1, 4, 4))}, {}).get_images()


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    before = dict(matplotlib.rcParams)
    inline_svg(draw(training_curve([CURVE], "loss")), name="a", alt="")
    assert dict(matplotlib.rcParams) == before


def test_an_inline_svg_is_the_same_every_time() -> None:
    one, other = (inline_svg(draw(training_curve([CURVE], "loss")), name="a", alt="A curve.") for _ in range(2))
    assert one == other
    assert "<dc:date>" not in one
    assert "<metadata>" not in one


def test_figures_of_one_page_share_no_ids_and_every_reference_has_its_target() -> None:
    ids: list[str] = []
    for name in ("a", "b"):
        root = ElementTree.fromstring(inline_svg(draw(training_curve([CURVE], "loss")), name=name, alt=""))
        own = [element.get("id", "") for element in root.iter() if element.get("id")]
        links = [e.get("{http://www.w3.org/1999/xlink}href") or "" for e in root.iter()]
        assert {link[1:] for link in links if link.startswith("#")} <= set(own)
        clips = [e.get("clip-path", "") for e in root.iter() if e.get("clip-path")]
        assert clips
        assert {clip.removeprefix("url(#").removesuffix(")") for clip in clips} <= set(own)
        ids += own
    assert len(ids) == len(set(ids))


def test_an_inline_svg_follows_the_colours_of_its_page() -> None:
    svg = inline_svg(draw(training_curve([CURVE], "loss")), name="a", alt="")
    assert f"var(--c2, {COLOURS['c2']})" in svg
    assert f"var(--muted, {COLOURS['muted']})" in svg
    assert variable("#123456") == "#123456"


def test_a_file_of_its_own_has_colours_that_need_no_page_and_says_what_it_shows() -> None:
    text = standalone_svg(draw(training_curve([CURVE], "loss")), alt="A <curve>.")
    assert "var(" not in text and COLOURS["c2"] in text
    root = ElementTree.fromstring(text.encode())
    assert root.get("aria-label") == "A <curve>." and root.get("width")
    assert text == standalone_svg(draw(training_curve([CURVE], "loss")), alt="A <curve>.")


def test_an_inline_svg_scales_and_says_what_it_shows() -> None:
    root = ElementTree.fromstring(inline_svg(draw(training_curve([CURVE], "loss")), name="a", alt='Shows "<b>".'))
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'Shows "<b>".'
    assert root.get("viewBox")
    assert root.get("width") is None
    assert not [element for element in root.iter() if element.tag.endswith("}style")]


@pytest.mark.parametrize("name", ["<b>x</b>", "$x$", "a & b", "衣服", "is #0072b2", '"quoted"'])
def test_any_class_name_is_shown_as_it_is(name: str) -> None:
    root = ElementTree.fromstring(inline_svg(draw(attack_strip(attacked(name, name), 8 / 255)), name="a", alt=name))
    assert f"✓ {name}" in {"".join(e.itertext()) for e in root.iter() if e.tag.endswith("}text")}


@pytest.mark.parametrize("name", ["<script>alert(1)</script>"])
def test_a_long_class_name_is_cut_and_stays_text(name: str) -> None:
    svg = inline_svg(draw(attack_strip(attacked(name, name), 8 / 255)), name="a", alt=name)
    assert "<script" not in svg
    assert "✓ &lt;script&gt;ale…" in svg


def test_the_marks_of_a_span_lie_on_its_bar() -> None:
    series = [Series("PGD-20", (40.0, 50.0)), Series("AutoAttack", (38.0, 45.0))]
    lines = dot_rows(("a", "b"), series, "accuracy (%)", spans=True).get_lines()
    assert [np.asarray(line.get_ydata()).tolist() for line in lines if line.get_marker() == "o"] == [[0, 1], [0, 1]]


@pytest.mark.parametrize("name", ["be\x07ll", "\ufffe"])
def test_what_xml_cannot_write_is_replaced(name: str) -> None:
    drawn = draw(attack_strip(attacked(name, name), 8 / 255))
    for svg in (inline_svg(drawn, name="a", alt=name), standalone_svg(drawn, alt=name)):
        root = ElementTree.fromstring(svg.encode())
        assert "\ufffd" in str(root.get("aria-label"))
        assert "\ufffd" in "".join(root.itertext())


def test_marks_of_one_value_have_an_axis() -> None:
    axes = dot_rows(["a"], [Series("one", (0.0,))], "accuracy (%)", limits=(0.0, 0.0))
    assert axes.get_xlim()[0] < 0 < axes.get_xlim()[1]
