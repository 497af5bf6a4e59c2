"""How an answer is compared with a golden case's ``expect``.

Pictures of our own golden folder are compared by their pixels (``picture``, ``html-pictures``, and parts that are
pictures where ``tolerance`` is said): the bytes of a compressed file are those of one library's compressor.
"""

import base64
import json
import math
import re
from email.parser import BytesParser
from email.policy import HTTP
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Part = tuple[str | None, str | None, str | None, bytes]


class Mismatch(Exception):  # noqa: N818 - it is a result, not a failure of this program
    """Where an answer is not the expected one."""


def compare(golden: Path, expect: dict[str, Any], status: int, headers: dict[str, str], body: bytes) -> None:
    """Compare one answer with what a case expects.

    Raises:
        Mismatch: With the first difference.
    """
    if status != expect["status"]:
        raise Mismatch(f"status {status}, expected {expect['status']}: {body[:200]!r}")
    for name, value in expect.get("headers", {}).items():
        pattern = re.escape(value).replace("<any>", ".+")
        if not re.fullmatch(pattern, headers.get(name.lower(), "")):
            raise Mismatch(f"header {name}: {headers.get(name.lower())!r}, expected {value!r}")
    if "json" in expect:
        _compare_json(expect["json"], json.loads(body), "body", errors=expect["status"] >= 400)
    for check in expect.get("assert", []):
        _check_path(json.loads(body), check)
    if expect.get("body_file"):
        _compare_file(expect, (golden / expect["body_file"]).read_bytes(), headers, body)


def _check_path(document: Any, check: dict[str, Any]) -> None:
    found = _at(document, check["path"])
    if not _equal(check["value"], found, check.get("tolerance", 0)):
        raise Mismatch(f"{check['path']} is {found!r}, expected {check['value']!r}")


def _at(document: Any, path: str) -> Any:
    """The value at a path such as ``inputs[0].name``; ``length`` and ``keys`` are asked of a value."""
    rest = path
    while rest:
        if isinstance(document, dict):
            if rest == "keys" and "keys" not in document:
                return sorted(document)
            name = max(
                (key for key in document if re.match(re.escape(key) + r"(?=[.\[]|$)", rest)), key=len, default=None
            )
            if name is None:
                raise Mismatch(f"{path}: no such value, there are {sorted(document)}")
            document, rest = document[name], rest[len(name) :]
        elif rest == "length" and isinstance(document, list):
            return len(document)
        else:
            index = re.match(r"\[(\d+)\]", rest)
            if index is None or not isinstance(document, list) or int(index[1]) >= len(document):
                raise Mismatch(f"{path}: no such value in {document!r}")
            document, rest = document[int(index[1])], rest[index.end() :]
        rest = rest.removeprefix(".")
    return document


def _equal(expected: Any, found: Any, tolerance: float) -> bool:
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(_equal(left, right, tolerance) for left, right in zip(expected, found, strict=True))
        )
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (expected, found))
    if numbers:
        return bool(expected == found or math.fabs(expected - found) <= tolerance)
    return type(expected) is type(found) and bool(expected == found)


def _compare_json(expected: Any, found: Any, where: str, *, errors: bool) -> None:
    if errors and isinstance(found, dict):
        # The new server may add the cause to an error of the old one.
        found = {key: value for key, value in found.items() if key != "detail"}
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        for key, value in expected.items():
            _compare_json(value, found[key], f"{where}.{key}", errors=False)
    elif not _equal(expected, found, 0):
        raise Mismatch(f"{where} is {found!r}, expected {expected!r}")


