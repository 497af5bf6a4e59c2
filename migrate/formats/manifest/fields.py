"""The parts of a manifest: fields, their columns, types and shapes, and the file it names (contract: Old fields)."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, NoReturn

import msgspec

from migrate.core.model_json import Bounds, Field, ImageTransformer, Index
from migrate.core.text import type_again
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.files import inside

_WORDS: Final = {
    **{word: word for word in ("string", "integer", "long", "float", "double", "boolean")},
    "int": "integer",  # what the old converter for Torch wrote
}
NUMERIC: Final = frozenset({"integer", "long", "float", "double"})
_LAYOUT: Final = frozenset({"BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"})
_COLOURS: Final = frozenset({"GRAY_SCALE", "RED", "GREEN", "BLUE"})
_OLD_FOLDER: Final = "/deployments/models/"  # where the old runtime's image had the model
_TEXT_SHAPE: Final = re.compile(r"\(\s*((?:-?\d{1,9}|\?|None)(?:\s*,\s*(?:-?\d{1,9}|\?|None))*)?\s*,?\s*\)")


def invalid(name: str, why: str) -> FormatError:
    """The problem of a manifest that the old runtime would have skipped."""
    return FormatError(
        "invalid-manifest",
        f"The manifest {quoted(name)} is not valid: {why}.",
        type_again(f"Correct {quoted(name)}"),
    )


class FieldReader:
    """Reads the parts of one manifest, naming it in every problem.

    Args:
        name: The manifest's file name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def fail(self, why: str) -> NoReturn:
        """Refuse the manifest.

        Raises:
            FormatError: Always.
        """
        raise invalid(self.name, why)

    def only(self, content: Mapping[str, Any], keys: Collection[str]) -> None:
        """Refuse keys that the old runtime did not know in this type of manifest: it skipped such a manifest."""
        unknown = sorted(set(content) - set(keys) - {"type"})
        if unknown:
            self.fail(f"it has a key {quoted(unknown[0])}, which the old runtime refused in this type of manifest")

    def uri(self, content: Mapping[str, Any], key: str) -> str:
        """The path that a manifest names, relative to its folder."""
        uri = content.get(key)
        if not isinstance(uri, str) or not uri:
            self.fail(f"it has no {key}")
        path = inside(uri.removeprefix(_OLD_FOLDER))
        if path is None:
            raise FormatError(
                "model-outside-folder",
                f"The manifest {quoted(self.name)} names the model {quoted(uri)}, which is not inside its folder.",
                "Put the model beside the manifest and name it by its relative path.",
            )
        return path

    def located(self, content: Mapping[str, Any], key: str, files: Collection[str]) -> str:
        """The same for a path that the old runtime took from its working directory, above the manifest's folder."""
        path = self.uri(content, key)
        below = path.removeprefix("models/")
        return below if path not in files and below in files else path

    def batch_size(self, content: Mapping[str, Any]) -> int:
        """Rows of a rolling window; 1 for none."""
        size = content.get("batch_size", 1)
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 1_000_000:
            self.fail("batch_size is not a positive number")
        return size

    def tensors(self, content: Mapping[str, Any], key: str) -> tuple[Field, ...]:
        """The tensors under a key."""
        return tuple(self.field(item, key) for item in self.items(content, key))

    def plain(self, content: Mapping[str, Any], key: str) -> tuple[Field, ...]:
        """The columns without a shape under a key; at least one."""
        fields: list[Field] = []
        for item in self.items(content, key):
            name = self.field_name(item, key)
            kind, domain = self.type(item, name), self.domain(item)
            fields.append(Field(name, kind, values=self.values(item), plain_domain=domain))
        if not fields:
            self.fail(f"it has no {key}")
        return tuple(fields)

    def number(self, value: object, what: str) -> float:
        """A finite number."""
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < float("inf"):
            self.fail(f"{what} is not a number")
        return float(value)

    def field_name(self, item: Mapping[str, Any], role: str) -> str:
        """The name of a field."""
        name = item.get("name")
        if not isinstance(name, str) or not name:
            self.fail(f"one of its {role} has no name")
        return name

    def items(self, content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        """The JSON objects of a list of fields, whose names differ."""
        items = content.get(key)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            self.fail(f"{key} is not a list of fields")
        names = [item.get("name") for item in items]
        if len(set(map(str, names))) != len(names):
            self.fail(f"two {key} have the same name")
        return items

    def field(self, item: Mapping[str, Any], role: str) -> Field:
        """The field of a tensor."""
        name = self.field_name(item, role)
        kind, domain, shape = self.type(item, name), self.domain(item), self.shape(item, name)
        columns = item.get("fields")
        if columns is not None and not (isinstance(columns, list) and all(isinstance(one, dict) for one in columns)):
            self.fail(f"fields of {quoted(name)} is not a list of columns")
        layout = item.get("image_transformer")
        return Field(
            name,
            kind,
            shape,
            fields=tuple(self.column(one, name, kind) for one in columns or ()),
            image_transformer=None if layout is None else self.transformer(layout, name),
            values=self.values(item),
            domain=domain,
        )

    def column(self, item: Mapping[str, Any], field: str, inherited: str) -> Index:
        """A named column of a tensor."""
        name, index = item.get("name"), item.get("index")
        if not isinstance(name, str) or not name:
            self.fail(f"a column of {quoted(field)} has no name")
        if index is not None and (not isinstance(index, int) or isinstance(index, bool) or index < 0):
            self.fail(f"the index of the column {quoted(name)} is not a number from 0 up")
        kind = self.type(item, name) if item.get("type") else inherited
        domain = self.domain(item)
        return Index(name, kind, index=index, key=item.get("key"), values=self.values(item), domain=domain)

    def type(self, item: Mapping[str, Any], name: str) -> str:
        """The type of a field or column."""
        word = item.get("type")
        known = _WORDS.get(word.lower()) if isinstance(word, str) else None
        if known is None:
            self.fail(f"the type of {quoted(name)} is none of {', '.join(_WORDS)}")
        return known

    def shape(self, item: Mapping[str, Any], name: str) -> tuple[int, ...]:
        """The shape of a tensor, in either spelling."""
        shape = item.get("shape")
        if isinstance(shape, str) and (found := _TEXT_SHAPE.fullmatch(shape.strip())):
            sizes = [size.strip() for size in (found[1] or "").split(",") if size.strip()]
            shape = [-1 if size in ("?", "None") else int(size) for size in sizes]
        if not isinstance(shape, list) or len(shape) > 64:
            self.fail(f"the shape of {quoted(name)} is not a list of numbers")
        for size in shape:
            if not isinstance(size, int) or isinstance(size, bool) or size == 0 or not -1 <= size < 1 << 31:
                self.fail(f"the shape of {quoted(name)} is not a list of sizes or -1")
        return tuple(shape)

    def values(self, item: Mapping[str, Any]) -> tuple[str, ...]:
        """The known values of a field of texts."""
        values = item.get("values")
        known = isinstance(values, list) and all(isinstance(value, str) for value in values)
        return tuple(values) if known and values else ()

    def domain(self, item: Mapping[str, Any]) -> tuple[Bounds, ...] | None:
        """Bounds are read as ``lower_bound`` and printed as ``lowerBound``, as the old runtime did."""
        domain = item.get("continuous_domain", item.get("continuousDomain"))
        if domain is None:
            return None
        if not isinstance(domain, list) or not all(isinstance(part, dict) for part in domain):
            self.fail("a continuous_domain is not a list of bounds")
        return tuple(Bounds(self.bound(part, "lower"), self.bound(part, "upper")) for part in domain)

    def bound(self, part: Mapping[str, Any], side: str) -> float | None:
        """One side of a continuous domain."""
        value = part.get(f"{side}_bound", part.get(f"{side}Bound"))
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.fail(f"a {side}_bound is not a number")
        return float(value)

    def transformer(self, item: object, name: str) -> ImageTransformer:
        """How images lie in a tensor."""
        layout = item.get("image_shape") if isinstance(item, dict) else None
        colours = item.get("property_chanel") if isinstance(item, dict) else None
        for words, legal in ((layout, _LAYOUT), (colours, _COLOURS)):
            if not isinstance(words, list) or not words or len(words) > 4 or not set(map(str, words)) <= legal:
                self.fail(f"the image_transformer of {quoted(name)} is not one")
        return msgspec.convert({"image_shape": layout, "property_chanel": colours}, ImageTransformer)
