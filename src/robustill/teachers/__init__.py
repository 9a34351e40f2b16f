"""Where a teacher comes from: one text.

    demo                             the robust teacher that is shipped with the library, for the embedded images
    run:DIRECTORY                    a network that ``robustill train`` made (its best epoch)
    file:PATH                        model.safetensors with its config.json, or the folder that holds the two
    robustbench:cifar100/NAME        a published robust network by its name in RobustBench, for instance
                                     robustbench:cifar10/Chen2021LTD_WRN34_10
    hf:OWNER/NAME                    a network that robustill saved, from the Hugging Face hub; hf:OWNER/NAME@REVISION
    timm:NAME                        a network of timm with its pretrained weights
    py:pkg.mod:function              what a function of your own returns, a network that takes images in [0, 1]

Anybody's checkpoint of a network that is built here loads when the text says which network it is (a shell wants such a
text in quotes); the number of classes and of channels is read from the weights::

    file:teacher.pt?architecture=wrn_34_10
    file:teacher.pt?architecture=ResNet(depth=18, width=32)&mean=0.49,0.48,0.45&std=0.25,0.24,0.26
    file:downloads/ltd.pt?preset=cifar10/Chen2021LTD_WRN34_10
    hf:OWNER/NAME?file=wrn.safetensors&architecture=wrn_34_10

Published networks lie where RobustBench keeps them, at ``models/DATASET/Linf/NAME.pt``, or in the folder that the
environment variable ``ROBUSTILL_MODELS`` names instead of ``models``. They are downloaded if they are not there.
:func:`find_preset` says what is known of one. Its normalisation is in no file and comes with the name:

>>> from robustill.teachers import find_preset
>>> preset = find_preset("cifar100/Wang2023Better_WRN-28-10")
>>> preset.architecture, preset.constants.mean, preset.clean, preset.autoattack
('dm_wrn_28_10', (0.5071, 0.4865, 0.4409), 72.58, 38.83)

Containers and prefixes of names, which every repository has of its own, are undone
(:mod:`robustill.teachers.containers`); everything else must agree exactly. Nothing that a file says is executed, unless
``ROBUSTILL_UNSAFE_PICKLE=1`` allows it.

Whether a teacher is what it should be, :func:`check_teacher` finds out before hours are spent on it: accuracies against
those known, whether it is normalised as it was trained, and whether IGDM may read gradients off its outputs:

>>> from robustill.data import load
>>> check = check_teacher("demo", load("demo"), samples=50)
>>> check.wrong, check.linear, check.expected.source
([], True, 'its evaluation')

A teacher is frozen: in eval mode, its parameters without gradients.
"""

from robustill.teachers.check import TeacherCheck, check_teacher
from robustill.teachers.expected import Expected
from robustill.teachers.load import check_fits, list_teachers, load_teacher
from robustill.teachers.presets import PRESETS, Preset, find_preset

__all__ = [
    "load_teacher",
    "check_teacher",
    "TeacherCheck",
    "Expected",
    "check_fits",
    "list_teachers",
    "find_preset",
    "Preset",
    "PRESETS",
]
