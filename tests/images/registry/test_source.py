"""Where a blob's bytes come from may break, may begin at its beginning only, and may be something else."""

import io
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from migrate.core.errors import LocalError
from migrate.images.registry.source import Blob, Source, Stream
from tests.images.registry.real import blob_of, content

DATA = content(100_000, seed=300)


@pytest.fixture
def reader() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


class Breaking:
    """A stream that breaks, or ends, after some bytes."""

    def __init__(self, data: bytes, after: int, error: Exception | None) -> None:
        self._stream = io.BytesIO(data)
        self._left = after
        self._error = error

    def read(self, size: int, /) -> bytes:
        found = self._stream.read(min(size, self._left))
        self._left -= len(found)
        if not found and self._error is not None:
            raise self._error
        return found

    def close(self) -> None:
        self._stream.close()


def everything(blob: Blob, reader: Executor) -> bytes:
    waits: list[float] = []
    with Source(blob, 30_000, reader, waits.append) as source:
        found = bytearray()
        while len(found) < blob.descriptor.size:
            found += source.at(len(found))
        source.check()
    return bytes(found)


@pytest.mark.parametrize("error", [None, ConnectionResetError("reset"), EOFError()])
def test_a_source_that_breaks_is_opened_where_it_was(reader: Executor, error: Exception | None) -> None:
    opened: list[int] = []

    def breaking(offset: int) -> Stream:
        opened.append(offset)
        return Breaking(DATA[offset:], 40_000, error)

    assert everything(replace(blob_of(DATA), open=breaking), reader) == DATA
    assert opened == [0, 40_000, 80_000]


def test_a_source_without_a_middle_is_read_past(reader: Executor) -> None:
    opened: list[int] = []

    def breaking(offset: int) -> Stream:
        opened.append(offset)
        if offset:
            raise io.UnsupportedOperation
        return Breaking(DATA, 60_000 if len(opened) == 1 else len(DATA), None)

    assert everything(replace(blob_of(DATA), open=breaking), reader) == DATA
    assert opened == [0, 60_000, 0]


def test_going_back_reads_again_and_hashes_once(reader: Executor) -> None:
    with Source(blob_of(DATA), 30_000, reader, lambda _: None) as source:
        for position in (0, 30_000, 60_000, 10_000, 40_000, 70_000):
            assert source.at(position) == DATA[position : position + 30_000]
        assert source.at(85_000) == DATA[85_000:], "from memory"
        source.check()


@pytest.mark.parametrize("there", [DATA[:-1], DATA[:50_000], b""])
def test_one_that_ends_too_early_is_told(reader: Executor, there: bytes) -> None:
    with pytest.raises(LocalError) as error:
        everything(replace(blob_of(DATA), open=lambda offset: io.BytesIO(there[offset:])), reader)
    assert error.value.code == "push-failed"
    assert f"{len(there)} of 100000 bytes" in error.value.what


@pytest.mark.parametrize("there", [DATA + b"x", b"y" + DATA[1:]])
def test_something_else_is_told(reader: Executor, there: bytes) -> None:
    with pytest.raises(LocalError) as error:
        everything(replace(blob_of(DATA), open=lambda offset: io.BytesIO(there[offset:])), reader)
    assert error.value.code == "push-failed"
    assert blob_of(DATA).descriptor.digest in error.value.what
