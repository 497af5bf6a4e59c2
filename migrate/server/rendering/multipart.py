"""Answers as multipart/form-data: a part for each tensor, and one for each image of a batch."""

import secrets
from time import time
from typing import Final

from migrate.server.rendering.json import tensor_text
from migrate.server.rendering.tensor import Form, Rendered

_SUFFIX: Final = {Form.JSON: "json", Form.PNG: "png", Form.JPEG: "jpg"}
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def render(tensors: list[Rendered]) -> tuple[bytes, bytes]:
    """The body and its Content-Type."""
    boundary = new_boundary()
    parts: list[bytes] = []
    for item in tensors:
        bodies = [tensor_text(item.data)] if item.form is Form.JSON else item.files()
        name = _quoted(item.name)
        head = (
            f"--{boundary}\r\nContent-Type: {item.form.value}\r\n"
            f'Content-Disposition: form-data; name="{name}"; filename="{name}.{_SUFFIX[item.form]}"\r\n\r\n'
        ).encode("utf-8", "replace")
        parts.extend(head + body + b"\r\n" for body in bodies)
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, f"multipart/form-data;boundary={boundary};charset=UTF-8".encode()


def new_boundary() -> str:
    """A boundary of the old form: ``jetty``, a number, and the time in base 36."""
    milliseconds, text = int(time() * 1000), ""
    while milliseconds:
        milliseconds, digit = divmod(milliseconds, 36)
        text = _DIGITS[digit] + text
    return f"jetty{secrets.randbits(64)}{text}"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
