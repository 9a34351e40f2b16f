"""Where a teacher comes from: one text.

    demo             the robust teacher that is shipped with the library, for the embedded images
    run:DIRECTORY    a network that ``robustill train`` made (its best epoch)
    file:PATH        model.safetensors with its config.json, or the folder that holds the two

A teacher is frozen: in eval mode, its parameters without gradients.
"""

from robustill.teachers.load import check_fits, load_teacher

__all__ = ["check_fits", "load_teacher"]
