"""A recipe's learning rates and their schedule, as the optimiser takes them."""

from mtlcli.engine.optim import Rates, Schedule
from mtlcli.recipe.schema import TrainSpec


def rates(train: TrainSpec) -> Rates:
    """The recipe's learning rates."""
    bias = train.last_lr if train.last_bias_lr is None else train.last_bias_lr
    return Rates(
        train.lr, train.weight_decay, train.fusion_lr, train.last_lr, bias, train.decay_all
    )


def schedule(train: TrainSpec, steps_per_epoch: int, epochs: int) -> Schedule:
    """The recipe's schedule in steps."""
    return Schedule(
        train.schedule,
        total=train.steps or epochs * steps_per_epoch,
        warmup=round(train.warmup * steps_per_epoch),
        power=train.power,
        drop_every=train.drop_every * steps_per_epoch,
        drop=train.drop,
    )
