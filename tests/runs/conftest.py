"""A fused checkpoint for whole commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def fused(parents: dict[str, Path], mtl: Callable[..., Any], workdir: Path) -> Path:
    """``nddr.st`` in ``workdir``, whose parents lie where they were."""
    result = mtl("fuse", parents["gender"], parents["age"], "--device", "cpu", "-o", "nddr")
    assert result.code == 0, result.err
    return workdir / "nddr.st"
