"""Images in and out over HTTP: pixels as the Java runtime read them, files byte for byte as the JDK wrote them."""

import json
import struct
import zlib
from base64 import b64decode
from io import BytesIO
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from migrate.server.layouts import BATCH, CHANNEL, HEIGHT, WIDTH, Layout, layout_of_shape
from migrate.server.model import Field
from migrate.server.parsing.images import lift_table, read_picture, tensor_of
from migrate.server.parsing.resize import area_average
from migrate.server.rendering.image import encode_jpeg, images_of
from tests.server.process import Answer, Server

SHADES = np.array([[0, 1, 64, 128, 200, 255]] * 2, np.uint8)
COLOURS = np.random.default_rng(5).integers(0, 256, (2, 3, 3), dtype=np.uint8)
NO_TENSOR = "Impossible to convert object into tensor : "
PNG = {"Content-Type": "image/png"}
Part = tuple[str, str, bytes]


def png(pixels: Any, mode: str | None = None, kind: str = "PNG") -> bytes:
    buffer = BytesIO()
    image = Image.fromarray(np.asarray(pixels))
    (image if mode is None else image.convert(mode)).save(buffer, kind)
    return buffer.getvalue()


def pixels(found: Answer) -> Any:
    assert found.status == 200, found.body
    return found.json()["y"]


def multipart(*parts: Part, end: str = "--B--\r\n") -> bytes:
    heads = (
        f'--B\r\nContent-Disposition: form-data; name="{name}"; filename="part"\r\n{kind}\r\n\r\n'.replace(
            "\r\n\r\n\r\n", "\r\n\r\n"
        )
        for name, kind, _ in parts
    )
    return (
        b"".join(head.encode() + body + b"\r\n" for head, (_, _, body) in zip(heads, parts, strict=True)) + end.encode()
    )


def post(server: Server, path: str, *parts: Part, end: str = "--B--\r\n", **headers: str) -> Answer:
    sent = {"Content-Type": "multipart/form-data; boundary=B", **headers}
    return server.call("POST", path, multipart(*parts, end=end), sent)


def test_gray_images(packed: Server) -> None:
    assert pixels(packed.call("POST", "/gray/eval", png(SHADES), PNG)) == SHADES.astype(float).tolist()
    lifted = pixels(packed.call("POST", "/rgb/eval", png(SHADES), PNG))
    assert [pixel[0] for pixel in lifted[0]] == [0, 13, 137, 188, 229, 255]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_colour_images(packed: Server, kind: str) -> None:
    body = png(COLOURS, kind=kind)
    assert pixels(packed.call("POST", "/rgb/eval", body, PNG)) == COLOURS.astype(float).tolist()
    luma = (COLOURS.astype(int) @ [299, 587, 114] + 500) // 1000
    assert pixels(packed.call("POST", "/gray/eval", body, PNG)) == luma.astype(float).tolist()


def test_alpha_is_dropped_without_blending(packed: Server) -> None:
    clear = np.dstack([COLOURS, np.zeros((2, 3), np.uint8)])
    assert pixels(packed.call("POST", "/rgb/eval", png(clear), PNG)) == COLOURS.astype(float).tolist()


def test_palettes_are_indexes_for_gray_and_colours_for_rgb() -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    for kind in ("PNG", "GIF"):
        buffer = BytesIO()
        image.save(buffer, kind)
        picture = read_picture(buffer.getvalue(), pixel_limit=100, plain_gray=False)
        colours = picture.colour.tolist()
        index = picture.band("GRAY_SCALE")
        assert colours[0] == [[10, 20, 30], [40, 50, 60]]
        assert index[0, 1] == index[1, 1]


