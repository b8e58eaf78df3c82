"""The tables of Animals with Attributes, read and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtlcli.data.preparers.attribute_cells import cell, grouped
from mtlcli.errors import DataError

MATRIX = "predicate-matrix-binary.txt"
#: group → attributes (Abdulnabi et al. 2015, Table V). The members of colours, texture, shape and
#: character are printed there (Table I lists 8 colours, Table V counts 9; its means fit 8). Those
#: of the other five are inferred from the order of the attributes and their counts: 18 body parts,
#: 10 activities, 5 behaviours; nutrition and habitat, 12 and 15 in the paper, are 11 and 16 here,
#: since which of them was moved is not said.
GROUPS: dict[str, str] = {
    "colours": "black white blue brown gray orange red yellow",
    "texture": "patches spots stripes furry hairless toughskin",
    "shape": "big small bulbous lean",
    "body parts": "flippers hands hooves pads paws longleg longneck tail chewteeth meatteeth "
    "buckteeth strainteeth horns claws tusks muscle bipedal quadrapedal",
    "activity": "flys hops swims tunnels walks fast slow strong weak agility",
    "behaviour": "smelly active inactive nocturnal hibernate",
    "nutrition": "fish meat plankton vegetation insects forager grazer hunter scavenger skimmer "
    "stalker",
    "habitat": "newworld oldworld arctic coastal desert bush plains forest fields jungle mountains "
    "ocean ground water tree cave",
    "character": "fierce timid smart group solitary nestspot domestic",
}


@dataclass(frozen=True)
class Tables:
    """What the text files say.

    :param classes: the animals, in the order of the matrix's rows; ``+`` stands for a space.
    :param attributes: in the order of its columns.
    :param cells: of each class, one character per attribute.
    """

    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    cells: tuple[str, ...]


def read(root: Path) -> Tables:
    """Read classes, predicates and the binary matrix.

    :raises DataError: one is missing, has a line of another form, or their sizes do not agree.
    """
    classes = _names(root / "classes.txt")
    attributes = _names(root / "predicates.txt")
    try:
        groups_of(attributes)
    except DataError as fault:
        raise DataError(fault.what, where=root / "predicates.txt", hint=fault.hint) from None
    path = root / MATRIX
    rows = [line.split() for line in _lines(path)]
    if len(rows) != len(classes) or any(len(row) != len(attributes) for row in rows):
        widths = sorted({len(row) for row in rows})
        found = f"{len(rows)} rows of {' or '.join(map(str, widths))} values"
        raise DataError(
            f"the matrix has {found}, and there are {len(classes)} classes and "
            f"{len(attributes)} attributes", where=path, hint="fetch the archive again",
        )  # fmt: skip
    return Tables(classes, attributes, tuple(_cell(path, n, row) for n, row in enumerate(rows, 1)))


def groups_of(attributes: Sequence[str]) -> tuple[str, ...]:
    """The group of each attribute.

    :raises DataError: one is not known.
    """
    return grouped(GROUPS, attributes)


def read_test_classes(root: Path, classes: Sequence[str]) -> set[str]:
    """The classes of testclasses.txt; those of trainclasses.txt must be all others.

    :raises DataError: a file is missing, or a class is in both, in none or unknown.
    """
    train, test = (set(_lines(root / f"{part}classes.txt")) for part in ("train", "test"))
    odd = sorted((train & test) | ((train | test) ^ set(classes)))
    if odd:
        raise DataError(
            f"{odd[0]!r} is not in exactly one of trainclasses.txt and testclasses.txt, or not in "
            "classes.txt", where=root, hint="fetch the archive again",
        )  # fmt: skip
    return test


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise DataError(
            f"cannot read {path.name}: {getattr(fault, 'strerror', None) or fault}", where=path,
            hint="it is part of the archive",
        ) from None  # fmt: skip
    return [line.strip() for line in text.splitlines() if line.strip()]


def _names(path: Path) -> tuple[str, ...]:
    """The names in lines ``index name``, counted from 1."""
    names = []
    for number, line in enumerate(_lines(path), 1):
        index, _, name = line.partition("\t")
        if index.strip() != str(number) or not name.strip():
            raise DataError(
                f"{line!r} is not {number}, a tab and a name", where=f"{path}, line {number}"
            )
        names.append(name.strip())
    return tuple(names)


def _cell(path: Path, number: int, row: Sequence[str]) -> str:
    for value in row:
        if value not in ("0", "1"):
            raise DataError(f"{value!r} is neither 0 nor 1", where=f"{path}, line {number}")
    return cell(value == "1" for value in row)
