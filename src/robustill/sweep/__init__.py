"""Many runs from one file: a grid or a list over any settings, side by side, locally or on a Ray cluster.

A sweep is a list of points, each a run with a directory of its own. A point that is finished is skipped, one that was
interrupted goes on after its last epoch, one whose process died is tried again. So a sweep is stopped and started at
will, and ends with the same numbers.
"""

from robustill.sweep.conduct import Job, Outcome, Task, conduct_jobs, conduct_sweep, finish
from robustill.sweep.plan import Point, Sweep, read_sweep

__all__ = ["Job", "Outcome", "Point", "Sweep", "Task", "conduct_jobs", "conduct_sweep", "finish", "read_sweep"]
