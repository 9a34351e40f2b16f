"""What a run leaves behind, and how it is read again. Knows files and numbers; never imports torch.

A run's directory::

    run.yaml          the resolved settings: ``robustill train DIRECTORY/run.yaml`` repeats the run
    protocol.json     what was trained and how, as label and sentence, in reading order
    environment.json  versions, machine in words, git state, command line
    profile.json      where a training step's time goes, where that was asked for
    metrics.jsonl     one row per epoch, appended
    checkpoints/      state-*.pt to resume from; last/ and best/, each model.safetensors and config.json
    failure-*         the batch of a step that was not finite (safetensors: x, y, x_adv; metadata: epoch, step, what)
    evaluation/       NAME.json (:class:`Evaluation`) and NAME.npz (per-image flags, gallery), NAME = last, best, ...;
                      NAME.parts/ while it is being measured
    audit.json        the findings of ``robustill audit``
    report.html
"""

from robustill.results.directory import RunDirectory
from robustill.results.evaluation import Accuracy, Evaluation, Mean, Point
from robustill.results.intervals import Z95, bootstrap, wilson

__all__ = ["Z95", "Accuracy", "Evaluation", "Mean", "Point", "RunDirectory", "bootstrap", "wilson"]
