"""FIELDs as ``/describe`` prints them, and two rules of the old runtime about them.

Source: the behavioural contract of OVHcloud's serving-runtime, sections 2 and 3.3.
"""

from collections.abc import Iterable, Sequence
from typing import Final

DYNAMIC: Final = -1

_CHANNELS: Final = {1: ["GRAY_SCALE"], 3: ["RED", "GREEN", "BLUE"]}
_NUMERIC: Final = frozenset({"integer", "long", "float", "double"})


def tensor_field(name: str, tensor_type: str, shape: Sequence[int]) -> dict[str, object]:
    """The FIELD of a tensor that a graph declares.

    Args:
        name: The tensor's name.
        tensor_type: The old runtime's word (contract: Old fields).
        shape: Sizes, -1 where a size is free; ``[]`` for a scalar.
    """
    field: dict[str, object] = {"name": name, "type": tensor_type, "shape": list(shape)}
    transformer = image_transformer(shape)
    if transformer is not None and tensor_type in _NUMERIC:
        field["image_transformer"] = transformer
    return field


def image_transformer(shape: Sequence[int]) -> dict[str, object] | None:
    """How an image is laid out in a tensor of this shape, or None where the old runtime saw no image in it."""
    channel = max((index for index, size in enumerate(shape) if size in _CHANNELS), default=None)
    if channel is None or len(shape) not in (3, 4):
        return None
    words = ["HEIGHT", "WIDTH"] if len(shape) == 3 else ["BATCH_SIZE", "HEIGHT", "WIDTH"]
    words.insert(channel, "CHANEL")
    return {"image_shape": words, "property_chanel": list(_CHANNELS[shape[channel]])}


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
