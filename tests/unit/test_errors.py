"""A fault says what, where and what next, and ends the command with the exit code of its kind."""

import pytest

from mtlcli import errors
from mtlcli.errors import MtlError

CODES = {
    errors.MtlError: 1,
    errors.UsageError: 2,
    errors.DataError: 3,
    errors.MissingError: 4,
    errors.PartialError: 5,
    errors.GateError: 6,
    errors.StoppedError: 130,
}


def test_every_kind_of_fault_has_the_exit_code_of_the_specification() -> None:
    kinds = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, MtlError)]
    assert {kind: kind.exit_code for kind in kinds} == CODES


@pytest.mark.parametrize(
    ("where", "hint", "text"),
    [
        (None, None, "it broke"),
        ("a.csv:3", None, "it broke\n  where: a.csv:3"),
        (None, "mtl doctor", "it broke\n  next:  mtl doctor"),
        (7, "mtl doctor", "it broke\n  where: 7\n  next:  mtl doctor"),
    ],
)
def test_the_message_holds_what_where_and_next(where: object, hint: str | None, text: str) -> None:
    assert str(MtlError("it broke", where=where, hint=hint)) == text
