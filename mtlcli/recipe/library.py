"""Find recipes: a path, or the name of one that is shipped (``utkface/nddr``)."""

from collections.abc import Iterator
from pathlib import Path

import mtlcli
from mtlcli.errors import UsageError
from mtlcli.registry import suggest

SUFFIXES = (".toml", ".yaml", ".yml")


def _homes() -> list[Path]:
    package = Path(mtlcli.__file__).parent
    # beside the package in a source tree, inside it in a wheel
    return [h for h in (package.parent / "recipes", package / "recipes") if h.is_dir()]


def shipped() -> dict[str, Path]:
    """Name → file of every recipe that comes with ``mtl``."""
    found = {
        str(path.relative_to(home).with_suffix("")): path
        for home in reversed(_homes())
        for path in sorted(home.rglob("*.toml"))
    }
    return dict(sorted(found.items()))


def _candidates(name: str) -> Iterator[Path]:
    path = Path(name)
    yield path
    if path.suffix not in SUFFIXES:
        yield from (path.with_name(path.name + suffix) for suffix in SUFFIXES)


def find(name: str) -> Path:
    """The file of a recipe given by path or by name; a path in the current folder goes first.

    :raises UsageError: there is none.
    """
    for path in _candidates(name):
        if path.is_file():
            return path
    library = shipped()
    if name in library:
        return library[name]
    raise UsageError(
        f"there is no recipe {name!r}, neither as a file nor as a shipped name",
        hint=suggest(name, list(library)) + " (all: `mtl recipes ls`)",
    )


def title(path: Path) -> str:
    """A recipe's name: ``utkface/nddr`` for a shipped one, else the file's stem."""
    for name, known in shipped().items():
        if known == path:
            return name
    return path.stem