def test_images_of_other_depths() -> None:
    one_bit = read_picture(png(SHADES > 100, "1"), pixel_limit=100, plain_gray=False)
    assert one_bit.band("GRAY_SCALE")[0].tolist() == [0, 0, 0, 1, 1, 1]
    assert one_bit.band("RED")[0].tolist() == [0, 0, 0, 255, 255, 255]
    deep = read_picture(png(np.array([[0, 40000, 65535]], np.uint16)), pixel_limit=100, plain_gray=False)
    assert deep.band("GRAY_SCALE").tolist() == [[0, 40000, 65535]]
    assert deep.band("BLUE").tolist() == [[0, 205, 255]]


def _with_chunks(depth: int, kind: int, rows: Any) -> bytes:
    """A PNG of one channel layout, written by hand: Pillow writes none of 16 bits in colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], depth, kind, 0, 0, 0)
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def test_16_bit_colours_are_rounded() -> None:
    rows = np.array([[[0, 128, 129], [256, 40000, 65535]]], np.uint16)
    wanted = [[[0, 0, 1], [1, 156, 255]]]
    assert read_picture(_with_chunks(16, 2, rows), pixel_limit=9, plain_gray=False).colour.tolist() == wanted
    clear = np.dstack([rows, np.array([[0, 65535]], np.uint16)])
    found = read_picture(_with_chunks(16, 6, clear), pixel_limit=9, plain_gray=False)
    assert (found.colour.tolist(), found.alpha.tolist()) == (wanted, [[0, 255]])  # type: ignore[union-attr]


def test_16_bit_gray_with_alpha_is_lifted() -> None:
    rows = np.array([[[0, 9], [40000, 0], [65535, 65535]]], np.uint16)
    found = read_picture(_with_chunks(16, 4, rows), pixel_limit=9, plain_gray=False)
    assert found.band("BLUE").tolist() == [[0, 205, 255]]


def _matrix_profile() -> bytes:
    """A profile of sRGB whose red and green columns have changed places, which no reader takes for sRGB."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")


@pytest.mark.parametrize(
    ("kind", "profile", "turned"),
    [
        ("TIFF", "other", True),
        ("JPEG", "other", True),
        ("PNG", "other", False),
        ("TIFF", "srgb", False),
        ("TIFF", "broken", False),
    ],
)
def test_colour_profiles(kind: str, profile: str, turned: bool) -> None:
    content = {
        "other": _matrix_profile(),
        "srgb": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        "broken": b"no profile",
    }[profile]
    buffer = BytesIO()
    more = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    Image.new("RGB", (8, 8), (250, 30, 60)).save(buffer, kind, icc_profile=content, **more)
    found = read_picture(buffer.getvalue(), pixel_limit=100, plain_gray=False).colour[0, 0]
    assert np.abs(found - ([30, 250, 60] if turned else [250, 30, 60])).max() <= 2


@pytest.mark.parametrize("channels", [("RED", "GREEN", "BLUE"), ("BLUE", "RED", "GREEN"), ("GRAY_SCALE",), ("RED",)])
@pytest.mark.parametrize("batch", [0, 1, 3, None])
@pytest.mark.parametrize("places", list(permutations((CHANNEL, HEIGHT, WIDTH))))
def test_every_layout(channels: tuple[str, ...], batch: int | None, places: tuple[str, ...]) -> None:
    axes = list(places)
    if batch is not None:
        axes.insert(batch, BATCH)
    field = Field("x", "integer", (-1,) * len(axes))
    pictures = [read_picture(png(COLOURS + add), pixel_limit=99, plain_gray=False) for add in (0, 7, 9)]
    for sent in (pictures[:1], pictures):
        found = tensor_of(sent, field, Layout(tuple(axes), channels)).data
        assert found.dtype in {np.dtype(np.uint8), np.dtype(np.int32)}
        assert found.flags.c_contiguous
        # From here with the axes batch, channel, height, width.
        wanted = np.array([[picture.band(channel) for channel in channels] for picture in sent])
        if batch is None:
            found, axes_of_all = found[np.newaxis], [BATCH, *axes]
            wanted = wanted[-1:]
        else:
            axes_of_all = axes
        order = [axes_of_all.index(axis) for axis in (BATCH, CHANNEL, HEIGHT, WIDTH)]
        assert np.array_equal(found.transpose(order), wanted)


