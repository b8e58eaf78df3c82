"""The cells of attribute columns, and the attributes that datasets have in common."""

from collections.abc import Iterable, Mapping, Sequence

from mtlcli.errors import DataError
from mtlcli.io.column import ABSENT, GAP, PRESENT, Column
from mtlcli.registry import suggest

#: CelebA's 40 attributes in the order of its file, by the part of the face they are about. The
#: groups are ours: CelebA (Liu et al. 2015) has none.
CELEBA_GROUPS = {
    "hair": "Bald Bangs Black_Hair Blond_Hair Brown_Hair Gray_Hair Receding_Hairline Straight_Hair "
    "Wavy_Hair",
    "eyes": "Arched_Eyebrows Bags_Under_Eyes Bushy_Eyebrows Narrow_Eyes",
    "nose": "Big_Nose Pointy_Nose",
    "mouth": "Big_Lips Mouth_Slightly_Open Smiling",
    "beard": "5_o_Clock_Shadow Goatee Mustache No_Beard Sideburns",
    "face": "Chubby Double_Chin High_Cheekbones Oval_Face Pale_Skin Rosy_Cheeks",
    "worn": "Eyeglasses Heavy_Makeup Wearing_Earrings Wearing_Hat Wearing_Lipstick "
    "Wearing_Necklace Wearing_Necktie",
    "whole": "Attractive Blurry Male Young",
}
#: CelebA's order is that of the alphabet.
CELEBA_NAMES = tuple(sorted(" ".join(CELEBA_GROUPS.values()).split()))


def cell(values: Iterable[bool | None]) -> str:
    """One row's attributes as the cell that the dataset folder holds; None is a gap."""
    return "".join(GAP if value is None else PRESENT if value else ABSENT for value in values)


def grouped(groups: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
    """The group of each name.

    :param groups: group → the names in it, with spaces between; each name in one group.
    :raises DataError: a name is in none.
    """
    of = {name: group for group, members in groups.items() for name in members.split()}
    for name in names:
        if name not in of:
            raise DataError(f"{name!r} is no attribute that is known", hint=suggest(name, list(of)))
    return tuple(of[name] for name in names)


def column_of(groups: Mapping[str, str]) -> Column:
    """A column of the attributes of all groups, one group after another."""
    names = tuple(" ".join(groups.values()).split())
    return Column("attributes", classes=names, groups=grouped(groups, names))
