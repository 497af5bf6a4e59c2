"""Answers: which form, and each of them: JSON, HTML, several parts, pictures."""

import base64
import json

import numpy as np
from golden.folder import JSON, Golden, answer_part
from golden.models import MANY
from golden.pictures import png

HTML = "text/html;charset=utf-8"
PARTS = "multipart/form-data;boundary=<any>;charset=UTF-8"
PNG = "image/png"
ROWS = {"x": [[1, 2, 3, 4]]}
ANSWER = {"y": np.array([[1, 2, 3, 4]], np.float32)}
COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 8, 7]]])
TOTAL = int(COLOURS.sum())
UNACCEPTABLE = "RESTEASY003635: No match for accept header"


def add(golden: Golden) -> None:
    """Add the cases."""
    texts(golden)
    negotiation(golden)
    html(golden)
    several_parts(golden)
    pictures(golden)


def texts(golden: Golden) -> None:
    """Names in the order of a map, numbers as Java writes them, no dimension of one."""
    subject = "eval answer"
    golden.case(
        "many_names", subject, "many", {"x": [4, 2]}, tensors={name: np.array([4, 2], np.int32) for name in MANY}
    )
    numbers = [0.0, -0.0, 0.1, 1.0, 100.0, 0.001, 0.00099999, 9999999.0, 1e7, 12345678.9, 1e-5, 1.5e-45, 3.4e38, 1 / 3]
    golden.case(
        "float_texts",
        subject,
        "vector",
        {"x": numbers},
        tensors={"y": np.array(numbers, np.float64).astype(np.float32)},
    )
    numbers = [0.1, 1 / 3, 1e22, 123456789.0, 9999999.999, 1e-300, 5e-324, 1.7976931348623157e308, 2.0**-10, 1e21]
    golden.case("double_texts", subject, "precise", {"x": numbers}, tensors={"y": np.array(numbers, np.float64)})
    for name, values in (
        ("one_row", [[[1, 2, 3]]]),
        ("two_rows", [[[1, 2, 3]], [[4, 5, 6]]]),
    ):
        golden.case(f"cube_{name}", subject, "cube", {"x": values}, tensors={"y": np.array(values, np.int64)})
    golden.case("vector_of_one", subject, "vector", {"x": [5]}, tensors={"y": np.array([5], np.float32)})
    for step in ("output:0", "anything", "output:9"):
        golden.case(
            f"whole_by_step_{step.replace(':', '_')}",
            "step",
            "vector",
            {"x": [5]},
            headers={"Step": step},
            tensors={"y": np.array([5], np.float32)},
            whole=True,
        )


def negotiation(golden: Golden) -> None:
    """The first element of the header counts, and weights do not."""
    subject = "negotiation"
    plain = golden.answer_text(ANSWER)
    listed = "<h1>y</h1><ul><li>1.0</li><li>2.0</li><li>3.0</li><li>4.0</li></ul>"
    for word, accept, kind in (
        ("any", "*/*", None),
        ("empty", "", None),
        ("json", "application/json", None),
        ("json_weighted", "application/json;q=0.1, text/html", None),
        ("html", "text/html", HTML),
        ("html_weighted", "text/html;q=0.1, application/json;q=0.9", HTML),
    ):
        expected = {"kind": kind, "text": listed, "ending": "html"} if kind else {"text": plain}
        golden.case(f"accept_{word}", subject, "rows", ROWS, headers={"Accept": accept}, **expected)
    for accept in ("application/*", "text/*"):
        golden.case(
            f"accept_{accept.replace('/*', '_all')}",
            subject,
            "rows",
            ROWS,
            headers={"Accept": accept},
            status=400,
            message=f"Accept header '{accept}' not supported...",
        )
    for accept in ("text/csv", "audio/*", "application/xml"):
        golden.case(
            f"accept_{accept.replace('/', '_').replace('*', 'all')}",
            subject,
            "rows",
            ROWS,
            headers={"Accept": accept},
            status=406,
            message=UNACCEPTABLE,
        )
    for path, accept in (("/describe", "text/html"), ("/", JSON)):
        golden.case(
            f"accept_{accept.partition('/')[2]}_of_{path.strip('/') or 'page'}",
            subject,
            "rows",
            call=f"GET {path}",
            headers={"Accept": accept},
            status=406,
            message=UNACCEPTABLE,
        )


