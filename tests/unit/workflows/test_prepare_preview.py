"""The words below the pictures of a preview."""

from mtlcli.io.column import Column
from mtlcli.workflows.prepare_preview import listed

MANY = Column("attributes", classes=tuple(f"a{i}" for i in range(14)))


def test_the_attributes_that_are_there_are_listed_and_the_rest_counted() -> None:
    assert listed("worn", MANY, "1010?000000000") == ["a0, a2"]
    lines = listed("worn", MANY, "1" * 14)
    assert lines[0] == "a0, a1" and lines[-1] == "and 4 more" and len(lines) == 6


def test_none_and_no_label_differ() -> None:
    assert listed("worn", MANY, "0" * 14) == ["worn none"]
    assert listed("worn", MANY, "") == ["worn -"]
