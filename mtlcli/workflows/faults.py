"""Faults of torch in words of the recipe."""

from mtlcli.errors import UsageError


def explain(fault: BaseException) -> None:
    """Faults of torch that the recipe can mend.

    :raises UsageError: a part of a batch is too small for batch norm.
    """
    if isinstance(fault, ValueError) and "more than 1 value per channel" in str(fault):
        raise UsageError(
            "batch norm cannot be trained on a part of a batch with one picture only",
            hint="raise train.batch, or lower train.accumulate; on several ranks set train.sync_bn",
        ) from fault
