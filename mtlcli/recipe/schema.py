"""What a user may write in a recipe: every key, its meaning, its default; others are refused."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mtlcli.recipe.parts import Spec as Spec
from mtlcli.recipe.parts import as_part as as_part
from mtlcli.recipe.parts import as_parts as as_parts
from mtlcli.recipe.values import (
    ClassChoice,
    Crop,
    Enlarging,
    Fraction,
    NonNegative,
    Positive,
    Share,
    Size,
)

#: kind of part → the one that is taken where a recipe names none.
PARTS = {
    "architecture": "fused", "backbone": "resnet18", "fusion": "nddr",
    "weighting": "fixed", "aggregator": "sum", "completion": "none",
}  # fmt: skip


class _Table(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        """A YAML table without keys reads as null."""
        return {} if value is None else value


class _Strict(_Table):
    model_config = ConfigDict(extra="forbid")


def _part(kind: str) -> BeforeValidator:
    return BeforeValidator(lambda value: as_part(value, PARTS[kind]))


NoNull = BeforeValidator(lambda value: {} if value is None else value)


class TaskSpec(_Table):
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


class InputSpec(_Strict):
    """What the network sees; stored in every checkpoint."""

    model_config = ConfigDict(validate_default=True)

    size: Size = 128
    """Pixels a side, or ``[height, width]``, or ``native``: each picture in its own size."""
    crop: Crop = None
    """Train on parts of this size, cut out of the picture; what is scored is the whole."""
    margin: NonNegative | None = None
    """Added around a box on each side, in box widths; left out, the dataset's."""
    fit: Literal["crop", "squash", "pad"] = "crop"
    """How a picture without a box gets the proportions of ``size``."""
    reduced: bool = False
    """Decode big JPEGs at reduced size: faster, and not the same pixels."""
    frames: Annotated[int, Field(ge=1, le=1024)] = 1
    """Of a clip, which is a folder of frames or a video; 1: a picture."""
    sampling: Literal["spread", "start", "random"] = "spread"
    """Which: spread over the clip, its first, or (training only) a random one of each segment."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Subtracted from the channels (R, G, B), in units of 0..1."""
    std: tuple[Positive, Positive, Positive] = (0.229, 0.224, 0.225)
    """The channels are divided by this."""

    @field_validator("crop")
    @classmethod
    def _needed(cls, crop: Any, info: ValidationInfo) -> Any:
        if crop is None and info.data.get("size") == "native":
            raise ValueError("is needed, since pictures of their own sizes do not make a batch")
        return crop


