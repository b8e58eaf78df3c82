"""A line of Adience's ``fold_N_data.txt``."""

import re
from dataclasses import dataclass

from mtlcli.data.preparers.imdb_raw import unsafe

_GROUPS = ((0, 2), (4, 6), (8, 12), (15, 20), (25, 32), (38, 43), (48, 53), (60, 100))
#: the eight age groups, by name.
AGES = tuple(f"{low}-{high}" for low, high in _GROUPS)
_GENDERS = {"f": "female", "m": "male", "u": "", "": ""}
_RANGE = re.compile(r"\(?\s*(\d{1,3})\s*(?:,\s*(\d{1,3})\s*)?\)?", re.ASCII)
_FIELDS = 5
_NAME = re.compile(r"[^/\\\0]+")


@dataclass(frozen=True)
class Line:
    """One face.

    :param user: the subject.
    :param gender: ``female``, ``male`` or nothing.
    :param age: one of :data:`AGES`, or nothing.
    :param odd: an age that is none of the groups and was left out.
    """

    user: str
    image: str
    face: str
    gender: str
    age: str
    odd: str = ""


def parse(text: str, *, near: bool = False) -> Line | str | None:
    """The face of a line, what is wrong with it, or None for the header.

    :param near: give ages beside the groups to the nearest one.
    """
    fields = [field.strip() for field in text.split("\t")]
    if fields[:3] == ["user_id", "original_image", "face_id"]:
        return None
    if len(fields) < _FIELDS:
        return f"a line has user, image, face, age and gender, with tabs between: {text[:60]}"
    user, image, face, age, gender = fields[:_FIELDS]
    if not all(_NAME.fullmatch(part) for part in (user, image, face)) or unsafe(f"{user}/{image}"):
        return f"its file name leaves the folder of the pictures: {user[:40]}/{image[:40]}"
    if gender not in _GENDERS:
        return f"a gender is f, m or u: {gender[:20]}"
    known = age not in ("None", "")
    if known and not _RANGE.fullmatch(age):
        return f"an age is (25, 32), 35 or None: {age[:20]}"
    group = group_of(age, near=near)
    return Line(user, image, face, _GENDERS[gender], group, age if known and not group else "")


def group_of(age: str, *, near: bool) -> str:
    """The age group of ``(25, 32)`` or ``35``; nothing where it is none.

    :param near: the group in which the middle of the age lies, or the one that is nearest to it;
        nothing where two are as near.
    """
    found = _RANGE.fullmatch(age)
    if not found:
        return ""
    low, high = int(found[1]), int(found[2] or found[1])
    if (low, high) in _GROUPS:
        return AGES[_GROUPS.index((low, high))]
    if not near:
        return ""
    middle = (low + high) / 2
    gaps = [max(first - middle, middle - last, 0) for first, last in _GROUPS]
    return AGES[gaps.index(min(gaps))] if gaps.count(min(gaps)) == 1 else ""
