"""The reader of HDF5 files, on files that ``h5py`` writes: it says what h5py says, or refuses with a reason."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.formats import inspect
from migrate.formats.keras.hdf5_attributes import texts
from migrate.formats.keras.hdf5_blocks import Blocks, Hdf5Error
from migrate.formats.keras.hdf5_objects import check_objects
from tests.formats.hostile.keras import DENSE, INPUT
from tests.formats.models import write
from tests.oracles.hdf5_files import (
    FILTERED,
    OLD_ALONE,
    READ,
    REFUSED,
    ROWS,
    Fill,
    dataset,
    groups,
    many_attributes,
    texts_of,
    virtual,
)

WANTED = frozenset({"text", "other"})
OLD, LATEST = ("earliest", "latest"), ("latest", "latest")
# The first has superblocks of version 0 and groups as trees; the others those of version 2 or 3, and links in headers.
VERSIONS = [OLD, *((word, word) for word in ("v108", "v110", "v112", "v114")), LATEST]


def written(fill: Fill, version: tuple[str, str] = OLD, **options: Any) -> bytes:
    """The bytes of a file."""
    stream = BytesIO()
    with h5py.File(stream, "w", libver=version, **options) as file:
        fill(file)
    return stream.getvalue()


def ours(content: bytes) -> tuple[dict[str, bytes], bool]:
    """The texts of the root, and whether anything lies outside of the file."""
    blocks = Blocks(lambda at, length: content[at : at + length], len(content))
    found = texts(blocks, blocks.messages(blocks.root), WANTED)
    return found, bool(check_objects(blocks))


def theirs(content: bytes) -> tuple[dict[str, bytes], bool]:
    """The same by h5py."""
    with h5py.File(BytesIO(content)) as file:
        found = {name: file.attrs[name] for name in WANTED & file.attrs.keys()}
        values = {name: value.encode() if isinstance(value, str) else bytes(value) for name, value in found.items()}
        return values, any(map(_outside, _members(file, {file.id})))


def _members(group: Any, seen: set[Any]) -> list[Any]:
    """Everything below a group: datasets, types, and links that are none of this file's objects."""
    found: list[Any] = []
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            found.append(link)
            continue
        member = group[name]
        if member.id in seen:
            continue
        seen.add(member.id)
        found += _members(member, seen) if isinstance(member, h5py.Group) else [member]
    return found


def _outside(member: Any) -> bool:
    return (
        bool(member.is_virtual or member.external)
        if isinstance(member, h5py.Dataset)
        else not isinstance(member, h5py.Datatype)
    )


def refused(content: bytes) -> str:
    with pytest.raises(Hdf5Error) as caught:
        ours(content)
    assert caught.value.kind == "unsupported"
    return caught.value.text


@pytest.mark.parametrize("version", VERSIONS, ids="-".join)
@pytest.mark.parametrize("word", READ)
def test_what_is_read(word: str, version: tuple[str, str]) -> None:
    content = written(READ[word], version)
    assert content[8] == (0 if version == OLD else 2 if version == VERSIONS[1] else 3)
    assert ours(content) == theirs(content)


@pytest.mark.parametrize("version", [OLD, *VERSIONS[2:]], ids="-".join)  # 1.8 has no such datasets
def test_a_virtual_dataset(version: tuple[str, str]) -> None:
    content = written(virtual, version)
    assert ours(content) == theirs(content) == ({}, True)


@pytest.mark.parametrize("version", VERSIONS, ids="-".join)
@pytest.mark.parametrize("word", OLD_ALONE)
def test_what_is_read_of_the_first_version_alone(word: str, version: tuple[str, str]) -> None:
    fill, why = OLD_ALONE[word]
    content = written(fill, version)
    if version == OLD:
        assert ours(content) == theirs(content)
    else:
        assert why in refused(content)


@pytest.mark.parametrize("version", VERSIONS, ids="-".join)
@pytest.mark.parametrize("word", FILTERED)
def test_known_filters_are_read_but_in_layouts_that_the_runtime_does_not_know(
    word: str, version: tuple[str, str]
) -> None:
    content = written(FILTERED[word], version)
    if version == LATEST and h5py.version.hdf5_version_tuple >= (2, 0, 0):
        assert refused(content) == "a layout of version 5"
    else:
        assert ours(content) == theirs(content)


@pytest.mark.parametrize("version", [OLD, VERSIONS[2]], ids="-".join)
@pytest.mark.parametrize("word", REFUSED)
def test_what_is_refused(word: str, version: tuple[str, str]) -> None:
    fill, why = REFUSED[word]
    assert why in refused(written(fill, version))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"track_order": True}, None),
        ({"fs_strategy": "fsm", "fs_persist": True}, None),
        ({"alignment_threshold": 1, "alignment_interval": 4096}, None),
        ({"meta_block_size": 65_536}, None),
        ({"fs_strategy": "page"}, None),
        ({"userblock_size": 512}, "it does not begin as one"),
    ],
)
def test_files_with_options(tmp_path: Path, options: dict[str, Any], why: str | None) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", **options) as file:
        file.attrs["text"] = "hello"
        file["w"] = ROWS
    content = path.read_bytes()
    if why is None:
        assert ours(content) == theirs(content) == ({"text": b"hello"}, False)
    else:
        with pytest.raises(Hdf5Error, match=why):
            ours(content)


