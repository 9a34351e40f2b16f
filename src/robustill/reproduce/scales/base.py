"""What every scale answers, by the paper's names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache

from robustill.expression import parse
from robustill.objectives import Method
from robustill.recipes import paper
from robustill.recipes.paper import Cell
from robustill.reproduce.subjects import Sheet, Subject

METHODS = {**paper.METHODS, "AdaAD w/o T_in": "AdaAD(inner=StudentCE())", "Natural": "Natural()"}
"""The paper's names of methods: the six of Tables 2 and 4, that of Table 3, and that of Figure 2."""

ALONE = ("PGD-AT", "TRADES", "Natural")
"""Methods whose training, without IGDM, does not ask the teacher."""


@cache
def method_named(name: str) -> Method:
    """The method that the paper calls so, without IGDM."""
    return parse(METHODS[name], Method)


class Scale(ABC):
    """A size of the study.

    Attributes:
        name: demo, mini or paper.
        seeds: how many students of each kind.
        sheets: by name: standard, autoattack, distance, remainder, others, pgd-eps, autoattack-eps.
    """

    name: str
    seeds: int
    sheets: Mapping[str, Sheet]

    @property
    @abstractmethod
    def blocks(self) -> tuple[tuple[str, str], ...]:
        """The datasets with the teachers of Tables 1, 2 and 4."""

    @abstractmethod
    def block_words(self, dataset: str, teacher: str) -> str:
        """What a block is here."""

    @abstractmethod
    def student_words(self, student: str) -> str:
        """What a student is here."""

    @abstractmethod
    def student(self, cell: Cell, seed: int, *, watched: bool = False) -> Subject:
        """The student of a cell. ``watched``: with images held out, on which its epochs are measured."""

    @abstractmethod
    def teacher(self, dataset: str, teacher: str) -> Subject:
        """A teacher."""

    @abstractmethod
    def surrogate(self, dataset: str) -> Subject:
        """The network on which the attacks of Table 6 are found that are shown to the students."""

    @property
    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """Sentences about what is not the paper's, or not known of it."""
