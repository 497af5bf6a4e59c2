"""The body of an answer in the form that the Accept header asks for."""

from collections.abc import Mapping

from migrate.server.errors import bad_request
from migrate.server.layouts import answer_layout
from migrate.server.model import Field
from migrate.server.negotiation import Form, MediaType
from migrate.server.rendering import html, json, multipart
from migrate.server.rendering.image import encode, images_of
from migrate.server.rendering.tensor import rendered
from migrate.server.tensors import Array, simplified


def render_answer(
    tensors: Mapping[str, Array],
    fields: Mapping[str, Field],
    accept: MediaType,
    *,
    simplify: bool,
    form: Form = "named",
) -> tuple[bytes, bytes]:
    """The body and its Content-Type.

    Args:
        tensors: The answer, in the order of its keys.
        fields: The declared fields by name; a column of a field is none.
        accept: One of the produced media types, with its parameters.
        simplify: Whether dimensions of size 1 are dropped; images keep theirs.
        form: That of JSON: tensors by their names, or as TensorFlow Serving answers the form of the request.

    Raises:
        migrate.server.errors.HttpError: 400, when the answer has no such form.
    """
    if accept.name == "application/json":
        if form == "rows":
            return json.render_predictions(tensors), json.MEDIA_TYPE
        if form == "columns":
            return json.render_outputs(tensors), json.MEDIA_TYPE
        shown = {name: simplified(data) for name, data in tensors.items()} if simplify else tensors
        return json.render(shown), json.MEDIA_TYPE
    if accept.name == "text/html":
        return html.render(rendered(tensors, fields, accept, simplify=simplify)), html.MEDIA_TYPE
    if accept.name == "multipart/form-data":
        return multipart.render(rendered(tensors, fields, accept, simplify=simplify))
    return _single_image(tensors, fields, accept.name), accept.name.encode()


def _single_image(tensors: Mapping[str, Array], fields: Mapping[str, Field], media_type: str) -> bytes:
    if len(tensors) != 1:
        raise bad_request(f"Unable to convert several tensors ([{', '.join(tensors)}]) into a single image...")
    name, data = next(iter(tensors.items()))
    images = images_of(name, data, answer_layout(fields.get(name), data.shape))
    if len(images) != 1:
        raise bad_request(f"Unable to convert a batch of {len(images)} images into a single image...")
    return encode(images[0], media_type)