def test_resizing_lifts_gray_first(packed: Server) -> None:
    flat = np.full((5, 7), 128, np.uint8)
    twice = int(lift_table()[lift_table()[128]])
    assert twice == 223
    assert pixels(packed.call("POST", "/small/eval", png(flat), PNG)) == [[[float(twice)] * 3] * 2] * 2


def test_area_averaging_is_the_same_summed_at_once_and_row_by_row() -> None:
    # 300 x 300 pixels stay below 2**24 in exact sums, 2,000 x 40 do not.
    rng = np.random.default_rng(3)
    small = rng.integers(0, 256, (40, 30, 3))
    wide = np.repeat(np.repeat(small, 20, axis=0), 20, axis=1)
    expected = area_average(small, None, 10, 10)
    assert np.abs(area_average(wide, None, 10, 10).astype(np.int32) - expected).max() <= 1
    opaque = np.full(small.shape[:2], 255)
    assert np.array_equal(area_average(small, opaque, 10, 10), expected)


@pytest.mark.parametrize("body", [b"", b"nonsense", png(SHADES)[:-30], png(SHADES, kind="JPEG")[:100]])
def test_what_is_no_image(packed: Server, body: bytes) -> None:
    refused = packed.call("POST", "/gray/eval", body, {"Content-Type": "image/jpeg"})
    assert (refused.status, refused.json()["message"]) == (400, "Unable to load image from given bytes...")


def test_models_that_take_no_image(packed: Server) -> None:
    several = packed.call("POST", "/types/eval", png(SHADES), PNG).json()
    assert several["message"] == "Your model takes several tensors as parameters but you provided only one"
    other = packed.call("POST", "/flat/eval", png(SHADES), PNG).json()
    assert other["message"] == "Unable to feed an image as tensor on a non-tensor model"


def test_parts_of_one_name_are_a_batch(packed: Server) -> None:
    parts = [("x", "Content-Type: image/png", png(COLOURS)), ("x", "", png(COLOURS[:, ::-1]))]
    assert pixels(post(packed, "/rgb/eval", *parts)) == [COLOURS.tolist(), COLOURS[:, ::-1].tolist()]
    ignored = [("other", "Content-Type: image/png", b""), ("x", "Content-Type: text/plain", b"hello")]
    assert pixels(post(packed, "/rgb/eval", *ignored, parts[0])) == COLOURS.tolist()
    apart = post(packed, "/rgb/eval", parts[0], ("x", "", png(COLOURS[:1])))
    message = "To merge several images as a tensor, all images should have the same height. Found several : 2"
    assert apart.json() == {"status": 400, "message": message}


def test_json_parts_gain_a_dimension_and_win(packed: Server) -> None:
    value = ("x", "Content-Type: application/json", b"[[[5, 6, 7]]]")
    image = ("x", "Content-Type: image/png", png(COLOURS))
    assert post(packed, "/rgb/eval", image, value).json() == {"y": [5.0, 6.0, 7.0]}
    columns = [(name, "Content-Type: application/json", b"2") for name in "abc"]
    assert post(packed, "/table/eval", *columns, *columns).json() == {
        "a2": [4.0, 4.0],
        "b2": [4.0, 4.0],
        "c2": [4.0, 4.0],
    }
    named = b'--B\r\nContent-Disposition: form-data; name="x"; filename="v.json"\r\n\r\n3\r\n--B--\r\n'
    sent = {"Content-Type": "multipart/form-data; boundary=B"}
    assert packed.call("POST", "/flat/eval", named, sent).json() == {"y": 3.0}