def test_addresses_of_another_size(tmp_path: Path) -> None:
    sizes = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    sizes.set_sizes(4, 4)
    path = tmp_path / "m.h5"
    h5py.h5f.create(str(path).encode(), h5py.h5f.ACC_TRUNC, sizes).close()
    assert refused(path.read_bytes()) == "addresses that do not have 8 bytes, or do not begin at 0"


@pytest.mark.parametrize("padding", [h5py.h5t.STR_NULLTERM, h5py.h5t.STR_NULLPAD, h5py.h5t.STR_SPACEPAD])
@pytest.mark.parametrize(
    "content", [b"hello     ", b"hello\0\0\0\0\0", b"he\0lo\0\0\0\0\0", b"helloworld", b"a  \0  \0   ", b"\0" * 10]
)
def test_padded_texts(padding: int, content: bytes) -> None:
    def fill(file: Any) -> None:
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(len(content))
        kind.set_strpad(padding)
        made = h5py.h5a.create(file.id, b"text", kind, h5py.h5s.create(h5py.h5s.SCALAR))
        made.write(np.frombuffer(content, f"S{len(content)}").reshape(()), mtype=kind)

    file = written(fill)
    assert ours(file) == theirs(file)


@pytest.mark.parametrize("version", [OLD, VERSIONS[2]], ids="-".join)
@pytest.mark.parametrize("text", [str, np.bytes_], ids=["variable", "fixed"])
def test_a_model_of_keras(tmp_path: Path, version: tuple[str, str], text: Callable[[str], Any]) -> None:
    config = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": [INPUT, DENSE]}})
    if text is np.bytes_:
        config = config.encode()  # type: ignore[assignment]

    def fill(file: Any) -> None:
        file.attrs.update(keras_version="2.15.0", model_config=text(config), backend="tensorflow")
        weights = file.create_group("model_weights/dense/dense")
        weights["kernel:0"], weights["bias:0"] = np.zeros((8, 2), np.float32), np.zeros(2, np.float32)

    found = inspect(write(tmp_path, {"m.h5": written(fill, version)}), framework="keras")
    assert (found.verdict, found.reason, found.text) == ("ready", "", "")


@pytest.mark.parametrize("version", [OLD, VERSIONS[2]], ids="-".join)
def test_files_that_are_cut(version: tuple[str, str]) -> None:
    def fill(file: Any) -> None:
        many_attributes(file) if version == OLD else texts_of(text="hello")(file)
        groups(5)(file)
        dataset(ROWS, chunks=(7, 3))(file)

    content = written(fill, version)
    for length in {*range(0, 300, 7), *range(300, len(content), 211), len(content) - 1}:
        with pytest.raises(Hdf5Error) as caught:
            ours(content[:length])
        assert caught.value.kind == "truncated", length


names = st.text(st.characters(exclude_characters="/.\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
shapes = st.lists(st.integers(0, 5), max_size=3).map(tuple)
kinds = st.sampled_from(["f2", "f4", "f8", "i1", "i8", "u4", ">f4", "S3", "?", "c8"])


@st.composite
def datasets(draw: st.DrawFn) -> Fill:
    """A dataset in one of the layouts."""
    shape, kind, name = draw(shapes), draw(kinds), draw(names)
    options: dict[str, Any] = {}
    if shape and all(shape) and draw(st.booleans()):
        options["chunks"] = tuple(draw(st.integers(1, size)) for size in shape)
        options |= {"shuffle": draw(st.booleans()), "fletcher32": draw(st.booleans())}
        if draw(st.booleans()):
            options["maxshape"] = tuple(draw(st.sampled_from([size, None])) for size in shape)
    return lambda group: group.require_group("data").create_dataset(f"{name}_", shape, kind, **options)


def attributes() -> st.SearchStrategy[Fill]:
    """A text of either form, or a number, at the root."""
    words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)
    value = words | words.map(lambda text: np.bytes_(text.encode())) | st.integers(0, 9)
    return st.builds(lambda name, one: texts_of(**{name: one}), st.sampled_from(["a", "b", "c"]), value) | st.builds(
        lambda name, one: texts_of(**{name: one}), st.sampled_from(sorted(WANTED)), words
    )


@settings(deadline=None, max_examples=120)
@given(
    st.lists(attributes(), max_size=5),
    st.lists(datasets(), max_size=5, unique_by=id),
    st.sampled_from(VERSIONS[:-1]),
)
def test_any_file(some: list[Fill], more: list[Fill], version: tuple[str, str]) -> None:
    """At most eight of everything, which every version keeps in the header itself."""

    def fill(file: Any) -> None:
        for number, one in enumerate([*some, *more]):
            one(file if number < len(some) else file.create_group(f"g{number}"))

    content = written(fill, version)
    assert ours(content) == theirs(content)
