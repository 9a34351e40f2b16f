"""The words and numbers a reader sees: methods without empty brackets, attacks by their usual names, units."""

from __future__ import annotations

import ast
import re

NO_BREAK = "\u00a0"


def terms(method: str) -> tuple[str, ...]:
    """The summands of a method's text: ``"RSLAD() + IGDM(alpha=10)"`` is ``("RSLAD()", "IGDM(alpha=10)")``.

    The first is the base method. A text that is no expression is one term.
    """
    text = " ".join(method.split())
    # A user's own class is written module:Class(...), which is no Python; a dot of the same width keeps the positions.
    source = re.sub(r"(?<=\w):(?=[A-Za-z_])", ".", text)
    try:
        node = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError):
        return (text,)
    parts = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts.append(node.right)
        node = node.left
    parts.append(node)
    raw = text.encode()  # the positions of ast count bytes
    return tuple(raw[part.col_offset : part.end_col_offset].decode() for part in reversed(parts))


def short(expression: str) -> str:
    """An expression without its empty brackets: ``RSLAD() + IGDM(alpha=10)`` reads ``RSLAD + IGDM(alpha=10)``."""
    return " ".join(expression.split()).replace("()", "")


def component(term: str) -> str:
    """The name of what a term builds: ``IGDM`` of ``IGDM(alpha=10)``, ``MyAD`` of ``my.module:MyAD(2)``."""
    return re.split(r"[.:]", term.partition("(")[0])[-1].strip()


def adversary(key: str) -> str:
    """An adversary's key as papers write it: ``pgd20`` is PGD-20, ``pgd20@L2(0.5)`` is PGD-20 in L2(0.5)."""
    name, own, ball = key.partition("@")
    if own and "(" not in name:
        return f"{adversary(name)} in {ball}"
    known = {"clean": "Clean", "aa": "AutoAttack", "autoattack": "AutoAttack", "fgsm": "FGSM"}
    steps = re.fullmatch(r"(pgd|apgd|cw)[-_]?(\d+)", key)
    if steps:
        return f"{steps[1].upper()}-{steps[2]}"
    return known.get(key, key)


def count(n: int, thing: str = "") -> str:
    """``2,000`` or ``3 seeds``, in the plural where it belongs."""
    number = f"{n:,}"
    return f"{number}{NO_BREAK}{thing}{'' if n == 1 else 's'}" if thing else number


def percent(share: float) -> str:
    """A share of one in percent with one decimal: 0.79 is ``79.0 %``."""
    return f"{100 * share:.1f}{NO_BREAK}%"


def signed(value: float, decimals: int) -> str:
    """A difference with its sign; one that rounds to nothing has none."""
    text = f"{value:+.{decimals}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def listing(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def clipped(text: str, width: int) -> str:
    """A text that fits beside a small picture."""
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"
