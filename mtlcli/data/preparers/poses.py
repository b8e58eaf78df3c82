"""Where a head is turned, in five classes whose names mean the same in all datasets.

Left and right are those of whoever looks at the picture: in ``left`` the nose points to the left
edge. A mirror image therefore swaps them.
"""

from collections.abc import Sequence

from mtlcli.io.column import Column

FRONTAL = "frontal"
LEFT, RIGHT = "left", "right"
LEFT_PROFILE, RIGHT_PROFILE = "left profile", "right profile"
MIRROR = ((LEFT, RIGHT), (LEFT_PROFILE, RIGHT_PROFILE))

_TURNED, _PROFILE = 10, 60  # degrees
_FEWEST = 10  # turned heads with landmarks
_SURE = 0.8  # of them on one side


def column(order: Sequence[str]) -> Column:
    """The label column ``pose``."""
    return Column("classification", classes=tuple(order), mirror=MIRROR)


def of_yaw(yaw: float) -> str:
    """The class of an angle.

    :param yaw: degrees, positive where the nose points to the right edge of the picture.
    """
    if abs(yaw) < _TURNED:
        return FRONTAL
    if abs(yaw) < _PROFILE:
        return RIGHT if yaw > 0 else LEFT
    return RIGHT_PROFILE if yaw > 0 else LEFT_PROFILE


def by_landmarks(answers: Sequence[bool]) -> bool | None:
    """What most of the turned heads say, one answer each; None where too few do, or they differ."""
    yes = sum(answers)
    no = len(answers) - yes
    sure = len(answers) >= _FEWEST and max(yes, no) >= _SURE * len(answers)
    return yes > no if sure else None
