"""How a recipe names a part of the catalog: by its name, or a table of name and options."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A part of the catalog and its options: ``"resnet18"`` or ``{ name = "resnet18", … }``."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """Everything but the name; checked against the part's constructor."""
        return dict(self.model_extra or {})


def as_part(value: Any, default: str = "") -> Any:
    """``"nddr"`` → ``{name: nddr}``; a table of options alone gets the default's name."""
    if isinstance(value, str):
        return {"name": value}
    if default and isinstance(value, Mapping) and "name" not in value:
        return {"name": default, **value}
    return value


def as_parts(value: Any) -> Any:
    """One part or several, each a name or a table → a list of tables."""
    alone = isinstance(value, str | Mapping)
    several = [value] if alone else value
    return [as_part(x) for x in several] if isinstance(several, list | tuple) else several


def without_weights(options: Mapping[str, Any]) -> dict[str, Any]:
    """A backbone's options without the ``weights`` it began with, also of one inside (``of``)."""
    return {
        key: without_weights(value) if isinstance(value, Mapping) else value
        for key, value in options.items()
        if key != "weights"
    }
