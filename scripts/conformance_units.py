"""The golden vectors of single rules: parsing, shapes, windows, images, flows, Java's order and number text."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from conformance_flow import flow, validator
from PIL import Image

from migrate.server.errors import HttpError
from migrate.server.inputs import feeds_of
from migrate.server.java import hash_order
from migrate.server.layouts import Layout, layout_of_shape
from migrate.server.model import Field, ImageTransformer, Index, Model
from migrate.server.parsing.images import lift_table, read_picture, tensor_of
from migrate.server.parsing.json import BuildError, build_tensor
from migrate.server.rendering.image import images_of
from migrate.server.rendering.json import tensor_text
from migrate.server.tensors import resolve_shape, roll

Vector = dict[str, Any]
LARGE = 1 << 40


class AbsentError(Exception):
    """The golden folder does not have a file of a vector; the text says which."""


def unit_results(golden: Path) -> Iterator[tuple[str, str, str]]:
    """For each vector its name, ``pass``, ``fail``, ``missing`` or ``absent``, and a remark."""
    vectors = json.loads((golden / "unit_vectors.json").read_text(encoding="utf-8"))
    for kind, entries in vectors.items():
        if kind.endswith("_note"):
            continue
        for number, vector in enumerate(entries if isinstance(entries, list) else [entries]):
            yield (f"{kind}[{number}]", *_run(kind, vector, golden))


def _run(kind: str, vector: Vector, golden: Path) -> tuple[str, str]:
    check = _CHECKS.get(kind)
    if check is None:
        return "missing", "the runtime of this rule does not exist yet"
    try:
        expected, found = check(vector, golden)
    except AbsentError as error:
        return "absent", str(error)
    return ("pass", "") if expected == found else ("fail", f"{found!r}, expected {expected!r}")


def _parse(vector: Vector, golden: Path) -> tuple[object, object]:
    del golden
    try:
        tensor = build_tensor(vector["input"])
    except BuildError as error:
        return vector["expect"], {"error": str(error)}
    found = {"type": tensor.type, "shape": list(tensor.data.shape), "nullable": tensor.nulls is not None}
    return vector["expect"], found


def _parse_file(vector: Vector, golden: Path) -> tuple[object, object]:
    del golden
    tensors = {name: build_tensor(value) for name, value in vector["json"].items()}
    return vector["expect"], {name: {"type": t.type, "shape": list(t.data.shape)} for name, t in tensors.items()}


def _resolve(vector: Vector, golden: Path) -> tuple[object, object]:
    del golden
    try:
        return vector["expect"], list(resolve_shape(tuple(vector["from"]), tuple(vector["to"])))
    except HttpError:
        return vector["expect"], "error"


def _reshape_roll(vector: Vector, golden: Path) -> tuple[object, object]:
    del golden
    data = build_tensor(vector["data"]).data
    if vector["op"] == "reshape":
        return vector["expect"], data.reshape(resolve_shape(data.shape, tuple(vector["to"]))).tolist()
    axis = vector.get("axis", 0)
    # The server rolls over the first axis; another one is the same with the axes moved there and back.
    rolled = np.moveaxis(roll(np.moveaxis(data, axis, 0), vector["window"]), (0, 1), (axis, axis + 1))
    return vector["expect"], rolled.tolist()


def _fields(vector: Vector, golden: Path) -> tuple[object, object]:
    del golden
    raw = vector["field"]
    indexes = tuple(Index(name=i["name"], index=i.get("index"), type=i.get("type")) for i in raw.get("fields", []))
    field = Field(name=raw["name"], type=raw["type"], shape=tuple(raw["shape"]), fields=indexes)
    model = Model(
        schema=1, id="", engine="", entry="", inputs=(field,), outputs=(), rolling_windows_size=vector["batch_size"]
    )
    found = [
        feeds_of(model, {name: build_tensor(value) for name, value in given.items()})[field.name].tolist()
        for given in vector["inputs"]
    ]
    return [vector["expect"]] * len(found), found


def _image_shape(vector: Vector, golden: Path) -> tuple[object, object]:
    del golden
    layout = layout_of_shape(tuple(vector["shape"]))
    if layout is None:
        return vector["expect"], None
    return vector["expect"], {
        "image_shape": list(layout.axes),
        "property_chanel": list(layout.channels),
        "channel_index": layout.axes.index("CHANEL"),
    }


def _file(pixels: Any) -> bytes:
    buffer = BytesIO()
    Image.fromarray(np.array(pixels, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _image_to_tensor(vector: Vector, golden: Path) -> tuple[object, object]:
    shape = tuple(vector.get("field_shape", (-1, -1, -1, 2)))
    layout = layout_of_shape(shape) or Layout(("BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"), ("BLUE", "RED"))
    transformer = ImageTransformer(layout.axes, layout.channels)  # type: ignore[arg-type]
    field = Field(name="image", type="float", shape=shape, image_transformer=transformer)
    if "file" in vector:
        source = golden / vector["file"]
        if not source.exists():
            raise AbsentError(f"{vector['file']} is not in this folder")
        files = [source.read_bytes()]
    elif "sizes_wh" in vector:
        files = [_file(np.zeros((height, width, 3))) for width, height in vector["sizes_wh"]]
    else:
        files = [_file(vector["pixels_rgb_rows"])]
    pictures = [read_picture(content, pixel_limit=LARGE, plain_gray=False) for content in files]
    try:
        tensor = tensor_of(pictures, field, layout)
    except HttpError as error:
        return vector.get("error"), error.message
    if "expect_file" in vector:
        wanted = np.asarray(Image.open(golden / vector["expect_file"]).convert("RGB"))
        return wanted.tolist(), images_of("image", tensor.data, layout)[0].tolist()
    return (vector.get("expect_type", tensor.type), vector["expect"]), (tensor.type, tensor.data.tolist())


def _tensor_to_image(vector: Vector, golden: Path) -> tuple[object, object]:
    del golden
    data = np.array(vector["data"])
    image = images_of("image", data, layout_of_shape(tuple(vector["shape"])))[0]
    found = {}
    for place in vector["expect_rgb_xy"]:
        x, y = map(int, place.split(","))
        found[place] = image[y, x].tolist()
    return vector["expect_rgb_xy"], found


def _hash_order(vector: Vector, golden: Path) -> tuple[object, object]:
    del golden
    return vector["expect"], list(hash_order(vector["names"]))


def _float_text(vector: Vector, golden: Path) -> tuple[object, object]:
    del golden
    number = np.array([vector.get("float32", vector.get("float64"))], np.float32 if "float32" in vector else np.float64)
    return vector["text"], tensor_text(number)[1:-1].decode()


def _gray_to_rgb(vector: Vector, golden: Path) -> tuple[object, object]:
    del golden
    table = lift_table()
    return vector["samples"], {shade: int(table[int(shade)]) for shade in vector["samples"]}


_CHECKS: dict[str, Callable[[Vector, Path], tuple[object, object]]] = {
    "parse": _parse,
    "parse_files": _parse_file,
    "resolve_shape": _resolve,
    "reshape_roll": _reshape_roll,
    "fields": _fields,
    "image_shape": _image_shape,
    "image_to_tensor": _image_to_tensor,
    "tensor_to_image": _tensor_to_image,
    "java_hashmap_order": _hash_order,
    "java_float_text": _float_text,
    "java_gray_to_rgb": _gray_to_rgb,
    "flow": lambda vector, _: flow(vector),
    "validator": lambda vector, _: validator(vector),
}
