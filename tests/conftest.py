"""Fixtures that every test may use."""

import os
import random
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Every test starts from the same random state."""
    import torch

    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def shared_data() -> Path:
    """The folder of real pictures, where the checkout has one beside it; else the test is skipped."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MTL_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip("no folder of real pictures (set MTL_TEST_DATA)")
    return folder
