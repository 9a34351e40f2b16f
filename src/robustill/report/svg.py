"""Figures as SVG that lives inside a page: the page's colours and fonts, no clashing ids, the same bytes every time."""

from __future__ import annotations

import io
import re
import warnings
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML has no way to write: control characters, which a class or a folder may be named with."""

COLOURS = {
    "ink": "#1c2024",
    "muted": "#5b6570",
    "line": "#dfe3e8",
    "paper": "#fffffe",
    "bad": "#b03a00",
    "c1": "#d55e00",
    "c2": "#0072b2",
    "c3": "#009e73",
    "c4": "#cc79a7",
    "c5": "#e69f00",
    "c6": "#56b4e9",
    "c7": "#7a7f87",
}
"""What figures are drawn in, by the page's variable that may replace it: text and lines, then a series that is safe for
the colour-blind (Okabe and Ito 2008)."""


def variable(colour: str) -> str:
    """A colour of the figures as the page's variable for it."""
    return next((f"var(--{name}, {value})" for name, value in COLOURS.items() if value == colour), colour)


def draw(axes: Axes) -> bytes:
    """The figure that axes stand on as matplotlib's SVG, the same bytes every time."""
    figure = axes.get_figure(root=True)
    assert figure is not None  # the figures of this package give every axes one
    buffer = io.BytesIO()
    # The browser draws the texts, with fonts that have the glyphs that matplotlib's lacks.
    with matplotlib.rc_context({"svg.hashsalt": "robustill", "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def inline_svg(drawn: bytes, *, name: str, alt: str) -> Markup:
    """A figure as ``<svg>`` that scales with its place and follows light or dark pages.

    Colours become ``var(--name, #hex)``: a page that defines the variables chooses, elsewhere the light ones show.

    Args:
        drawn: by :func:`draw`.
        name: begins every id inside, so that figures of one page do not meet. Unique on the page.
        alt: what the figure shows, for those who do not see it.
    """
    root = _tree(drawn, alt)
    for parent in root.iter(f"{{{SVG}}}defs"):
        for style in parent.findall(f"{{{SVG}}}style"):
            parent.remove(style)  # it names every element, which inside a page means the page's too
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, _attribute(key, value, name))
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # the tree's writer escaped every text and attribute


def standalone_svg(drawn: bytes, *, alt: str) -> str:
    """A figure as a file of its own, in the colours of a light page."""
    return ElementTree.tostring(_tree(drawn, alt), encoding="unicode", xml_declaration=True) + "\n"


def _tree(drawn: bytes, alt: str) -> ElementTree.Element:
    root = ElementTree.fromstring(_written(drawn.decode()))
    for element in list(root):
        if element.tag == f"{{{SVG}}}metadata":
            root.remove(element)
    root.attrib.update({"role": "img", "aria-label": _written(alt)})
    return root


def _written(text: str) -> str:
    return NO_XML.sub("\ufffd", text)


def _attribute(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == f"{{{XLINK}}}href" and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    value = re.sub(r"url\(#", f"url(#{name}-", value)
    if key == "style":
        value = re.sub(r"#[0-9a-f]{6}", lambda match: variable(match[0]), value)
        value = re.sub(r"(font: [^;]*?px) [^;]*", r"\1 system-ui, sans-serif", value)
    return value


ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", XLINK)
