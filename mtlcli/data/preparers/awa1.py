"""Animals with Attributes 1, for those who still have its pictures."""

from pathlib import Path
from typing import ClassVar, Literal

from mtlcli.data.preparers.awa import Awa2


class Awa1(Awa2):
    """Animals with Attributes 1: 85 attributes of 50 animals; its pictures are no longer given out.

    Form, attributes and classes are those of AwA2, and so are the ways to split: see
    ``mtl prepare awa2 -h``.

    :param split: ``image`` cuts the pictures, ``unseen`` and ``proposed`` the animals.
    """

    title: ClassVar[str] = "Animals with Attributes 1: 85 attributes of 50 animals"
    needs: ClassVar[str] = "an old copy with its 30,475 pictures: --root DIR"
    examples: ClassVar[tuple[str, ...]] = (
        "--root Animals_with_Attributes",
        "--root Animals_with_Attributes --split proposed -o data/awa-proposed",
    )
    recipe: ClassVar[str] = ""  # it writes its own

    def __init__(
        self,
        root: Path | None,
        out: Path,
        *,
        split: Literal["image", "unseen", "proposed"] = "image",
    ) -> None:
        super().__init__(root, out, split=split)
