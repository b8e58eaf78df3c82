"""Find recipes: a path, or the name of one that is shipped (``utkface/nddr``)."""

from collections.abc import Iterator
from pathlib import Path

import mtlcli
from mtlcli.errors import UsageError
from mtlcli.registry import suggest

SUFFIXES = (".toml", ".yaml", ".yml")
#: where the sweeps stand among the recipes.
SHELF = "sweeps/"


def _home() -> Path:
    package = Path(mtlcli.__file__).parent
    inside = package / "recipes"  # in a wheel; in a source tree they stand beside the package
    return inside if inside.is_dir() else package.parent / "recipes"


def _everything() -> dict[str, Path]:
    home = _home()
    files = sorted(home.rglob("*.toml"))
    return {path.relative_to(home).with_suffix("").as_posix(): path for path in files}


def shipped() -> dict[str, Path]:
    """Name → file of every recipe that comes with ``mtl``."""
    return {name: path for name, path in _everything().items() if not name.startswith(SHELF)}


def sweeps() -> dict[str, Path]:
    """Name → file of every sweep that comes with ``mtl``."""
    every = _everything().items()
    return {name.removeprefix(SHELF): path for name, path in every if name.startswith(SHELF)}


def _candidates(path: Path) -> Iterator[Path]:
    yield path
    if path.name and path.suffix not in SUFFIXES:
        yield from (path.with_name(path.name + suffix) for suffix in SUFFIXES)


def find(name: str, beside: Path | None = None) -> Path:
    """The file of a recipe given by path or by name; a path in the current folder goes first.

    :param beside: a recipe that names this one; before all, the path is relative to it.
    :raises UsageError: there is none.
    """
    folders = [Path()] if beside is None else [beside.parent, Path()]
    for path in (path for folder in folders for path in _candidates(folder / name)):
        if path.is_file():
            return path
    library = _everything()
    if name in library:
        return library[name]
    names = list(shipped())
    families = ", ".join(dict.fromkeys(known.partition("/")[0] for known in names))
    raise UsageError(
        f"there is no recipe {name!r}, neither as a file nor as a shipped name",
        hint=suggest(name, names, f"they are for {families}") + " (all: `mtl recipes ls`)",
    )


def title(path: Path) -> str:
    """A recipe's name: ``utkface/nddr`` for a shipped one, else the file's stem."""
    path = path.resolve()
    for name, known in _everything().items():
        if known.resolve() == path:
            return name
    return path.stem
