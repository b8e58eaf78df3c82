"""Which files of a folder are pictures, by their names."""

import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def is_picture(name: str) -> bool:
    """Whether a file is a picture by its name; hidden files are not."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def pictures(folder: Path) -> list[Path]:
    """All pictures in a folder and below it, in a stable order."""
    return sorted(folder / name for name in _walk(folder))


def _walk(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        below = os.path.relpath(parent, folder)
        yield from (os.path.normpath(os.path.join(below, n)) for n in names if is_picture(n))
