"""Answers as a fragment of HTML: a heading for each tensor, then its value, a list, JSON, or its images."""

from base64 import b64encode
from html import escape
from typing import Final

from migrate.server.rendering.json import leaf_texts, tensor_text
from migrate.server.rendering.tensor import Form, Rendered
from migrate.server.tensors import Array

MEDIA_TYPE: Final = b"text/html;charset=utf-8"


def render(tensors: list[Rendered]) -> bytes:
    """The fragment; everything of the model's or the caller's is escaped."""
    return "".join(f"<h1>{_safe(item.name)}</h1>{_body(item)}" for item in tensors).encode("utf-8", "replace")


def _body(item: Rendered) -> str:
    if item.form is Form.JSON:
        return _value(item.data)
    return "".join(
        f'<img id="ItemPreview" src="data:{item.form.value};base64,{b64encode(content).decode()}">'
        for content in item.files()
    )


def _value(data: Array) -> str:
    if data.ndim == 0:
        return f"<p>{_safe(leaf_texts(data)[0])}</p>"
    if data.ndim == 1:
        return "<ul>" + "".join(f"<li>{_safe(text)}</li>" for text in leaf_texts(data)) + "</ul>"
    return f"<code>{_safe(tensor_text(data).decode())}</code>"


def _safe(text: str) -> str:
    return escape(text, quote=False)
