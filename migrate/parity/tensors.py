"""Tensors as JSON has them: nested lists, read into a shape and a flat list."""

from typing import Final

from msgspec import Struct

MAXIMUM_RANK: Final = 64


class Tensor(Struct, frozen=True):
    """Sizes of the dimensions, outermost first, and the values in row-major order."""

    shape: tuple[int, ...]
    values: list[object]

    def squeezed(self) -> "Tensor":
        """Without dimensions of size 1, as ``/eval`` answers."""
        return Tensor(tuple(size for size in self.shape if size != 1), self.values)

    def index_of(self, position: int) -> tuple[int, ...]:
        """The index of a value by its position in ``values``."""
        found: list[int] = []
        for size in reversed(self.shape):
            position, at = divmod(position, size)
            found.append(at)
        return tuple(reversed(found))


def read_tensor(value: object) -> Tensor | None:
    """The tensor in a JSON value; None when its lists are ragged or hold objects."""
    shape: list[int] = []
    level: list[object] = [value]
    while level and isinstance(level[0], list):
        size = len(level[0])
        below: list[object] = []
        for item in level:
            if not isinstance(item, list) or len(item) != size:
                return None
            below += item
        shape.append(size)
        level = below
        if len(shape) > MAXIMUM_RANK:
            return None
    if any(isinstance(item, list | dict) for item in level):
        return None
    return Tensor(tuple(shape), level)
