"""What ``h5py`` is asked to write: functions that fill a file, by what becomes of it."""

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

Fill = Callable[[Any], None]


def texts_of(**values: Any) -> Fill:
    return lambda file: file.attrs.update(values)


def dataset(values: Any = None, **options: Any) -> Fill:
    return lambda file: file.create_dataset("w", data=values, **options)


def many_attributes(file: Any) -> None:
    for number in range(30):
        file.attrs[f"n{number}"] = "v" * number
    file.attrs["text"] = "hello"


def attributes_again(file: Any) -> None:
    """An object header with holes and continuations."""
    for number in range(60):
        file.attrs["text"] = "y" * number * 37
        file.attrs[f"k{number % 5}"] = np.arange(number)
    for number in range(5):
        del file.attrs[f"k{number}"]


def groups(count: int, **options: Any) -> Fill:
    def fill(file: Any) -> None:
        top = file.create_group("top", **options)
        for number in range(count):
            top.create_group(f"g{number}")

    return fill


def deleted(file: Any) -> None:
    for number in range(40):
        file[f"w{number}"] = np.arange(50.0)
    for number in range(0, 40, 2):
        del file[f"w{number}"]


def compact(file: Any) -> None:
    options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    options.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((10,))
    made = h5py.h5d.create(file.id, b"w", h5py.h5t.NATIVE_FLOAT, space, options)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(10, dtype=np.float32))


def circle(file: Any) -> None:
    inner = file.create_group("a").create_group("b")
    inner["up"] = file
    inner["again"] = file["a"]


def named_type(file: Any) -> None:
    file["kind"] = np.dtype("f8")
    file.create_dataset("w", data=np.arange(3.0), dtype=file["kind"])


def shared_type(file: Any) -> None:
    file["kind"] = np.dtype("S5")
    file.attrs.create("text", b"hello", dtype=file["kind"])


def scales(file: Any) -> None:
    file["w"], file["x"] = np.arange(3.0), np.arange(3.0)
    file["x"].make_scale("x")
    file["w"].dims[0].attach_scale(file["x"])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((10,), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "w", (10,))
    file.create_virtual_dataset("v", layout)


def linked(link: Any) -> Fill:
    def fill(file: Any) -> None:
        file["w"] = 1.0
        file["link"] = link

    return fill


def hard_link(file: Any) -> None:
    file["w"] = 1.0
    file["v"] = file["w"]


ROWS = np.arange(1000.0).reshape(100, 10)
READ: dict[str, Fill] = {
    "nothing": lambda _: None,
    "fixed text": texts_of(text=np.bytes_(b"hello")),
    "variable text": texts_of(text="hello é"),
    "empty texts": texts_of(text="", other=np.bytes_(b"")),
    "two texts": texts_of(text="a", other="b"),
    "long variable text": texts_of(text="x" * 300_000),
    "long fixed text": texts_of(text=np.bytes_(b"x" * 60_000)),
    "other attributes": texts_of(text="a", number=5.5, names=np.array([b"ab", b"cd"]), nothing=h5py.Empty("S3")),
    "attributes written again": attributes_again,
    "a number": dataset(5.0),
    "contiguous": dataset(ROWS),
    "no values": dataset(np.zeros((0, 4))),
    "null": dataset(h5py.Empty("f4")),
    "never written": dataset(shape=(10,), dtype="f4"),
    "filled": dataset(shape=(10,), dtype="f4", fillvalue=3.0),
    "compact": compact,
    "chunked": dataset(ROWS, chunks=(7, 3)),
    "one chunk": dataset(ROWS, chunks=(100, 10)),
    "resizable": dataset(ROWS, maxshape=(None, 10)),
    "resizable twice": dataset(ROWS, maxshape=(None, None)),
    "texts": dataset(np.array(["a", "bb"], h5py.string_dtype())),
    "fixed texts": dataset(np.array([b"a", b"bb"])),
    "lists": dataset(shape=(2,), dtype=h5py.vlen_dtype("i4")),
    "records": dataset(np.zeros(3, [("a", "f4"), ("b", "i8")])),
    "truth values": dataset(np.array([True, False])),
    "half precision": dataset(np.arange(4, dtype="f2")),
    "complex": dataset(np.arange(4, dtype="c8")),
    "big endian": dataset(np.arange(4, dtype=">i2")),
    "references": lambda file: dataset(np.array([file.ref], h5py.ref_dtype))(file),
    "scales": scales,
    "few groups": groups(5),
    "few groups in order": groups(5, track_order=True),
    "a circle": circle,
    "a hard link": hard_link,
    "a soft link": linked(h5py.SoftLink("/w")),
    "a link nowhere": linked(h5py.SoftLink("/gone")),
    "a link to a file": linked(h5py.ExternalLink("other.h5", "/w")),
    "values in a file": dataset(shape=(10,), dtype="f8", external=[("other.bin", 0, 80)]),
    "names": lambda file: file.create_group("é中/" + "n" * 300),
}
"""What every version of the library writes so that it is read."""

OLD_ALONE: dict[str, tuple[Fill, str]] = {
    "many attributes": (many_attributes, "attributes in a heap of their own"),
    "many groups": (groups(200), "links in a heap of their own"),
    "a tree of groups": (groups(3000), "links in a heap of their own"),
    "deleted members": (deleted, "links in a heap of their own"),
}
"""What the first version writes so that it is read; newer ones put it where no model of Keras has it."""

FILTERED: dict[str, Fill] = {
    "gzip": dataset(ROWS, chunks=(10, 10), compression="gzip"),
    "all known filters": dataset(ROWS, chunks=(10, 10), compression="gzip", shuffle=True, fletcher32=True),
    "checksum": dataset(ROWS, chunks=(10, 10), fletcher32=True),
}

REFUSED: dict[str, tuple[Fill, str]] = {
    "a list of one text": (texts_of(text=["only"]), "no single value"),
    "several texts": (texts_of(text=np.array([b"ab", b"cd"])), "no single value"),
    "no text": (texts_of(text=h5py.Empty("S10")), "no single value"),
    "a number as text": (texts_of(text=5), "no text"),
    "a shared type": (shared_type, "a shared type"),
    "a named type": (named_type, "shared or missing type"),
    "many groups in order": (groups(20, track_order=True), "links in a heap of their own"),
    "lzf": (dataset(ROWS, chunks=(10, 10), compression="lzf"), "the filter 32000"),
    "scale and offset": (dataset(np.arange(100), chunks=(10,), scaleoffset=3), "the filter 6"),
    "much out of little": (dataset(shape=(9_000_000,), dtype="f4", compression="gzip"), "unpack to 36000000 bytes"),
}