def html(golden: Golden) -> None:
    """A heading for each tensor, and a paragraph, a list, code or a picture."""
    subject = "html"

    def page(name: str, model: str, request: object, body: str, accept: str = "text/html") -> None:
        compare = "html-pictures" if "data:image" in body else "bytes"
        headers = {"Accept": accept}
        golden.case(
            name, subject, model, request, headers=headers, kind=HTML, text=body, ending="html", compare=compare
        )

    page("html_scalar", "vector", {"x": 5}, "<h1>y</h1><p>5.0</p>")
    page(
        "html_matrix",
        "rows",
        {"x": [[1, 2, 3, 4]] * 2},
        f"<h1>y</h1><code>[{'[1.0,2.0,3.0,4.0],' * 2}".rstrip(",") + "]</code>",
    )
    many = {name: f"<h1>{name}</h1><p>7</p>" for name in MANY}
    page("html_many", "many", {"x": 7}, "".join(many[name] for name in golden.java.map_order(MANY)))
    values = {"i": 1, "l": 2, "f": 0.5, "d": 1e-4, "b": True, "s": "a b"}
    texts_of = {"i": "1", "l": "2", "f": "0.5", "d": "1.0E-4", "b": "true", "s": "a b"}
    paragraphs = {f"{name}_out": f"<h1>{name}_out</h1><p>{text}</p>" for name, text in texts_of.items()}
    page("html_types", "types", values, "".join(paragraphs[name] for name in golden.java.map_order(paragraphs)))
    lists = {f"{name}_out": f"<h1>{name}_out</h1><ul>{f'<li>{text}</li>' * 2}</ul>" for name, text in texts_of.items()}
    page(
        "html_lists",
        "types",
        {name: [value] * 2 for name, value in values.items()},
        "".join(lists[name] for name in golden.java.map_order(lists)),
    )
    image = {"image": [COLOURS.tolist()]}
    shown = (
        f'<h1>picture</h1><img id="ItemPreview" src="data:image/png;base64,{base64.b64encode(png(COLOURS)).decode()}">'
    )
    total = f"<h1>total</h1><p>{TOTAL}</p>"
    as_json = f"<h1>picture</h1><code>{json.dumps(COLOURS.tolist(), separators=(',', ':'))}</code>"

    def both(picture: str) -> str:
        return "".join(
            {"picture": picture, "total": total}[name] for name in golden.java.map_order(["picture", "total"])
        )

    page("html_picture", "total", image, both(shown))
    page("html_picture_asked_for", "total", image, both(shown), "text/html; PICTURE=image/*")
    page("html_picture_as_json", "total", image, both(as_json), "text/html; picture=application/json")
    two = base64.b64encode(png(255 - COLOURS)).decode()
    page(
        "html_two_pictures",
        "colours",
        {"image": [COLOURS.tolist(), (255 - COLOURS).tolist()]},
        shown.replace("<h1>picture</h1>", "<h1>pixels</h1>")
        + f'<img id="ItemPreview" src="data:image/png;base64,{two}">',
    )
    golden.case(
        "html_of_no_picture",
        subject,
        "total",
        image,
        headers={"Accept": "text/html; total=image/png"},
        status=400,
        message="Impossible to convert tensor 'total' into image",
    )


def several_parts(golden: Golden) -> None:
    """A part for each tensor, or for each picture of it."""
    subject = "multipart out"

    def parts(
        name: str, model: str, request: object, made: list, accept: str = "multipart/form-data", **more: object
    ) -> None:  # type: ignore[type-arg]
        headers = {"Accept": accept}
        golden.case(name, subject, model, request, headers=headers, kind=PARTS, parts=made, **more)

    names = golden.java.map_order(MANY)
    parts("parts_many", "many", {"x": [7, 8]}, [answer_part(name, JSON, b"[7,8]") for name in names])
    parts("parts_scalar", "vector", {"x": 5}, [answer_part("y", JSON, b"5.0")])
    image = {"image": [COLOURS.tolist(), (255 - COLOURS).tolist()]}
    totals = json.dumps([TOTAL, int((255 - COLOURS).sum())], separators=(",", ":")).encode()
    made = {
        "picture": [answer_part("picture", PNG, png(COLOURS)), answer_part("picture", PNG, png(255 - COLOURS))],
        "total": [answer_part("total", JSON, totals)],
    }
    order = golden.java.map_order(made)
    parts("parts_pictures", "total", image, [part for name in order for part in made[name]])
    listed = json.dumps(image["image"], separators=(",", ":")).encode()
    made["picture"] = [answer_part("picture", JSON, listed)]
    parts(
        "parts_pictures_as_json",
        "total",
        image,
        [part for name in order for part in made[name]],
        "multipart/form-data; picture=application/json",
    )
    slope = np.add.outer(np.arange(16) * 6, np.arange(16) * 8)
    gray = {"image": slope[np.newaxis, :, :, np.newaxis].tolist()}
    parts(
        "parts_jpeg",
        "gray",
        gray,
        [answer_part("pixels", "image/jpeg", golden.java.file(slope, "jpg"))],
        "multipart/form-data; pixels=image/jpeg",
        tolerance=4,
    )


def pictures(golden: Golden) -> None:
    """An answer that is one picture: the low eight bits of whole numbers."""
    subject = "images out"

    def picture(name: str, model: str, pixels: object, expected: object, accept: str = PNG, **more: object) -> None:
        kind = "image/jpeg" if accept == "image/jpeg" else PNG
        golden.case(
            name, subject, model, {"image": pixels}, headers={"Accept": accept}, kind=kind, picture=expected, **more
        )

    picture("picture_of_colours", "colours", [COLOURS.tolist()], COLOURS)
    picture("picture_of_any_kind", "colours", [COLOURS.tolist()], COLOURS, "image/*")
    shades = np.array([[0, 44, 255], [300, -1, 511]])
    picture("picture_of_gray", "gray", shades[np.newaxis, :, :, np.newaxis].tolist(), shades & 255)
    planes = np.arange(72).reshape(1, 3, 4, 6) * 3.7
    picture(
        "picture_of_planes", "small", planes.tolist(), planes[0].transpose(1, 2, 0).astype(np.float32).astype(int) & 255
    )
    slope = np.add.outer(np.arange(16) * 6, np.arange(16) * 8)
    picture("picture_as_jpeg", "gray", slope[np.newaxis, :, :, np.newaxis].tolist(), slope, "image/jpeg", tolerance=6)
    batch = {"image": [COLOURS.tolist()] * 2}
    for name, model, request, message in (
        ("picture_of_a_batch", "colours", batch, "Unable to convert a batch of 2 images into a single image..."),
        ("picture_of_a_vector", "rows", ROWS, "Impossible to convert tensor 'y' into image"),
    ):
        golden.case(name, subject, model, request, headers={"Accept": PNG}, status=400, message=message)
    names = ", ".join(golden.java.map_order(["picture", "total"]))
    golden.case(
        "picture_of_several_tensors",
        subject,
        "total",
        {"image": [COLOURS.tolist()]},
        headers={"Accept": "image/jpeg"},
        status=400,
        message=f"Unable to convert several tensors ([{names}]) into a single image...",
    )
