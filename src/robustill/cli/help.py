"""How ``--help`` reads: what a flag is for and its default, without the types of a programmer."""

from __future__ import annotations

from argparse import SUPPRESS, Action

from jsonargparse import DefaultHelpFormatter


class HelpFormatter(DefaultHelpFormatter):
    """A flag's purpose, its default where there is one to speak of, and N for a whole number."""

    def _get_help_string(self, action: Action) -> str:
        text = (action.help or "").removesuffix(".")
        told = action.default is None or action.default is False or action.default == SUPPRESS or "default" in text
        return text if told else f"{text} (default: %(default)s)"

    def _get_default_metavar_for_optional(self, action: Action) -> str:
        return "N" if getattr(action, "_typehint", None) in (int, int | None) else action.dest.upper()
