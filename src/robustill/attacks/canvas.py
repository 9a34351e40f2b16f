"""Images that a search repaints window by window, and the logits that a network gives them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn

from robustill.attacks.search import Mask, classify, column
from robustill.attacks.windows import Piece, Window
from robustill.types import Images, Logits


class Canvas(ABC):
    """Images of which a window is painted, judged, and left painted or not."""

    @property
    @abstractmethod
    def images(self) -> Images:
        """As they are without what was painted last, unless it was accepted."""

    @abstractmethod
    def paint(self, window: Window, pixels: Piece) -> Logits:
        """What the network says of the images with these pixels in the window."""

    @abstractmethod
    def accept(self, better: Mask) -> None:
        """What was painted last stays on these images."""

    @abstractmethod
    def keep(self, stay: Mask) -> None:
        """Forgets the other images."""


class Whole(Canvas):
    """Asks any network about whole images."""

    def __init__(self, model: nn.Module, images: Images) -> None:
        self.model, self.accepted = model, images

    @property
    def images(self) -> Images:
        return self.accepted

    def paint(self, window: Window, pixels: Piece) -> Logits:
        self.tried = self.accepted.clone()
        window.of(self.tried).copy_(pixels)
        return classify(self.model, self.tried)

    def accept(self, better: Mask) -> None:
        self.accepted = torch.where(column(better), self.tried, self.accepted)

    def keep(self, stay: Mask) -> None:
        self.accepted = self.accepted[stay]