class AugmentSpec(_Strict):
    """Random changes of training pictures; 0 switches a change off."""

    flip: Fraction = 0.5
    """Probability of a mirror image."""
    scale: tuple[Positive, Positive] = (1.0, 1.0)
    """Side of the view relative to the whole, lowest and highest; without ``input.crop``."""
    shift: Fraction = 0.0
    """Largest shift of the view, in parts of its side; without ``input.crop``."""
    resize: tuple[Enlarging, Enlarging] = (1.0, 1.0)
    """With ``input.crop``: the picture is first enlarged by this factor, lowest and highest."""
    rotate: NonNegative = 0.0
    """Largest rotation, in degrees."""
    brightness: Fraction = 0.0
    """Largest relative change."""
    contrast: Fraction = 0.0
    """Largest relative change."""
    saturation: Fraction = 0.0
    """Largest relative change."""
    gray: Fraction = 0.0
    """Probability of a grayscale picture."""
    erase: Fraction = 0.0
    """Probability of erasing a rectangle (Zhong et al. 2020)."""

    @field_validator("scale", "resize")
    @classmethod
    def _ordered(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if scale[0] > scale[1]:
            raise ValueError("the lowest comes first")
        return scale


class StrongSpec(AugmentSpec):
    """The second view of a picture that completions such as ``fixmatch`` learn from."""

    scale: tuple[Positive, Positive] = (0.6, 1.0)
    """Side of the view relative to the whole, lowest and highest."""
    shift: Fraction = 0.125
    """Largest shift of the view, in parts of its side."""
    brightness: Fraction = 0.5
    """Largest relative change."""
    contrast: Fraction = 0.5
    """Largest relative change."""
    saturation: Fraction = 0.5
    """Largest relative change."""
    gray: Fraction = 0.1
    """Probability of a grayscale picture."""
    erase: Fraction = 0.5
    """Probability of erasing a rectangle."""


class BatchesSpec(_Strict):
    """How the rows of several datasets become batches."""

    mix: Literal["shuffled", "joint", "alternating"] = "shuffled"
    """All rows shuffled together; rows of every dataset in each batch; or one dataset a batch."""
    share: Share = "proportional"
    """Each dataset's part: ``proportional``, ``equal``, or a temperature τ (n ** (1/τ))."""
    turn: Literal["batch", "epoch"] = "batch"
    """Alternating datasets take turns after each batch, or once an epoch."""
    norms: Literal["common", "per_dataset"] = "common"
    """Batch statistics over all rows, or of each dataset apart (in prediction their mixture)."""


class UnlabelledSpec(_Strict):
    """How a task learns from rows that are not labelled for it; see ``completion``."""

    factor: NonNegative = 1.0
    """Of their loss beside the labelled rows'."""
    teacher: Literal["snapshot", "ema"] | tuple[str, ...] = "snapshot"
    """The network as it is then, the average of its weights (``train.ema``), or the checkpoints of
    single-task networks, one per task."""
    after: Annotated[int, Field(ge=0)] = 1
    """Epochs before the teacher is asked for the first time."""
    every: Annotated[int, Field(ge=1)] = 1
    """Epochs between two times."""
    strong: StrongSpec = StrongSpec()


class ModelSpec(_Strict):
    """The network."""

    architecture: Annotated[Spec, _part("architecture")] = Spec(name=PARTS["architecture"])
    """How backbones, fusions and heads are put together; one task: always a single network."""
    backbone: Annotated[Spec, _part("backbone")] = Spec(name=PARTS["backbone"])
    """The backbone of every task."""
    backbones: Annotated[dict[str, Annotated[Spec, BeforeValidator(as_part)]], NoNull] = {}
    """Backbones of single tasks, where they differ."""
    fusion: Annotated[Spec, _part("fusion")] = Spec(name=PARTS["fusion"])
    """The layer by which the backbones exchange features after each stage."""


class TrainSpec(_Strict):
    """How it is trained."""

    epochs: Annotated[int, Field(ge=1)] = 20
    """Passes over the training split."""
    steps: Annotated[int, Field(ge=0)] = 0
    """Optimiser steps; when given, it decides instead of ``epochs``."""
    batch: Annotated[int, Field(ge=1)] = 64
    """Images per optimiser step, over all ranks."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Parts a batch is cut into, to save memory; the result is that of the whole batch."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with momentum, or AdamW."""
    lr: Positive = 0.01
    """Learning rate after warm-up."""
    momentum: Fraction = 0.9
    """Of SGD."""
    nesterov: bool = False
    """Nesterov's form of the momentum."""
    weight_decay: NonNegative = 5e-4
    """L2 (SGD) or decoupled (AdamW) decay."""
    decay_all: bool = False
    """Also decay biases and batch-norm parameters, as older code does."""
    fusion_lr: NonNegative = 1.0
    """Factor on the learning rate of fusions and shortcuts."""
    last_lr: NonNegative = 1.0
    """Factor on the learning rate of the last layer of each head."""
    last_bias_lr: NonNegative | None = None
    """Factor for the biases of the last layers; left out, ``last_lr``."""
    freeze: tuple[str, ...] = ()
    """Parts that learn nothing, nor their batch norms: ``backbones``, ``heads.age``."""
    schedule: Literal["constant", "cosine", "poly", "step"] = "cosine"
    """How the learning rate falls."""
    power: NonNegative = 0.9
    """Of the poly schedule: lr · (1 - t/T) ** power."""
    drop_every: Annotated[int, Field(ge=1)] = 10
    """Of the step schedule: epochs between drops."""
    drop: Fraction = 0.1
    """Of the step schedule: factor at each drop."""
    warmup: NonNegative = 0.0
    """Epochs in which the learning rate rises from 0, a fraction allowed."""
    max_norm: NonNegative = 0.0
    """Gradients are clipped to this norm; 0: not at all."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of an average of the weights that is scored and saved instead; 0: none."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Stop after so many scorings without a better one; 0: never."""
    best: str = ""
    """``task.metric`` that chooses the best checkpoint; left out, the mean over the tasks."""
    score_every: Annotated[int, Field(ge=1)] = 1
    """Epochs between scorings of the val split."""
    save_minutes: NonNegative = 10.0
    """Minutes between restart points inside a long epoch; 0: only at its end."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Decides everything that is random."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """``auto``: bf16 where the hardware has it, else fp32."""
    workers: Annotated[int, Field(ge=0)] | None = None
    """Processes that read pictures; left out, chosen from the machine."""
    channels_last: bool = False
    """Memory format; can be faster."""
    compile: bool = False
    """Use ``torch.compile``."""
    max_skipped: Annotated[int, Field(ge=0)] = 20
    """Steps that may be skipped, since a loss was not finite, before the run stops."""
    look: Annotated[int, Field(ge=0)] = 4
    """Steps of an epoch, at most, in which the tasks' gradients are compared for `mtl report`."""
    sync_bn: bool = False
    """Batch statistics over all ranks."""
    tensorboard: bool = False
    """Also write TensorBoard events (extra ``tensorboard``)."""

    @field_validator("nesterov")
    @classmethod
    def _with_momentum(cls, nesterov: bool, info: ValidationInfo) -> bool:
        if nesterov and info.data.get("momentum") == 0:
            raise ValueError("Nesterov's form needs train.momentum above 0")
        return nesterov

    @field_validator("accumulate")
    @classmethod
    def _parts_of_a_batch(cls, accumulate: int, info: ValidationInfo) -> int:
        if accumulate > info.data.get("batch", accumulate):
            raise ValueError(f"a batch of {info.data['batch']} cannot be cut into so many parts")
        return accumulate


class Recipe(_Strict):
    """Everything about one experiment."""

    extends: str = ""
    """Another recipe whose values hold where this one says nothing."""
    about: str = ""
    """One sentence for ``mtl recipes ls``."""
    data: tuple[str, ...] = ()
    """Dataset folders; several are one experiment with each row labelled for some tasks only."""
    tasks: Annotated[dict[str, TaskSpec], NoNull] = {}
    """Task name → its settings."""
    loss: Annotated[dict[str, NonNegative], NoNull] = {}
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
        look: InputSpec = info.data.get("input", InputSpec())  # left out where it is itself wrong
        parts = look.crop is not None
        whole = augment.scale == (1.0, 1.0) and augment.shift == 0
        if parts and not whole:
            raise ValueError("with input.crop, resize takes the place of scale and shift")
        if not parts and augment.resize != (1.0, 1.0):
            raise ValueError("resize needs input.crop; without it, scale changes the view")
        return augment

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
