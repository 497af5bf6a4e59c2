"""Fields as ``/describe`` prints them, and two rules of the old runtime about them.

Source: the behavioural contract of OVHcloud's serving-runtime, sections 2 and 3.3.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from migrate.core.model_json import Colour, Field, ImageTransformer, Layout

DYNAMIC: Final = -1

_CHANNELS: Final[dict[int, tuple[Colour, ...]]] = {1: ("GRAY_SCALE",), 3: ("RED", "GREEN", "BLUE")}
_NUMERIC: Final = frozenset({"integer", "long", "float", "double"})


def tensor_field(name: str, tensor_type: str, shape: Sequence[int]) -> Field:
    """The field of a tensor that a graph declares.

    Args:
        name: The tensor's name.
        tensor_type: The old runtime's word (contract: Old fields).
        shape: Sizes, -1 where a size is free; ``()`` for a scalar.
    """
    transformer = image_transformer(shape) if tensor_type in _NUMERIC else None
    return Field(name, tensor_type, tuple(shape), image_transformer=transformer)


def image_transformer(shape: Sequence[int]) -> ImageTransformer | None:
    """How an image is laid out in a tensor of this shape, or None where the old runtime saw no image in it."""
    channel = max((index for index, size in enumerate(shape) if size in _CHANNELS), default=None)
    if channel is None or len(shape) not in (3, 4):
        return None
    words: list[Layout] = ["HEIGHT", "WIDTH"] if len(shape) == 3 else ["BATCH_SIZE", "HEIGHT", "WIDTH"]
    words.insert(channel, "CHANEL")
    return ImageTransformer(tuple(words), _CHANNELS[shape[channel]])


def java_hash_order(names: Iterable[str]) -> list[str]:
    """The order in which a ``java.util.HashMap`` of these keys is walked: the order of inputs in ``/describe``."""
    listed = list(names)
    capacity = 16
    while len(listed) > capacity * 3 // 4:
        capacity *= 2

    def bucket(name: str) -> int:
        code = 0
        units = name.encode("utf-16-be", "surrogatepass")
        for high, low in zip(units[::2], units[1::2], strict=True):
            code = (31 * code + (high << 8 | low)) & 0xFFFF_FFFF
        return (code ^ code >> 16) & (capacity - 1)

    return sorted(listed, key=bucket)
