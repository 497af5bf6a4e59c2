"""Which tensors are images: the old runtime's rule on shapes, and where height, width and channels lie."""

from dataclasses import dataclass
from typing import Final

from migrate.server.model import Field
from migrate.server.tensors import Shape

BATCH: Final = "BATCH_SIZE"
HEIGHT: Final = "HEIGHT"
WIDTH: Final = "WIDTH"
CHANNEL: Final = "CHANEL"
GRAY: Final = ("GRAY_SCALE",)
RGB: Final = ("RED", "GREEN", "BLUE")


@dataclass(frozen=True, slots=True)
class Layout:
    """The meaning of each axis, and the channels in their order (the old runtime's words)."""

    axes: tuple[str, ...]
    channels: tuple[str, ...]

    def size(self, shape: Shape, axis: str) -> int:
        """The dimension of an axis."""
        return shape[self.axes.index(axis)]


def layout_of_shape(shape: Shape) -> Layout | None:
    """The layout of a shape, or None when it is no image.

    The channel is the last dimension that is 1 or 3; the others are batch, height and width in order.
    """
    places = [place for place, dim in enumerate(shape) if dim in {1, 3}]
    if len(shape) not in {3, 4} or not places:
        return None
    names = [HEIGHT, WIDTH] if len(shape) == 3 else [BATCH, HEIGHT, WIDTH]
    names.insert(places[-1], CHANNEL)
    return Layout(tuple(names), GRAY if shape[places[-1]] == 1 else RGB)


def declared_layout(field: Field) -> Layout | None:
    """The layout that a field declares (``image_transformer``)."""
    transformer = field.image_transformer
    return None if transformer is None else Layout(transformer.image_shape, transformer.property_chanel)


def answer_layout(field: Field | None, shape: Shape) -> Layout | None:
    """How a tensor of an answer is drawn: by its declared form where it has one, else by its actual shape."""
    if field is None or field.shape is None or len(field.shape) != len(shape):
        return layout_of_shape(shape)
    return declared_layout(field) or layout_of_shape(field.shape)
