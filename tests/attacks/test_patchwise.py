"""Canvases: a patchwise one says and holds what one of whole images does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from robustill.attacks.canvas import Canvas, Whole
from robustill.attacks.patch_steps import Convolution, Patch, Plain, Pointwise
from robustill.attacks.patchwise import Patchwise, canvas
from robustill.attacks.swift import swift
from robustill.attacks.windows import Span, Window
from tests.networks import conv_net, images, seeded


class Residual(nn.Module):
    """A block that adds in place, between a normalised input and a pooled output."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.stem = nn.BatchNorm2d(3), nn.Conv2d(3, 6, 3, padding=1)
        self.one, self.two = nn.Conv2d(6, 6, 3, 1, 1), nn.Conv2d(6, 6, 3, padding=1, groups=2)
        self.down, self.shortcut = nn.Conv2d(6, 4, 3, 2, 1), nn.Conv2d(6, 4, 1, 2)
        self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(self.norm(x)))
        out = self.two(self.relu(self.one(x)))
        out += x
        out = F.silu(out)
        out = torch.cat([self.down(out)[:, :2], self.shortcut(out)[:, 2:]], 1).relu()
        result: Tensor = self.head(out.mean((2, 3)))
        return result


def plain(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "BatchNorm": lambda: conv_net(classes=5),
    "residual": Residual,
    "dilation": lambda: plain(nn.Conv2d(3, 4, 3, dilation=2), nn.Tanh(), nn.Conv2d(4, 4, (3, 1), (1, 2), (0, 3))),
    "pooling": lambda: plain(nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, 1, 1), nn.Conv2d(4, 4, 3)),
    "circular": lambda: plain(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")),
    "same": lambda: plain(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding="same")),
}


def traced(name: str, x: Tensor) -> fx.GraphModule:
    copy = swift(seeded(NETWORKS[name], 3).eval(), x)
    assert isinstance(copy, fx.GraphModule)
    return copy


def strokes(batch: int, height: int, width: int, size: int, count: int) -> list[tuple[Window, Tensor]]:
    noise = torch.Generator().manual_seed(1)
    windows = []
    for _ in range(count):
        top, left = (int(torch.randint(length - size + 1, (1,), generator=noise)) for length in (height, width))
        windows.append(Window(Span(top, top + size), Span(left, left + size)))
    return [(window, torch.rand(batch, 3, size, size, generator=noise)) for window in windows]


@torch.no_grad()
@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_patchwise_canvas_is_one_of_whole_images(name: str, size: int) -> None:
    x = images(4, 3, 15, 14)
    network = traced(name, x)
    sides: list[Canvas] = [Patchwise(network, x, (size, size)), Whole(network, x)]
    keep = torch.tensor([True, True, False, True])
    for turn, (window, pixels) in enumerate(strokes(4, 15, 14, size, 24)):
        if turn == 12:
            for side in sides:
                side.keep(keep)
        pixels = pixels[keep] if turn >= 12 else pixels
        logits = [side.paint(window, pixels) for side in sides]
        torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-5)
        better = torch.rand(len(pixels), generator=torch.Generator().manual_seed(turn)) < 0.4
        for side in sides:
            side.accept(better)
        assert torch.equal(sides[0].images, sides[1].images)


@torch.no_grad()
def test_steps_are_done_on_windows_as_long_as_these_are_small() -> None:
    x = images(2, 3, 15, 14)
    kinds = {node.name: type(step) for node, step in Patchwise(traced("residual", x), x, (2, 2)).steps.items()}
    assert {kinds[name] for name in ("stem", "one", "two", "shortcut")} == {Convolution}
    assert {kinds[name] for name in ("norm", "relu_", "relu__1", "add", "silu", "cat")} == {Pointwise}
    assert {kinds[name] for name in ("mean", "head")} == {Plain}
    pooling = {node.name: type(step) for node, step in Patchwise(traced("pooling", x), x, (2, 2)).steps.items()}
    assert list(pooling.values())[:3] == [Convolution, Plain, Plain]


@torch.no_grad()
def test_the_network_is_asked_as_a_whole_where_that_is_sooner_or_safer(monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(2, 3, 9, 9)
    network = traced("BatchNorm", x)
    assert isinstance(canvas(network, x, (2, 2)), Patchwise)
    assert isinstance(canvas(network, x, (9, 9)), Whole)  # a window of all the image
    assert isinstance(canvas(conv_net().eval(), x, (2, 2)), Whole)  # not traced
    right = Pointwise.__call__
    monkeypatch.setattr(Pointwise, "__call__", lambda *given: Patch(right(*given).window, right(*given).values + 1))
    assert isinstance(canvas(network, x, (2, 2)), Whole)  # windows with other logits


@torch.no_grad()
def test_the_images_that_were_given_stay_as_they_are() -> None:
    x = images(2, 3, 9, 9).contiguous(memory_format=torch.channels_last)
    kept = x.clone()
    for board in (canvas(traced("BatchNorm", x), x, (2, 2)), Whole(conv_net().eval(), x)):
        board.paint(Window(Span(0, 2), Span(0, 2)), torch.zeros(2, 3, 2, 2))
        board.accept(torch.tensor([True, True]))
        assert not torch.equal(board.images, kept) and torch.equal(x, kept)
