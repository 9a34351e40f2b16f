"""The paper's tables and figures, each from one call, at three scales.

    >>> from robustill.reproduce import reproduce, scale_named
    >>> reproduce(["table2"], scale_named("demo"), Path("runs/demo"))                        # doctest: +SKIP

A :class:`Target` is data: which networks, and which numbers of each. A :class:`Scale` gives networks for the paper's
names. Together they make :class:`Measuring`: a network and a sheet of attacks and measures. What is on the disk is
reused, for whichever target it was made; what is missing is trained and measured in processes of their own.
"""

from robustill.reproduce.collect import Collected, collect
from robustill.reproduce.dry_run import list_left
from robustill.reproduce.make import measurings, reproduce, show
from robustill.reproduce.scales import Scale, scale_named
from robustill.reproduce.targets import TARGETS, Target, targets_named

__all__ = [
    "TARGETS",
    "Collected",
    "Scale",
    "Target",
    "collect",
    "list_left",
    "measurings",
    "reproduce",
    "scale_named",
    "show",
    "targets_named",
]
