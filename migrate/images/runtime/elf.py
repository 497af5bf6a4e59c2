"""Shared objects without their symbols and debugging data: what ``strip --strip-unneeded`` does, on every machine.

A customer's laptop may have no ``strip`` for ELF, or another release of it; the image must be the same bytes wherever
it is made. What the loader maps is left as it is, byte for byte and at the same addresses; what it never reads
(sections that no segment holds) goes, and the segments behind move up by whole pages. So libraries that ``patchelf``
has been at, as most in wheels have, are as safe as others.
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Data = bytes | mmap.mmap

_MAGIC: Final = b"\x7fELF\x02\x01\x01"  # 64 bits, little-endian, the only version that there is
_PROGRAMS: Final = (2, 3)  # programs and shared objects; object files have no segments
_X86_64: Final = 62
_HEADER: Final = struct.Struct("<16xHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_LOAD: Final = 1
_NO_BITS: Final = 8
_ALLOCATED: Final = 2
_PAGE: Final = 0x1000
_WORTH: Final = 4096  # bytes of symbols and debugging data; the sections' names alone are some hundreds
_ALIGNED: Final = 8
_PIECE: Final = 1 << 24


class _File(Struct, frozen=True, kw_only=True):
    """The tables of a file: ``segments`` and ``sections`` as in the ELF specification, with their fields' order."""

    segments_at: int
    segments: list[tuple[int, ...]]
    sections: list[tuple[int, ...]]
    names: int  # which section has the sections' names


class _Block(Struct, frozen=True, kw_only=True):
    """Bytes that stay: where they begin and end, and how far they move towards the start."""

    begin: int
    end: int
    shift: int


def strip_symbols(path: Path) -> bool:
    """Rewrite a file without what its loader never reads; whether anything was removed.

    Files that are no programs or shared objects for 64-bit Intel machines are left alone, and so are those with bytes
    that no table accounts for: somebody put them there to read them.
    """
    with path.open("rb") as file:
        start = file.read(_HEADER.size)
        if len(start) < _HEADER.size or not start.startswith(_MAGIC):
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            pieces = _stripped(data)
            if pieces is None:
                return False
            partial = path.with_name(f"{path.name}.partial")
            with partial.open("wb") as out:
                out.writelines(pieces)
    partial.chmod(path.stat().st_mode)
    partial.replace(path)
    return True


def _stripped(data: Data) -> Iterator[bytes] | None:
    tables = _read(data)
    if tables is None:
        return None
    dead = (section[5] for section in tables.sections if _takes_room(section) and not section[2] & _ALLOCATED)
    if sum(dead) < _WORTH:
        return None
    blocks = _blocks(data, tables)
    return _write(data, tables, blocks) if blocks is not None else None


def _takes_room(section: tuple[int, ...]) -> bool:
    return section[1] not in {0, _NO_BITS}


def _read(data: Data) -> _File | None:
    """The tables, or None where there are none of the kind that is understood here."""
    kind, machine, _, _, segments_at, sections_at, _, _, size, count, section_size, sections, names = (
        _HEADER.unpack_from(data)
    )
    known = kind in _PROGRAMS and machine == _X86_64 and (size, section_size) == (_SEGMENT.size, _SECTION.size)
    ends = (segments_at + count * _SEGMENT.size, sections_at + sections * _SECTION.size)
    if not known or not count or not 0 < names < sections or max(ends) > len(data):
        return None
    return _File(
        segments_at=segments_at,
        segments=[_SEGMENT.unpack_from(data, segments_at + place * _SEGMENT.size) for place in range(count)],
        sections=[_SECTION.unpack_from(data, sections_at + place * _SECTION.size) for place in range(sections)],
        names=names,
    )


def _blocks(data: Data, tables: _File) -> list[_Block] | None:
    """What stays, in the file's order, or None where the file has bytes that no table accounts for."""
    table_end = tables.segments_at + len(tables.segments) * _SEGMENT.size
    spans = [(0, _HEADER.size), (tables.segments_at, table_end)]
    spans += [(offset, offset + size) for _, _, offset, _, _, size, _, _ in tables.segments if size]
    spans += [(part[4], part[4] + part[5]) for part in tables.sections if _takes_room(part) and part[2] & _ALLOCATED]
    everything = [*spans, *((part[4], part[4] + part[5]) for part in tables.sections if _takes_room(part))]
    sections_end = _HEADER.unpack_from(data)[5] + len(tables.sections) * _SECTION.size
    accounted = max(sections_end, *(end for _, end in everything))
    if data[accounted:].strip(b"\0"):  # patchelf leaves a byte
        return None
    step = max(_PAGE, *(segment[7] for segment in tables.segments if segment[0] == _LOAD))
    blocks: list[_Block] = []
    for begin, end in _joined(spans):
        previous = blocks[-1] if blocks else _Block(begin=0, end=0, shift=0)
        shift = previous.shift + (begin - previous.end) // step * step
        blocks.append(_Block(begin=begin, end=end, shift=shift))
    return blocks


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that touch or lie within a page of each other as one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1] + _PAGE:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _write(data: Data, tables: _File, blocks: list[_Block]) -> Iterator[bytes]:
    """The new file: the blocks, the sections' names, the table of sections."""

    def moved(offset: int) -> int:
        return offset - next((block.shift for block in reversed(blocks) if block.begin <= offset), 0)

    names = tables.sections[tables.names]
    names_at = blocks[-1].end - blocks[-1].shift
    sections_at = -(-(names_at + names[5]) // _ALIGNED) * _ALIGNED
    header = list(_HEADER.unpack_from(data))
    header[4], header[5] = moved(tables.segments_at), sections_at
    start = data[:16] + _HEADER.pack(*header)[16:]
    table = b"".join(
        _SEGMENT.pack(*segment[:2], moved(segment[2]), *segment[3:]) if segment[2] else _SEGMENT.pack(*segment)
        for segment in tables.segments
    )
    patches = [(0, start), (tables.segments_at, table)]
    done = 0
    for block in blocks:
        yield bytes(block.begin - block.shift - done)
        yield from _patched(data, block, patches)
        done = block.end - block.shift
    yield data[names[4] : names[4] + names[5]]
    yield bytes(sections_at - names_at - names[5])
    for place, section in enumerate(tables.sections):
        kept = section[2] & _ALLOCATED or place == tables.names
        offset = names_at if place == tables.names else moved(section[4])
        # An entry of zeros is a section that is not there: the others keep their numbers, which symbols refer to.
        yield _SECTION.pack(*section[:4], offset, *section[5:]) if kept else bytes(_SECTION.size)


def _patched(data: Data, block: _Block, patches: list[tuple[int, bytes]]) -> Iterator[bytes]:
    here = block.begin
    for at, patch in sorted(patches):
        if block.begin <= at < block.end:
            yield from _copied(data, here, at)
            yield patch
            here = at + len(patch)
    yield from _copied(data, here, block.end)


def _copied(data: Data, begin: int, end: int) -> Iterator[bytes]:
    for at in range(begin, end, _PIECE):
        yield data[at : min(end, at + _PIECE)]
