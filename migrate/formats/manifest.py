"""Manifests: JSON files that name a model and describe its tensors (contract, 2, 6.0 and 6.1)."""

import binascii
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import msgspec
from msgspec import Struct

from migrate.formats.errors import FormatError, quoted
from migrate.formats.onnx_tensors import inside
from migrate.formats.recognise import MANIFEST_TYPES

MAXIMUM_SIZE: Final = 64 * 1024 * 1024

_WORDS: Final = {
    **{word: word for word in ("string", "integer", "long", "float", "double", "boolean")},
    "int": "integer",  # what the old converter for Torch wrote
}
_LAYOUT: Final = frozenset({"BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"})
_COLOURS: Final = frozenset({"GRAY_SCALE", "RED", "GREEN", "BLUE"})
_TEXT_SHAPE: Final = re.compile(r"\(\s*((?:-?\d{1,9}|\?|None)(?:\s*,\s*(?:-?\d{1,9}|\?|None))*)?\s*,?\s*\)")


class OnnxManifest(Struct, frozen=True):
    """A manifest of ``"type": "onnx"``.

    Attributes:
        uri: The model's path from the manifest's folder; None where ``embedded`` is the model itself.
        embedded: The model's bytes, from ``binary``.
        inputs: FIELDs as ``/describe`` prints them, in the manifest's order.
        outputs: The same.
        batch_size: Rows of a rolling window; 1 for none.
    """

    uri: str | None
    embedded: bytes | None
    inputs: list[dict[str, object]]
    outputs: list[dict[str, object]]
    batch_size: int


def invalid(name: str, why: str) -> FormatError:
    """The problem of a manifest that the old runtime would have skipped."""
    return FormatError(
        "invalid-manifest",
        f"The manifest {quoted(name)} is not valid: {why}.",
        f"Correct {quoted(name)} and run again.",
    )


def read_type(name: str, data: bytes) -> tuple[str, dict[str, Any]] | None:
    """A manifest's type and content, or None for a JSON file that is no manifest.

    Raises:
        FormatError: It names a known type, but is not valid JSON.
    """
    try:
        content = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        known = "|".join(MANIFEST_TYPES).encode()
        if re.search(rb'"type"\s*:\s*"(?:' + known + rb')"', data):
            raise invalid(name, str(error)) from None
        return None
    if not isinstance(content, dict) or content.get("type") not in MANIFEST_TYPES:
        return None
    return content["type"], content


def read_onnx(name: str, content: Mapping[str, Any]) -> OnnxManifest:
    """The content of an ONNX manifest; unknown keys are ignored, as before.

    Args:
        name: The manifest's file name, for messages.
        content: Its JSON object.

    Raises:
        FormatError: Something in it is missing or wrong.
    """
    reader = _Reader(name)
    batch_size = content.get("batch_size", 1)
    if not isinstance(batch_size, int) or isinstance(batch_size, bool) or not 1 <= batch_size <= 1_000_000:
        reader.fail("batch_size is not a positive number")
    embedded, uri = reader.model(content)
    return OnnxManifest(
        uri=uri,
        embedded=embedded,
        inputs=[reader.field(item, "inputs") for item in reader.items(content, "inputs")],
        outputs=[reader.field(item, "outputs") for item in reader.items(content, "outputs")],
        batch_size=batch_size,
    )


