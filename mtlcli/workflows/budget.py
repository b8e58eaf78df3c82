"""How long a network was trained, its parents included: what a fair comparison holds equal."""

from collections.abc import Mapping
from typing import Any


def epochs_in(header: Mapping[str, Any]) -> int:
    """Epochs that a checkpoint's weights were trained for, those of its parents included.

    The parents learned side by side, each its own part, so the longest of them counts.
    """
    parents = [int(parent.get("epochs", 0)) for parent in header.get("parents", [])]
    return int(header.get("budget", 0)) + max(parents, default=0)
