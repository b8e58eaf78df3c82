"""Names travel, numbers never: each order gives its own numbers the one spelling of all."""

import pytest

from mtlcli.data.preparers import emotions


def test_all_orders_share_one_spelling() -> None:
    assert set(emotions.SEVEN) == set(emotions.RAF) == set(emotions.EIGHT) - {"contempt"}
    assert emotions.column(emotions.RAF).classes == emotions.RAF


@pytest.mark.parametrize(
    ("text", "order", "first", "name"),
    [
        ("0", emotions.SEVEN, 0, "anger"),
        ("0", emotions.EIGHT, 0, "neutral"),
        ("1", emotions.RAF, 1, "surprise"),
        ("7", emotions.RAF, 1, "neutral"),
        ("0", emotions.RAF, 1, ""),
        ("7", emotions.SEVEN, 0, ""),
        ("Angry", emotions.SEVEN, 0, "anger"),
        (" happy ", emotions.SEVEN, 0, "happiness"),
        ("sadness", emotions.RAF, 1, "sadness"),
        ("contempt", emotions.EIGHT, 0, "contempt"),
        ("contempt", emotions.SEVEN, 0, ""),
        ("²", emotions.SEVEN, 0, ""),
        ("-1", emotions.SEVEN, 0, ""),
        ("9" * 5000, emotions.SEVEN, 0, ""),
        ("", emotions.SEVEN, 0, ""),
    ],
)
def test_a_number_or_a_word(text: str, order: tuple[str, ...], first: int, name: str) -> None:
    assert emotions.named(text, order, first) == name
