"""The report's drawings, from plain numbers to matplotlib axes. Each can be called alone::

    from robustill.report.figures import Curve, training_curve

    axes = training_curve([Curve("PGDAT", x=(1, 2, 3), y=(40.0, 55.0, 60.0), best=2)], "Validation accuracy (%)")
    axes.legend()
    axes.figure.savefig("curve.pdf")

Sizes are in CSS pixels at which a figure's texts have their nominal size. No state of pyplot is touched. The colours
are safe for the colour-blind (Okabe and Ito 2008), and no figure tells things apart by colour alone.
"""

from robustill.report.figures.curves import Curve, radius_curve, training_curve
from robustill.report.figures.pictures import Attacked, attack_strip, gradient_strip
from robustill.report.figures.rows import Series, bar_rows, dot_rows, waterfall
from robustill.report.figures.scatter import CROWD, Point, scatter
from robustill.report.figures.style import SIGNED, STAR, STYLE, Look, canvas, pixels, styled
from robustill.report.figures.surfaces import logit_surface

__all__ = [
    "training_curve",
    "radius_curve",
    "Curve",
    "scatter",
    "Point",
    "CROWD",
    "dot_rows",
    "Series",
    "bar_rows",
    "waterfall",
    "attack_strip",
    "Attacked",
    "gradient_strip",
    "logit_surface",
    "Look",
    "STAR",
    "STYLE",
    "SIGNED",
    "styled",
    "canvas",
    "pixels",
]