@pytest.mark.parametrize(
    ("parts", "end", "message"),
    [
        ([("x", "Content-Type: application/json", b"[1")], "--B--\r\n", "Unable to load image from bytes"),
        ([("x", "Content-Type: application/json", b"1")], "", "Error while reading multipart body"),
        ([("", "Content-Type: application/json", b"1")], "--B--\r\n", "Unable to find a tensor with name x"),
        (
            [("x", "Content-Type: image/png", b"1")],
            "--B--\r\n",
            "Unable to feed an image as tensor on a non-tensor model",
        ),
        ([("z", "Content-Type: application/json", b"1")], "--B--\r\n", "Unable to find a tensor with name x"),
        (
            [("x", "Content-Type: application/json", b"[1, 2]"), ("x", "Content-Type: application/json", b"[1]")],
            "--B--\r\n",
            f"{NO_TENSOR}Dimension number 1 is expected to be of size 2 but found 1 instead",
        ),
    ],
)
def test_multipart_that_cannot_be_read(packed: Server, parts: list[Part], end: str, message: str) -> None:
    refused = post(packed, "/flat/eval", *parts, end=end)
    assert (refused.status, refused.json()["message"]) == (400, message)


ONE = b"Content-Type: application/json"
NAMED = b'Content-Disposition: form-data; name="x"'


@pytest.mark.parametrize(
    "body",
    [
        b"--B \t\r\n%b\r\n%b\r\n\r\n3\r\n--B-- \r\n" % (ONE, NAMED),
        b"--B\r\n%b\r\n%b\r\n\r\n3\r\n--B  \r\n%b\r\n%b\r\n\r\n4\r\n--B--" % (ONE, NAMED, ONE, NAMED),
        b"--B\r\n%b\r\n%b%b\r\n\r\n3\r\n--B--\r\n" % (ONE, NAMED, b"".join(b"\r\nX-%d: a" % n for n in range(200))),
        b"--B\r\n%b\r\n%b\r\n\r\n3\r\n" % (ONE, NAMED)
        + b'--B\r\nContent-Disposition: form-data; name=""; filename=""\r\n\r\n\r\n'
        + b'--B\r\nContent-Disposition: form-data; name=""\r\n%b\r\n\r\n{\r\n--B--\r\n' % ONE,
    ],
    ids=["blanks at the first boundary", "at another", "many headers", "empty names"],
)
def test_multipart_as_clients_write_it(packed: Server, body: bytes) -> None:
    sent = {"Content-Type": "multipart/form-data; boundary=B"}
    assert packed.call("POST", "/flat/eval", body, sent).json()["y"] in (3.0, [3.0, 4.0])


def test_a_part_without_a_name(packed: Server) -> None:
    sent = {"Content-Type": "multipart/form-data; boundary=B"}
    for disposition in (b"form-data", b'form-data; filename="x"'):
        body = b"--B\r\n%b\r\nContent-Disposition: %b\r\n\r\n3\r\n--B--\r\n" % (ONE, disposition)
        refused = packed.call("POST", "/flat/eval", body, sent)
        assert (refused.status, refused.json()["message"]) == (400, "Error while reading multipart body")


def test_a_boundary_with_blanks_inside_of_a_part_is_no_boundary(packed: Server) -> None:
    sent = {"Content-Type": "multipart/form-data; boundary=B"}
    whole = b'--B\r\n%b\r\n%b\r\n\r\n"a --B "\r\n--B--\r\n' % (ONE, NAMED)
    assert packed.call("POST", "/texts/eval", whole, sent).json() == {"y": "a --B "}


def test_multipart_without_a_boundary(packed: Server) -> None:
    refused = packed.call("POST", "/flat/eval", b"--B--\r\n", {"Content-Type": "multipart/form-data"})
    assert refused.json()["message"] == "Error while reading multipart body"


def test_one_image_as_the_answer(packed: Server) -> None:
    found = packed.call("POST", "/rgb/eval", png(COLOURS), {**PNG, "Accept": "image/png"})
    assert found.headers["content-type"] == "image/png"
    assert np.asarray(Image.open(BytesIO(found.body))).tolist() == COLOURS.tolist()
    jpeg = packed.call("POST", "/gray/eval", png(SHADES), {**PNG, "Accept": "image/jpeg"})
    assert jpeg.headers["content-type"] == "image/jpeg"
    assert jpeg.body == encode_jpeg(SHADES)
    assert jpeg.body[6:13] == b"JFIF\0\1\2"


