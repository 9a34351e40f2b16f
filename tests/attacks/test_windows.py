"""Windows: which outputs of a convolution see which inputs, against convolutions that are asked."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from robustill.attacks.windows import Span, Window, axes, whole


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [(3, 1, 1, 1), (3, 2, 1, 1), (1, 1, 0, 1), (1, 2, 0, 1), (5, 3, 2, 1), (3, 1, 2, 2), (2, 2, 0, 1), (3, 2, 0, 1)],
)
def test_outputs_are_those_that_change_and_inputs_those_that_they_depend_on(
    kernel: int, stride: int, padding: int, dilation: int, size: int
) -> None:
    convolution = nn.Conv2d(1, 1, kernel, stride, padding, dilation, bias=False)
    nn.init.ones_(convolution.weight)
    axis = axes(convolution)[0]
    outputs = convolution(torch.zeros(1, 1, size, size)).shape[2]
    for begin, end in itertools.combinations(range(size + 1), 2):
        z = torch.zeros(1, 1, size, size)
        z[:, :, begin:end] = 1
        changed = convolution(z)[0, 0].sum(1).nonzero().squeeze(1).tolist()
        found = axis.outputs(Span(begin, end), outputs)
        assert 0 <= found.begin < found.end <= outputs
        assert set(changed) <= set(range(*found))
        assert len(changed) <= axis.most(end - begin)
        if dilation == 1 and changed:
            assert found == (changed[0], changed[-1] + 1)
        seen = axis.inputs(found)
        framed = nn.functional.pad(z, 4 * (padding,))[:, :, seen.begin + padding : seen.end + padding]
        again = nn.functional.conv2d(framed, convolution.weight, stride=stride, dilation=dilation)
        torch.testing.assert_close(again, convolution(z)[:, :, slice(*found)])


def test_rows_and_columns_are_two_axes() -> None:
    rows, columns = axes(nn.Conv2d(1, 1, (3, 1), (1, 2), (1, 0), (2, 1)))
    assert (rows.reach, rows.stride, rows.padding) == (5, 1, 1)
    assert (columns.reach, columns.stride, columns.padding) == (1, 2, 0)


def test_windows_meet_join_and_are_seen_from_one_another() -> None:
    one, other = Window(Span(1, 4), Span(0, 2)), Window(Span(3, 6), Span(5, 7))
    assert one.meet(other) == (Span(3, 4), Span(5, 5))  # nothing in common: an empty span
    assert one.join(other) == (Span(1, 6), Span(0, 7))
    assert one.seen_from(other) == (Span(-2, 1), Span(-5, -3))
    z = torch.arange(48).view(1, 1, 6, 8)
    assert torch.equal(one.of(z), z[:, :, 1:4, 0:2])
    assert torch.equal(whole(z).of(z), z)
