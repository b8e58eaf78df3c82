"""What a user may write in a recipe: every key, its meaning, its default; others are refused."""

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from mtlcli.recipe.parts import Spec as Spec
from mtlcli.recipe.parts import as_part as as_part
from mtlcli.recipe.parts import as_parts as as_parts
from mtlcli.recipe.pictures import AugmentSpec as AugmentSpec
from mtlcli.recipe.pictures import InputSpec as InputSpec
from mtlcli.recipe.pictures import StrongSpec as StrongSpec
from mtlcli.recipe.tables import Strict, Table
from mtlcli.recipe.training import BatchesSpec as BatchesSpec
from mtlcli.recipe.training import TrainSpec as TrainSpec
from mtlcli.recipe.training import UnlabelledSpec as UnlabelledSpec
from mtlcli.recipe.values import (
    ClassChoice,
    NonNegative,
)

#: kind of part → the one that is taken where a recipe names none.
PARTS = {
    "architecture": "fused", "backbone": "resnet18", "fusion": "nddr",
    "weighting": "fixed", "aggregator": "sum", "completion": "none",
}  # fmt: skip


def _part(kind: str) -> BeforeValidator:
    return BeforeValidator(lambda value: as_part(value, PARTS[kind]))


NoNull = BeforeValidator(lambda value: {} if value is None else value)


class TaskSpec(Table):
    """One task; further keys are options of its kind."""

    model_config = ConfigDict(extra="allow")

    kind: str = ""
    """A task kind; left out, the one that the dataset gives for the column."""
    column: str = ""
    """The label column; left out, the task's name."""
    classes: ClassChoice = "same"
    """Where datasets differ in them: ``union`` learns all, ``common`` those that every one has."""

    @property
    def options(self) -> dict[str, Any]:
        """The options of the kind."""
        return dict(self.model_extra or {})


class ModelSpec(Strict):
    """The network."""

    architecture: Annotated[Spec, _part("architecture")] = Spec(name=PARTS["architecture"])
    """How backbones, fusions and heads are put together; one task: always a single network."""
    backbone: Annotated[Spec, _part("backbone")] = Spec(name=PARTS["backbone"])
    """The backbone of every task."""
    backbones: Annotated[dict[str, Annotated[Spec, BeforeValidator(as_part)]], NoNull] = Field(
        default={}
    )
    """Backbones of single tasks, where they differ."""
    fusion: Annotated[Spec, _part("fusion")] = Spec(name=PARTS["fusion"])
    """The layer by which the backbones exchange features after each stage."""


def _refuse_idle(changes: AugmentSpec, info: ValidationInfo, whose: str = "") -> None:
    """Refuse changes of pictures that would never be made."""
    look: InputSpec = info.data.get("input", InputSpec())  # left out where it is itself wrong
    fault = changes.fault(parts=look.crop is not None)
    if fault:
        raise ValueError(whose + fault)


class Recipe(Strict):
    """Everything about one experiment."""

    extends: str = ""
    """Another recipe whose values hold where this one says nothing."""
    about: str = ""
    """One sentence for ``mtl recipes ls``."""
    data: tuple[str, ...] = ()
    """Dataset folders; several are one experiment with each row labelled for some tasks only."""
    tasks: Annotated[dict[str, TaskSpec], NoNull] = Field(default={})
    """Task name → its settings."""
    loss: Annotated[dict[str, NonNegative], NoNull] = Field(default={})
    """Task name → factor of its loss."""
    input: InputSpec = InputSpec()
    augment: AugmentSpec = AugmentSpec()
    model: ModelSpec = ModelSpec()
    weighting: Annotated[Spec, _part("weighting")] = Spec(name=PARTS["weighting"])
    """How the losses of the tasks become one."""
    aggregator: Annotated[Spec, _part("aggregator")] = Spec(name=PARTS["aggregator"])
    """How the gradients of the tasks become one; ``sum``: one backward pass for all."""
    gradients: Literal["parameters", "features"] = "parameters"
    """Where an aggregator sees them: at the shared parameters, or (cheap) the last features."""
    batches: BatchesSpec = BatchesSpec()
    completion: Annotated[Spec, _part("completion")] = Spec(name=PARTS["completion"])
    """What stands in for missing labels; ``none``: they are masked."""
    unlabelled: UnlabelledSpec = UnlabelledSpec()
    regularisers: Annotated[tuple[Spec, ...], BeforeValidator(as_parts)] = ()
    """Penalties beside the losses, each with its ``strength``; of image-level tasks."""
    train: TrainSpec = TrainSpec()

    @field_validator("data", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("augment")
    @classmethod
    def _of_parts_or_wholes(cls, augment: AugmentSpec, info: ValidationInfo) -> AugmentSpec:
        _refuse_idle(augment, info)
        return augment

    @field_validator("unlabelled")
    @classmethod
    def _strong_of_parts_or_wholes(
        cls, unlabelled: UnlabelledSpec, info: ValidationInfo
    ) -> UnlabelledSpec:
        _refuse_idle(unlabelled.strong, info, "strong: ")
        return unlabelled

    @field_validator("tasks")
    @classmethod
    def _names(cls, tasks: dict[str, TaskSpec]) -> dict[str, TaskSpec]:
        for name in tasks:
            if not name.isidentifier():
                raise ValueError(f"task name {name!r} must consist of letters, digits and _")
        return tasks

    def plain(self) -> dict[str, Any]:
        """As plain values (JSON, TOML), every key resolved."""
        return self.model_dump(mode="json", exclude={"extends"})
