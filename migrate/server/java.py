"""Two habits of the Java runtime that clients can see: the order of a HashMap's keys and the text of numbers."""

from collections.abc import Iterable
from functools import lru_cache


def string_hash(text: str) -> int:
    """``String.hashCode``: over UTF-16 units, modulo 2**32."""
    data = text.encode("utf-16-be", "surrogatepass")
    value = 0
    for high, low in zip(data[::2], data[1::2], strict=True):
        value = (31 * value + (high << 8 | low)) & 0xFFFFFFFF
    return value


def hash_order(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once, in the order in which ``java.util.HashMap`` iterates over them as keys."""
    return _hash_order(tuple(dict.fromkeys(names)))


@lru_cache(maxsize=1024)
def _hash_order(names: tuple[str, ...]) -> tuple[str, ...]:
    capacity = 16
    while len(names) > capacity * 3 // 4:
        capacity *= 2

    def bucket(name: str) -> int:
        value = string_hash(name)
        return (value ^ (value >> 16)) & (capacity - 1)

    return tuple(sorted(names, key=bucket))


def number_text(shortest: str) -> str:
    """``Float.toString`` or ``Double.toString`` from the shortest decimal text that round-trips.

    Args:
        shortest: Such as ``1e-05``, ``12345678.0`` or ``-0.0``, in any usual notation.

    Returns:
        Plain with a decimal point for 1e-3 <= abs(x) < 1e7 and for zero, else ``d.dddE[-]n``.
    """
    sign = "-" if shortest.startswith("-") else ""
    mantissa, _, exponent = shortest.lstrip("-").lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if not digits:
        return sign + "0.0"
    if -3 < point <= 7:
        padded = digits if point > 0 else "0" * (1 - point) + digits
        split = max(point, 1)
        return f"{sign}{padded[:split].ljust(split, '0')}.{padded[split:] or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{point - 1}"
