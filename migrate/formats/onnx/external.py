"""The files beside an ONNX model that it names as the places of its weights, before anybody has looked for them."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Final

from migrate.formats.onnx.nodes import missing_operators
from migrate.formats.onnx.structure import read_model
from migrate.formats.onnx.tensors import TensorCheck
from migrate.formats.reading.errors import FormatError
from migrate.formats.reading.wire import Read, Wire, WireError

_BLOCK: Final = 16 * 1024
_READS: Final = 512  # the graph of a model whose weights lie elsewhere is small
_JUMPS: Final = 64  # over weights in the file itself: a model with so many has none elsewhere


class _EnoughReadError(Exception):
    """The file asks for more reads than this is worth."""


class _AnyFile(Mapping[str, int]):
    """A folder that has every file, as large as anybody wants."""

    def __getitem__(self, path: str) -> int:
        return 1 << 62

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def external_files(size: int, read: Read) -> tuple[str, ...]:
    """The files that the tensors of a model lie in, as plain paths relative to it, ordered.

    Those that are known after 512 reads of 16 KiB, 64 jumps over weights, or where the file turns out to be broken.

    Args:
        size: The model's size in bytes.
        read: Its bytes.
    """
    reads = jumps = end = 0

    def counted(offset: int, length: int) -> bytes:
        nonlocal reads, jumps, end
        reads += 1
        jumps += offset >= end + _BLOCK
        if reads > _READS or jumps > _JUMPS:
            raise _EnoughReadError
        end = offset + length
        return read(offset, length)

    wire = Wire(counted, size, block=_BLOCK)
    check = TensorCheck(wire, _AnyFile())
    with contextlib.suppress(FormatError, WireError, _EnoughReadError):
        missing_operators(wire, read_model(wire), check)
    return tuple(sorted(check.used))
