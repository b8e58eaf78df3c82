"""The tables of a recipe about training: batches, unlabelled rows, optimiser and schedule."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from mtlcli.recipe.pictures import StrongSpec
from mtlcli.recipe.tables import Strict
from mtlcli.recipe.values import Fraction, NonNegative, Positive, Share


class BatchesSpec(Strict):
    """How the rows of several datasets become batches."""

    mix: Literal["shuffled", "joint", "alternating"] = "shuffled"
    """All rows shuffled together; rows of every dataset in each batch; or one dataset a batch."""
    share: Share = "proportional"
    """Each dataset's part: ``proportional``, ``equal``, or a temperature τ (n ** (1/τ))."""
    turn: Literal["batch", "epoch"] = "batch"
    """Alternating datasets take turns after each batch, or once an epoch."""
    norms: Literal["common", "per_dataset"] = "common"
    """Batch statistics over all rows, or of each dataset apart (in prediction their mixture)."""


class UnlabelledSpec(Strict):
    """How a task learns from rows that are not labelled for it; see ``completion``."""

    factor: NonNegative = 1.0
    """Of their loss beside the labelled rows'."""
    teacher: Literal["snapshot", "ema"] | tuple[str, ...] = "snapshot"
    """The network as it is then, the average of its weights (``train.ema``), or the checkpoints of
    single-task networks, one per task."""
    after: Annotated[int, Field(ge=0)] = 1
    """Epochs on the given labels alone, before anything is completed."""
    every: Annotated[int, Field(ge=1)] = 3
    """Epochs between two times; each costs about a third of an epoch."""
    strong: StrongSpec = StrongSpec()


class TrainSpec(Strict):
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
    """Steps that may be skipped, since a loss or gradient was not finite, before the run stops."""
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
