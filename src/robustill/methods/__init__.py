"""The published methods, one paper a file. Every one takes terms with ``+``, IGDM first among them.

A method is a class of 20 to 40 lines: its outer loss, the inner loss that its attack climbs, and where the attack
starts. A module put into this folder is found: by import from here, by the command line and by the contract tests.
"""

from typing import TYPE_CHECKING, Any

from robustill.component import find
from robustill.objectives.base import Method

globals().update(find(__name__, Method))
__all__ = list(find(__name__, Method))  # found, not registered

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A type checker cannot see what is found."""