def _compare_file(expect: dict[str, Any], expected: bytes, headers: dict[str, str], body: bytes) -> None:
    kind = expect.get("compare", "bytes")
    if kind == "bytes":
        _same_bytes("body", expected, body)
    elif kind == "json":
        _compare_json(json.loads(expected), json.loads(body), "body", errors=False)
    elif kind == "multipart-parts":
        _compare_parts(expect, expected, headers, body)
    elif kind == "picture":
        _same_picture("the picture", expected, body, expect.get("tolerance", 0))
    elif kind == "html-pictures":
        _compare_page(expected, body)
    elif kind == "single-part-body":
        new = parts_of(body, _boundary(headers))
        if len(new) != 1:
            raise Mismatch(f"{len(new)} parts, expected one")
        _same_bytes("the part", expected, new[0][3])
    else:
        raise Mismatch(f"unknown way to compare: {kind}")


def _compare_parts(expect: dict[str, Any], expected: bytes, headers: dict[str, str], body: bytes) -> None:
    boundary = expected.split(b"\r\n", 1)[0].removeprefix(b"--").decode()
    old, new = parts_of(expected, boundary), parts_of(body, _boundary(headers))
    if len(old) != len(new):
        raise Mismatch(f"{len(new)} parts, expected {len(old)}")
    for number, (left, right) in enumerate(zip(old, new, strict=True)):
        if left[:3] != right[:3]:
            raise Mismatch(f"part {number} is {right[:3]}, expected {left[:3]}")
        if (left[2] or "").startswith("image/") and "tolerance" in expect:
            _same_picture(f"part {number}", left[3], right[3], expect["tolerance"])
        else:
            _same_bytes(f"part {number}", left[3], right[3])


def _compare_page(expected: bytes, body: bytes) -> None:
    old, new = _EMBEDDED.split(expected), _EMBEDDED.split(body)
    _same_bytes("the text around the pictures", b"...".join(old[::2]), b"...".join(new[::2]))
    for number, (left, right) in enumerate(zip(old[1::2], new[1::2], strict=True)):
        _same_picture(f"picture {number}", base64.b64decode(left), base64.b64decode(right), 0)


_EMBEDDED = re.compile(rb"(?<=data:image/png;base64,)([A-Za-z0-9+/=]*)")


def _same_picture(where: str, expected: bytes, found: bytes, tolerance: int) -> None:
    """The same size, and every sample as near as the tolerance; gray is gray, whatever the file calls it."""
    try:
        old, new = (np.asarray(Image.open(BytesIO(content)).convert("RGB"), int) for content in (expected, found))
    except OSError as error:
        raise Mismatch(f"{where} is no picture: {error}") from None
    if old.shape != new.shape:
        raise Mismatch(f"{where} has the size {new.shape[:2]}, expected {old.shape[:2]}")
    if old.size and (difference := int(np.abs(old - new).max())) > tolerance:
        raise Mismatch(f"{where} differs by {difference}")


def _same_bytes(where: str, expected: bytes, found: bytes) -> None:
    if expected == found:
        return
    place = next(
        (i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), min(len(expected), len(found))
    )
    raise Mismatch(
        f"{where} differs at byte {place}: {found[place : place + 40]!r}, expected {expected[place : place + 40]!r}"
    )


def _boundary(headers: dict[str, str]) -> str:
    found = re.search(r"boundary=([^;]+)", headers.get("content-type", ""))
    if found is None:
        raise Mismatch(f"no boundary in {headers.get('content-type')!r}")
    return found[1]


def parts_of(body: bytes, boundary: str) -> list[Part]:
    """Name, file name, content type and body of each part."""
    delimiter = b"--" + boundary.encode()
    if not body.endswith(delimiter + b"--\r\n") and not body.endswith(delimiter + b"--"):
        raise Mismatch("the multipart body has no end")
    parts = []
    for piece in body.split(delimiter)[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        fields = BytesParser(policy=HTTP).parsebytes(head + b"\r\n\r\n")
        disposition = fields["Content-Disposition"].params if fields["Content-Disposition"] else {}
        parts.append(
            (
                disposition.get("name"),
                disposition.get("filename"),
                fields["Content-Type"],
                content.removesuffix(b"\r\n"),
            )
        )
    return parts
