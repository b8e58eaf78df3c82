"""Emotions of a face: one spelling for all datasets, and the order in which each publishes them."""

from collections.abc import Sequence

from mtlcli.io.column import Column

#: FER+ (Barsoum et al., ICMI 2016).
EIGHT = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt",
)  # fmt: skip
#: FER2013, ExpW; and SFEW, whose folders have no order of their own.
SEVEN = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
#: RAF-DB, which counts from 1.
RAF = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")

_OTHER_WORDS = {
    "angry": "anger", "disgusted": "disgust", "fearful": "fear", "afraid": "fear",
    "happy": "happiness", "joy": "happiness", "sad": "sadness", "surprised": "surprise",
}  # fmt: skip


def column(order: Sequence[str]) -> Column:
    """The label column ``emotion``."""
    return Column("classification", classes=tuple(order))


def named(text: str, order: Sequence[str], first: int = 0) -> str:
    """The emotion that a number or a word stands for; nothing where it is none of the order.

    :param first: what the dataset's first emotion has for a number.
    """
    word = text.strip().lower()
    if word.isascii() and word.isdigit():
        index = int(word) - first if len(word) < 4 else -1
        return order[index] if 0 <= index < len(order) else ""
    word = _OTHER_WORDS.get(word, word)
    return word if word in order else ""