class _Reader:
    """Reads the parts of one manifest, naming it in every problem."""

    def __init__(self, name: str) -> None:
        self._name = name

    def fail(self, why: str) -> NoReturn:
        raise invalid(self._name, why)

    def model(self, content: Mapping[str, Any]) -> tuple[bytes | None, str | None]:
        binary, uri = content.get("binary"), content.get("onnx_model_uri")
        if binary is not None:
            if not isinstance(binary, str):
                self.fail("binary is not base64 text")
            try:
                return binascii.a2b_base64(binary, strict_mode=True), None
            except binascii.Error:
                self.fail("binary is not base64 text")
        if not isinstance(uri, str) or not uri:
            self.fail("it has neither onnx_model_uri nor binary")
        path = inside(uri)
        if path is None:
            raise FormatError(
                "model-outside-folder",
                f"The manifest {quoted(self._name)} names the model {quoted(uri)}, which is not inside its folder.",
                "Put the model beside the manifest and name it by its relative path.",
            )
        return None, path

    def items(self, content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        items = content.get(key)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            self.fail(f"{key} is not a list of fields")
        names = [item.get("name") for item in items]
        if len(set(map(str, names))) != len(names):
            self.fail(f"two {key} have the same name")
        return items

    def field(self, item: Mapping[str, Any], role: str) -> dict[str, object]:
        name = item.get("name")
        if not isinstance(name, str) or not name:
            self.fail(f"one of its {role} has no name")
        field: dict[str, object] = {"name": name, "type": self.type(item, name)}
        self.values(item, field)
        self.domain(item, field, "continuous_domain")
        field["shape"] = self.shape(item, name)
        columns = item.get("fields")
        if columns is not None and not (isinstance(columns, list) and all(isinstance(one, dict) for one in columns)):
            self.fail(f"fields of {quoted(name)} is not a list of columns")
        if columns:
            field["fields"] = [self.column(one, name, str(field["type"])) for one in columns]
        if item.get("image_transformer") is not None:
            field["image_transformer"] = self.transformer(item["image_transformer"], name)
        return field

    def column(self, item: Mapping[str, Any], field: str, inherited: str) -> dict[str, object]:
        name, index = item.get("name"), item.get("index")
        if not isinstance(name, str) or not name:
            self.fail(f"a column of {quoted(field)} has no name")
        if index is not None and (not isinstance(index, int) or isinstance(index, bool) or index < 0):
            self.fail(f"the index of the column {quoted(name)} is not a number from 0 up")
        column: dict[str, object] = {"name": name, "type": self.type(item, name) if item.get("type") else inherited}
        self.values(item, column)
        self.domain(item, column, "continuousDomain")
        return {**column, "index": index, "key": item.get("key")}

    def type(self, item: Mapping[str, Any], name: str) -> str:
        word = item.get("type")
        known = _WORDS.get(word.lower()) if isinstance(word, str) else None
        if known is None:
            self.fail(f"the type of {quoted(name)} is none of {', '.join(_WORDS)}")
        return known

    def shape(self, item: Mapping[str, Any], name: str) -> list[int]:
        shape = item.get("shape")
        if isinstance(shape, str) and (found := _TEXT_SHAPE.fullmatch(shape.strip())):
            sizes = [size.strip() for size in (found[1] or "").split(",") if size.strip()]
            shape = [-1 if size in ("?", "None") else int(size) for size in sizes]
        if not isinstance(shape, list) or len(shape) > 64:
            self.fail(f"the shape of {quoted(name)} is not a list of numbers")
        for size in shape:
            if not isinstance(size, int) or isinstance(size, bool) or size == 0 or not -1 <= size < 1 << 31:
                self.fail(f"the shape of {quoted(name)} is not a list of sizes or -1")
        return list(shape)

    def values(self, item: Mapping[str, Any], out: dict[str, object]) -> None:
        values = item.get("values")
        if isinstance(values, list) and values and all(isinstance(value, str) for value in values):
            out["values"] = list(values)

    def domain(self, item: Mapping[str, Any], out: dict[str, object], printed: str) -> None:
        """Bounds are read as ``lower_bound`` and printed as ``lowerBound``, as the old runtime did."""
        domain = item.get("continuous_domain", item.get("continuousDomain"))
        if domain is None:
            return
        if not isinstance(domain, list) or not all(isinstance(part, dict) for part in domain):
            self.fail("a continuous_domain is not a list of bounds")
        out[printed] = [
            {"lowerBound": self.bound(part, "lower"), "upperBound": self.bound(part, "upper")} for part in domain
        ]

    def bound(self, part: Mapping[str, Any], side: str) -> float | None:
        value = part.get(f"{side}_bound", part.get(f"{side}Bound"))
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.fail(f"a {side}_bound is not a number")
        return float(value)

    def transformer(self, item: object, name: str) -> dict[str, object]:
        layout = item.get("image_shape") if isinstance(item, dict) else None
        colours = item.get("property_chanel") if isinstance(item, dict) else None
        for words, legal in ((layout, _LAYOUT), (colours, _COLOURS)):
            if not isinstance(words, list) or not words or len(words) > 4 or not all(word in legal for word in words):
                self.fail(f"the image_transformer of {quoted(name)} is not one")
        return {"image_shape": layout, "property_chanel": colours}
