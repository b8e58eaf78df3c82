"""The forms of single values in a recipe: ranges of numbers, sizes of pictures."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, WrapValidator

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Enlarging = Annotated[float, Field(ge=0.1, le=10)]
Pixels = Annotated[int, Field(ge=8, le=4096)]


def _one_of(words: str) -> WrapValidator:
    """One message for a value that is none of several forms."""

    def check(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(f"takes {words}") from None

    return WrapValidator(check)


Size = Annotated[
    Pixels | tuple[Pixels, Pixels] | Literal["native"],
    _one_of('8 to 4096 pixels a side, [height, width] or "native"'),
]
Crop = Annotated[
    Pixels | tuple[Pixels, Pixels] | None, _one_of("8 to 4096 pixels a side, or [height, width]")
]
Share = Annotated[
    Literal["proportional", "equal"] | Annotated[float, Field(ge=1)],
    _one_of('"proportional", "equal" or a temperature of at least 1'),
]
#: what is meant where several datasets name different classes for one task.
ClassChoice = Literal["same", "union", "common"]
