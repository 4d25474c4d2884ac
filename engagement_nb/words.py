"""Numbers and lists as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10

_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
          "eleven", "twelve")  # fmt: skip


def number(value: float) -> str:
    """A count with thousands separators and a true minus: ``−94,817``."""
    return f"{value:,.0f}".replace("-", "−")


def span(least: float, most: float) -> str:
    """A count that is not known exactly: ``2 to 1,773``, or one number if both are equal."""
    return number(least) if least == most else f"{number(least)} to {number(most)}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage; never rounded to 0 or 100 unless it is."""
    if share is None or share != share:
        return "unknown"
    text = f"{share * 100:.{digits}f}"
    floor = 10.0**-digits
    if share > 0 and float(text) == 0:
        return f"under {floor:g} %"
    if share < 1 and float(text) == 100:
        return f"over {100 - floor:g} %"
    return f"{text} %".replace("-", "−")


def spelled(count: int) -> str:
    """A small count as a word, a larger one in digits."""
    return _SMALL[count] if 0 <= count < len(_SMALL) else number(count)


def listed(names: Sequence[str], last: str = "and") -> str:
    """Names as a list in a sentence: ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: ``1 Tweet``, ``1,780 Tweets``."""
    return f"{number(count)} {noun if count == 1 else plural or noun + 's'}"


def having(count: int, noun: str = "Tweet", verbs: tuple[str, str] = ("has", "have")) -> str:
    """A count with its noun and a verb: ``1 Tweet has``, ``1,780 Tweets have``."""
    return f"{counted(count, noun)} {verbs[count != 1]}"


def interval(low: float | None, high: float | None) -> str:
    """An interval of shares: ``24.3–30.1 %``; more digits where one would say 0.0 to 0.0."""
    if low is None or high is None:
        return "not known"
    digits = max(1, min(6, ceil(-log10(high * 100)))) if high > 0 else 1
    return f"{low * 100:.{digits}f}–{high * 100:.{digits}f} %".replace("-", "−")


def sentence(text: str) -> str:
    """A text that begins with a capital letter."""
    return text[:1].upper() + text[1:]
