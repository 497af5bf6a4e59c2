"""How each tensor of an answer is shown in HTML and multipart: as JSON, or as image files."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from migrate.server.layouts import Layout, answer_layout
from migrate.server.model import Field
from migrate.server.negotiation import MediaType
from migrate.server.rendering.image import encode, images_of
from migrate.server.tensors import Array, simplified


class Form(Enum):
    """The media type of a tensor."""

    JSON = "application/json"
    PNG = "image/png"
    JPEG = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A tensor with its form; ``data`` is simplified where it is shown as JSON, and never where it is an image."""

    name: str
    data: Array
    form: Form
    layout: Layout | None

    def files(self) -> list[bytes]:
        """Its image files, one for each of a batch.

        Raises:
            migrate.server.errors.HttpError: 400, when the tensor is no image.
        """
        return [encode(image, self.form.value) for image in images_of(self.name, self.data, self.layout)]


def rendered(
    tensors: Mapping[str, Array], fields: Mapping[str, Field], accept: MediaType, *, simplify: bool
) -> list[Rendered]:
    """The tensors with their forms.

    An Accept parameter named like a tensor (in any case) decides; without one, whatever has the shape of an image is
    shown as one.
    """
    found = []
    for name, data in tensors.items():
        layout = answer_layout(fields.get(name), data.shape)
        form = _form(accept.parameter(name.lower()), layout, data)
        shown = simplified(data) if simplify and form is Form.JSON else data
        found.append(Rendered(name, shown, form, layout))
    return found


def _form(asked: str | None, layout: Layout | None, data: Array) -> Form:
    if asked is not None:
        return {"image/png": Form.PNG, "image/*": Form.PNG, "image/jpeg": Form.JPEG}.get(asked.lower(), Form.JSON)
    drawable = layout is not None and data.ndim == len(layout.axes) and data.size > 0 and data.dtype.kind != "O"
    return Form.PNG if drawable else Form.JSON