def test_answers_that_are_no_single_image(packed: Server) -> None:
    wanted = {"Accept": "image/*"}
    two = packed.eval({"x": [[[[1]]], [[[2]]]]}, "/gray/eval", **wanted).json()
    assert two["message"] == "Unable to convert a batch of 2 images into a single image..."
    several = packed.eval({"x": [1, 2, 3]}, "/linear/eval", **wanted).json()
    assert several["message"] == "Unable to convert several tensors ([scores, label]) into a single image..."
    flat = packed.eval({"x": [1, 2, 3]}, "/flat/eval", **wanted).json()
    assert flat["message"] == "Impossible to convert tensor 'y' into image"


def test_low_bits_of_whole_values_are_kept() -> None:
    values = np.array([[300.9, -1.5], [np.nan, 1e30]], np.float32).reshape(1, 2, 2, 1)
    image = images_of("y", values, layout_of_shape((1, 2, 2, 1)))[0]
    assert image.tolist() == [[44, 255], [0, 255]]


def test_html(packed: Server) -> None:
    page = {"Accept": "text/html"}
    assert packed.eval({"x": [1, 2, 2]}, "/linear/eval", **page).body == (
        b"<h1>scores</h1><ul><li>2.0</li><li>3.0</li></ul><h1>label</h1><p>1</p>"
    )
    texts = packed.eval({"x": [["<b>", "&"], ["c", "d"]]}, "/texts/eval", **page).body
    assert texts == b'<h1>y</h1><code>[["&lt;b&gt;","&amp;"],["c","d"]]</code>'
    assert packed.eval({"x": ["é"]}, "/texts/eval", **page).body == "<h1>y</h1><p>é</p>".encode()
    images = packed.call("POST", "/gray/eval", png(SHADES), {**PNG, "Accept": "text/html; Y=image/jpeg"}).body.decode()
    head = '<h1>y</h1><img id="ItemPreview" src="data:image/jpeg;base64,'
    assert images.startswith(head)
    assert b64decode(images.removeprefix(head).removesuffix('">')) == encode_jpeg(SHADES)
    as_json = packed.call("POST", "/gray/eval", png(SHADES), {**PNG, "Accept": "text/html;y=application/json"}).body
    assert as_json.startswith(b"<h1>y</h1><code>[[0.0,1.0,")
    forced = packed.eval({"x": [1, 2]}, "/flat/eval", Accept="text/html;y=image/png").json()
    assert forced["message"] == "Impossible to convert tensor 'y' into image"


def test_multipart_answers(packed: Server) -> None:
    body = {"x": [[[[1], [2]]], [[[3], [4]]]]}
    found = packed.eval(body, "/gray/eval", Accept="multipart/form-data")
    boundary = (
        found.headers["content-type"].removeprefix("multipart/form-data;boundary=").removesuffix(";charset=UTF-8")
    )
    assert boundary.startswith("jetty")
    pieces = found.body.split(f"--{boundary}".encode())
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    assert len(pieces) == 4
    head = b'\r\nContent-Type: image/png\r\nContent-Disposition: form-data; name="y"; filename="y.png"\r\n\r\n'
    for piece, expected in zip(pieces[1:-1], ([[1, 2]], [[3, 4]]), strict=True):
        assert piece.startswith(head)
        assert np.asarray(Image.open(BytesIO(piece.removeprefix(head)))).tolist() == expected
    as_json = packed.eval(body, "/gray/eval", Accept="multipart/form-data;y=text/plain")
    assert json.loads(as_json.body.split(b"\r\n\r\n")[1].split(b"\r\n--")[0]) == [[1.0, 2.0], [3.0, 4.0]]
