"""What a search varies: ranges and lists of values, points in them, and how many go on."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mtlcli.errors import UsageError

_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
_TRIES = 100  # points looked at for each that is wanted
_FORM = "for example --over loss.age=0.1..10:log, or --over train.lr=0.01,0.1"


@dataclass(frozen=True)
class Axis:
    """One key and its values: a list of texts, or a range.

    :param log: points are even on a logarithmic scale.
    """

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False

    def at(self, share: float) -> str:
        """The value at a share of the way, 0 to 1, as text."""
        if self.choices:
            return self.choices[min(int(share * len(self.choices)), len(self.choices) - 1)]
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return f"{math.exp(low + share * (high - low)):.4g}"
        return f"{self.low + share * (self.high - self.low):.4g}"


def parse(text: str) -> Axis:
    """``loss.age=0.1..10:log`` or ``train.lr=0.01,0.1``.

    :raises UsageError: another form, an empty range, a logarithm of 0 or less.
    """
    key, equals, values = text.partition("=")
    if not equals or not key.strip() or not values.strip():
        raise UsageError(f"--over {text!r} is not KEY=VALUES", hint=_FORM)
    if ".." not in values:
        return Axis(key.strip(), tuple(value.strip() for value in values.split(",")))
    span, _, scale = values.partition(":")
    low, _, high = span.partition("..")
    try:
        axis = Axis(key.strip(), (), float(low), float(high), scale == "log")
    except ValueError:
        raise UsageError(f"--over {text!r}: {span!r} is not LOW..HIGH", hint=_FORM) from None
    if scale not in ("", "log", "linear"):
        raise UsageError(f"--over {text!r}: the scale is log or linear, not {scale!r}", hint=_FORM)
    if not axis.low < axis.high:
        raise UsageError(f"--over {text!r}: the lower bound comes first", hint=_FORM)
    if axis.log and axis.low <= 0:
        raise UsageError(f"--over {text!r}: a logarithmic range starts above 0", hint=_FORM)
    return axis


def points(axes: Sequence[Axis], count: int, seed: int = 0) -> list[list[str]]:
    """``KEY=VALUE`` changes of every trial; the first has none: the recipe as it is.

    The others are a Halton sequence (Halton 1960): even over all axes at once, and the same for a
    seed. No two are equal, so there are fewer than ``count`` where lists have not so many values.

    :raises UsageError: more axes than it serves well.
    """
    if len(axes) > len(_PRIMES):
        raise UsageError(f"--over is given {len(axes)} times; at most {len(_PRIMES)} keys")
    start = 2 + 97 * seed  # the very first lies in the middle, where the recipe often is
    found: dict[tuple[str, ...], None] = {}
    for i in range(_TRIES * count):
        if len(found) >= count - 1:
            break
        found[_point(axes, start + i)] = None
    return [[], *map(list, found)]


def _point(axes: Sequence[Axis], number: int) -> tuple[str, ...]:
    return tuple(
        f"{axis.key}={axis.at(_radical_inverse(number, base))}"
        for axis, base in zip(axes, _PRIMES, strict=False)
    )


def _radical_inverse(number: int, base: int) -> float:
    """The digits of ``number`` behind the point, in reverse."""
    found, place = 0.0, 1 / base
    while number:
        number, digit = divmod(number, base)
        found += digit * place
        place /= base
    return found


@dataclass(frozen=True)
class Rung:
    """So many trials at so many epochs."""

    trials: int
    epochs: int


def rungs(trials: int, epochs: int, keep: int) -> list[Rung]:
    """Successive halving (Jamieson & Talwalkar 2016): of each rung the best 1/``keep`` go on.

    :raises UsageError: nothing would be compared.
    """
    if trials < 2:
        raise UsageError("a search needs 2 trials, one of them the recipe itself")
    if keep < 2:
        raise UsageError("--keep is 2 or more: of so many trials one goes on")
    return list(_rungs(trials, epochs, keep))


def _rungs(trials: int, epochs: int, keep: int) -> Iterator[Rung]:
    count = 0
    while trials // keep**count > 1 and epochs // keep**count >= 1:
        count += 1
    for level in range(count):
        left = max(2, trials // keep**level)
        yield Rung(left, max(1, epochs // keep ** (count - 1 - level)))
