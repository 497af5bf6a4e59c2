"""The weights: inside the file complete, outside it only where the model's own folder has them.

A tensor's ``location`` is a path that whoever wrote the file chose, so every one is resolved here, before anything
loads the file.
"""

from collections.abc import Mapping
from typing import Final

from migrate.core.text import type_again
from migrate.formats.onnx.proto import TensorProto
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.files import inside
from migrate.formats.reading.wire import LENGTH, VARINT, Field, Wire, WireError, signed

_WANTED: Final = frozenset(
    {
        TensorProto.DIMS,
        TensorProto.DATA_TYPE,
        TensorProto.NAME,
        TensorProto.RAW_DATA,
        TensorProto.EXTERNAL_DATA,
        TensorProto.DATA_LOCATION,
    }
)
_EXTERNAL: Final = 1
_MAXIMUM_ELEMENTS: Final = 1 << 56
_STRING: Final = 8

# Bytes of one element, by TensorProto.DataType; types packed into parts of a byte are left out.
_ELEMENT_SIZE: Final = {
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20), 1),
    **dict.fromkeys((4, 5, 10, 16), 2),
    **dict.fromkeys((1, 6, 12), 4),
    **dict.fromkeys((7, 11, 13, 14), 8),
    15: 16,
}


class TensorCheck:
    """Checks each TensorProto of one model.

    Args:
        wire: The model's file.
        files: Path from the model's folder to size in bytes, of every file that may hold external data; None where
            the model has no folder (it is embedded in a manifest).

    Attributes:
        used: The external files that tensors lie in.
    """

    def __init__(self, wire: Wire, files: Mapping[str, int] | None) -> None:
        self._wire = wire
        self._files = files
        self.used: set[str] = set()

    def __call__(self, tensor: Field) -> None:
        """Check one.

        Raises:
            FormatError: Its data is not all there, or lies outside the folder.
            WireError: Its structure is broken.
        """
        count, data_type, name, raw, external, outside = 1, 0, "", None, {}, False
        for item in self._wire.fields(tensor.start, tensor.end, _WANTED):
            if item.number == TensorProto.DIMS:
                count = self._times(count, item)
            elif item.number == TensorProto.DATA_TYPE and item.wire == VARINT:
                data_type = item.value
            elif item.number == TensorProto.NAME:
                name = self._wire.text(item)
            elif item.number == TensorProto.RAW_DATA and item.wire == LENGTH:
                raw = item.end - item.start
            elif item.number == TensorProto.EXTERNAL_DATA and item.wire == LENGTH:
                key, value = self._entry(item)
                external[key] = value
            elif item.number == TensorProto.DATA_LOCATION and item.wire == VARINT:
                outside = item.value == _EXTERNAL
        expected = count * _ELEMENT_SIZE[data_type] if data_type in _ELEMENT_SIZE else None
        if outside or external:
            self._check_external(name, external, None if data_type == _STRING else expected)
        elif raw is not None and expected is not None and raw != expected:
            raise WireError("malformed", f"the tensor {quoted(name)} holds {raw} bytes and needs {expected}")

    def _times(self, count: int, item: Field) -> int:
        """The number of elements, with these sizes too."""
        for size in self._wire.packed(item):
            count *= size
            if signed(size) < 0 or count > _MAXIMUM_ELEMENTS:
                raise WireError("malformed", f"a tensor of an impossible size at byte {item.start}")
        return count

    def _entry(self, item: Field) -> tuple[str, str]:
        key = value = ""
        for part in self._wire.fields(item.start, item.end, frozenset({1, 2})):
            if part.number == 1:
                key = self._wire.text(part)
            else:
                value = self._wire.text(part)
        return key, value

    def _check_external(self, name: str, external: Mapping[str, str], expected: int | None) -> None:
        location = external.get("location", "")
        if self._files is None:
            raise FormatError(
                "external-data-missing",
                f"The tensor {quoted(name)} lies in a file {quoted(location)}; a model in a manifest has no files.",
                "Export the model with its weights inside the file, or beside the manifest with onnx_model_uri.",
            )
        path = inside(location)
        if path is None:
            raise FormatError(
                "external-data-outside",
                f"The tensor {quoted(name)} lies in {quoted(location)}, which is not inside the model's folder.",
                "Export the model again with its weights in files beside it.",
            )
        size = self._files.get(path)
        if size is None:
            raise FormatError(
                "external-data-missing",
                f"The tensor {quoted(name)} lies in the file {quoted(location)}, which is not there.",
                type_again(
                    f"Put {quoted(location)} beside the model's file",
                    note="where it lies there, name the folder of both as the source" if len(self._files) == 1 else "",
                ),
            )
        offset, length = _number(external.get("offset", "0")), _number(external.get("length", ""))
        length = expected if length is None and "length" not in external else length
        if offset is None or length is None or (expected is not None and length != expected):
            raise WireError("malformed", f"the tensor {quoted(name)} has a wrong offset or length in another file")
        if offset + length > size:
            raise FormatError(
                "external-data-truncated",
                f"The tensor {quoted(name)} ends at byte {offset + length} of {quoted(path)}, which has {size} bytes.",
                type_again(f"Put a complete {quoted(location)} beside the model's file"),
            )
        self.used.add(path)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
