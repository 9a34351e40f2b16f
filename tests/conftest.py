"""What every test shares: checked shapes, one thread, and small networks."""

import jaxtyping
import pytest
import torch
from hypothesis import settings

import tests.typecheck  # noqa: F401  # the hook finds it as an attribute of the package

jaxtyping.install_import_hook("robustill", "tests.typecheck.check")  # before anything of the library is imported

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")  # the same examples on every machine, however slow


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small tensors are faster on one thread, and the tests run side by side."""
    torch.set_num_threads(1)
