"""Whether a file is an ONNX model, from a few kilobytes of it."""

from typing import Final

from migrate.formats.onnx.proto import GraphProto, ModelProto
from migrate.formats.reading.wire import LENGTH, VARINT, Field, Read, Wire, WireError

HEAD: Final = 2048
_READS: Final = 4
_LONGEST: Final = 64 * 1024  # of a producer, its version, or a domain
_STEPS: Final = 200


class _EnoughReadError(Exception):
    """The file asks for more reads than recognising is worth."""


def is_onnx(size: int, read: Read) -> bool:
    """Whether a file is an ONNX model, or the beginning of one; at most four reads of two kilobytes."""
    reads = 0

    def counted(offset: int, length: int) -> bytes:
        nonlocal reads
        reads += 1
        if reads > _READS:
            raise _EnoughReadError
        return read(offset, length)

    wire = Wire(counted, size, block=HEAD, steps=_STEPS)
    version = graph = opsets = False
    try:
        for item in wire.fields(0, size):
            if not _plausible(wire, item):
                return False
            version = version or item.number == ModelProto.IR_VERSION
            opsets = opsets or item.number == ModelProto.OPSET_IMPORT
            graph = graph or item.number == ModelProto.GRAPH
            if version and graph:
                return True
    except (WireError, _EnoughReadError):
        # a graph that reaches beyond the end of the file: a model of which only the beginning is there
        return version and (graph or _cut_graph(read, size))
    return graph and opsets


def _plausible(wire: Wire, item: Field) -> bool:
    if item.number not in ModelProto.ALL:
        return False
    if item.number in (ModelProto.IR_VERSION, ModelProto.MODEL_VERSION):
        return item.wire == VARINT and (item.number == ModelProto.MODEL_VERSION or 0 < item.value < 1000)
    if item.wire != LENGTH:
        return False
    if item.number == ModelProto.GRAPH:
        return _plausible_graph(wire, item.start, item.end)
    if item.number < ModelProto.DOC_STRING:
        # CatBoost writes its build there, in several lines; only its beginning has to look like text
        length = item.end - item.start
        return length <= _LONGEST and _is_text(wire.data(item.start, item.start + min(length, HEAD // 4)))
    return True


def _is_text(data: bytes) -> bool:
    text = data.decode("utf-8", "ignore" if len(data) == HEAD // 4 else "replace")
    return all(one.isprintable() or one in "\n\r\t" for one in text) and "\ufffd" not in text


def _plausible_graph(wire: Wire, start: int, end: int) -> bool:
    tag, _ = wire.varint(start, end)
    return tag & 7 == LENGTH and tag >> 3 in GraphProto.ALL


def _cut_graph(read: Read, size: int) -> bool:
    """Whether a plausible top of a model is followed by a graph that is longer than the file."""
    wire = Wire(read, size, block=HEAD, steps=_STEPS)
    at = 0
    try:
        while at < size:
            tag, after = wire.varint(at, size)
            number, kind = tag >> 3, tag & 7
            length, content = wire.varint(after, size)
            if number == ModelProto.GRAPH and kind == LENGTH:
                return content + length > size and _plausible_graph(wire, content, size)
            at = content if kind == VARINT else content + length
            if not _plausible(wire, Field(number, kind, length, content, at)):
                return False
    except WireError:
        pass
    return False
