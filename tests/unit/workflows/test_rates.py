"""A recipe's rates and schedule."""

from mtlcli.recipe.schema import TrainSpec
from mtlcli.workflows.rates import rates, schedule


def test_schedules_and_rates_are_counted_in_steps() -> None:
    spec = TrainSpec(warmup=0.5, drop_every=2, schedule="step", last_lr=10.0, fusion_lr=100.0)
    falling = schedule(spec, steps_per_epoch=10, epochs=4)
    assert (falling.total, falling.warmup, falling.drop_every) == (40, 5, 20)
    assert schedule(TrainSpec(steps=7), 10, 1).total == 7
    found = rates(spec)
    assert (found.fusion, found.last, found.last_bias) == (100, 10, 10)
    assert rates(TrainSpec(last_lr=10.0, last_bias_lr=20.0)).last_bias == 20
