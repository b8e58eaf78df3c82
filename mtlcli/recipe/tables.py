"""What all tables of a recipe have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Table(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        """A YAML table without keys reads as null."""
        return {} if value is None else value


class Strict(Table):
    model_config = ConfigDict(extra="forbid")
