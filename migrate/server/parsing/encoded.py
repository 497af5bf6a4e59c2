"""Bytes in JSON: ``{"b64": "..."}`` in the place of a value, for pictures and for strings.

The old runtime refused every object in the place of a value, so no request of old is read in another way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from migrate.server.errors import PARSE_FAILURE, bad_request
from migrate.server.layouts import BATCH, Layout, declared_layout
from migrate.server.tensors import BYTES, Tensor

if TYPE_CHECKING:
    from migrate.server.limits import Settings
    from migrate.server.model import Field, Model


def opened(name: str, tensor: Tensor, model: Model, settings: Settings) -> Tensor:
    """The tensor itself, or for one of bytes the pictures or strings that its input takes.

    Raises:
        HttpError: 400, when the input takes no bytes or they do not fit it; 413 for a picture of too many pixels.
    """
    if tensor.type != BYTES:
        return tensor
    field = next((one for one in model.inputs if one.name == name), None)
    layout = None if field is None else declared_layout(field)
    if field is not None and layout is not None:
        return _pictures(tensor, field, layout, settings)
    columns = (index.type or one.type for one in model.inputs for index in one.fields if index.name == name)
    if (next(columns, "") if field is None else field.type) != "string":
        raise bad_request(PARSE_FAILURE, f"{name} takes no bytes: b64 stands for a string, or for a picture")
    # A graph of TensorFlow may take any bytes for a string, such as a picture that it decodes itself.
    return Tensor("string", tensor.data if model.tensorflow is not None else _texts(name, tensor))


def _texts(name: str, tensor: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    texts = np.empty(tensor.data.size, np.object_)
    try:
        texts[:] = [one.decode() for one in tensor.data.flat]
    except UnicodeDecodeError as error:
        raise bad_request(f"Tensor {name} holds bytes that are no text", str(error)) from error
    return texts.reshape(tensor.data.shape)


def _pictures(tensor: Tensor, field: Field, layout: Layout, settings: Settings) -> Tensor:
    from migrate.server.parsing.images import read_picture, tensor_of  # noqa: PLC0415 - most models take none

    if tensor.data.size > 1 and BATCH not in layout.axes:
        raise bad_request(f"Tensor {field.name} takes one picture", f"{tensor.data.size} were sent")
    pictures = [
        read_picture(body, pixel_limit=settings.max_image_pixels, plain_gray=settings.plain_gray)
        for body in tensor.data.flat
    ]
    return tensor_of(pictures, field, layout)
