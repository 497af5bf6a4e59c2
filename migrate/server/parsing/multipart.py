"""Multipart bodies: typed parts into tensors, repeated parts into batches."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from migrate.server.errors import HttpError, bad_request
from migrate.server.layouts import declared_layout
from migrate.server.model import Model
from migrate.server.parsing.images import read_picture, tensor_of
from migrate.server.parsing.json import BuildError, build_tensor, load_json
from migrate.server.tensors import Tensor

BROKEN: Final = "Error while reading multipart body"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_MAX_PARTS: Final = 10_000
_MAX_HEADER_BYTES: Final = 16 * 1024
_MAX_PART_HEADERS: Final = 1_000
_NAMED: Final = re.compile(r";\s*name\s*=", re.IGNORECASE)
_BLANKS: Final = rb"[ \t]+"


@dataclass(frozen=True, slots=True)
class Part:
    """One part; ``content_type`` is in lower case, sniffed where the sender did not say it."""

    name: str
    content_type: str
    body: bytes


def parse_parts(
    body: bytes, boundary: str | None, model: Model, *, depth_limit: int, pixel_limit: int, plain_gray: bool
) -> dict[str, Tensor]:
    """The tensors of a multipart body. Parts of unknown types, and images of undeclared names, are ignored.

    JSON parts of one name are collected in a list, so one dimension is always added; they win over images.

    Raises:
        HttpError: 400, when the body or one of its used parts cannot be read.
    """
    images: dict[str, list[bytes]] = {}
    values: dict[str, list[Any]] = {}
    declared = {field.name: field for field in model.inputs}
    for part in read_parts(body, boundary):
        if not part.name and "" not in declared:
            continue  # browsers send one for a field without a name
        if part.content_type == "application/json":
            values.setdefault(part.name, []).append(_json_value(part))
        elif part.content_type in {"image/png", "image/jpeg"} and part.name in declared:
            images.setdefault(part.name, []).append(part.body)
    tensors = {}
    for name, bodies in images.items():
        if name in values:
            continue
        layout = declared_layout(declared[name])
        if layout is None:
            raise bad_request("Unable to feed an image as tensor on a non-tensor model", f"{name} takes no images")
        pictures = [read_picture(one, pixel_limit=pixel_limit, plain_gray=plain_gray) for one in bodies]
        tensors[name] = tensor_of(pictures, declared[name], layout)
    for name, collected in values.items():
        try:
            tensors[name] = build_tensor(collected, depth_limit=depth_limit)
        except BuildError as error:
            raise bad_request(str(error), f"part {name}") from error
    return tensors


def _json_value(part: Part) -> Any:
    try:
        return load_json(part.body)
    except HttpError as error:
        raise bad_request("Unable to load image from bytes", f"part {part.name}: {error.detail}") from error


def read_parts(body: bytes, boundary: str | None) -> Iterator[Part]:
    """The parts of a body in their order.

    Raises:
        HttpError: 400, when the body is cut off or broken, or a part has no name, not even an empty one.
    """
    from multipart import MultipartError, PushMultipartParser  # noqa: PLC0415 - most servers never see multipart

    try:
        with PushMultipartParser(
            boundary or "",
            max_header_size=_MAX_HEADER_BYTES,
            max_header_count=_MAX_PART_HEADERS,
            max_segment_count=_MAX_PARTS,
        ) as parser:
            segment, chunks = None, []
            for event in parser.parse(_unpadded(body, boundary or "")):
                if isinstance(event, bytes | bytearray):
                    chunks.append(event)
                elif event is not None:
                    segment, chunks = event, []
                elif segment is not None:
                    yield _part(segment, b"".join(chunks))
    except MultipartError as error:
        raise bad_request(BROKEN, str(error)) from error


def _unpadded(body: bytes, boundary: str) -> bytes:
    """The body without the blanks that may follow a boundary in its line (RFC 2046, 5.1.1)."""
    line = b"--" + boundary.encode("utf-8", "replace")
    # Each request has a boundary of its own: a pattern is made of it where there is something to find only.
    if not boundary or (line + b" " not in body and line + b"\t" not in body):
        return body
    return re.sub(rb"(?:(?<=\r\n)|\A)(" + re.escape(line) + rb")" + _BLANKS + rb"(?=\r\n)", rb"\1", body)


def _part(segment: Any, body: bytes) -> Part:
    if not segment.name and _NAMED.search(segment.header("Content-Disposition") or "") is None:
        raise bad_request(BROKEN, "a part has no name")
    sent = (segment.header("Content-Type") or "").partition(";")[0].strip().lower()
    if sent in {"", "application/octet-stream"}:
        sent = _sniffed(body, segment.filename or "")
    return Part(segment.name, sent, body)


def _sniffed(body: bytes, filename: str) -> str:
    if body.startswith(_PNG):
        return "image/png"
    if body.startswith(_JPEG):
        return "image/jpeg"
    return "application/json" if filename.lower().endswith(".json") else "application/octet-stream"
