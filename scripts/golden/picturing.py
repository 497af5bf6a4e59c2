"""Pictures in requests: what Java reads of each kind of file, and what it makes of it for gray and coloured tensors."""

import numpy as np
from golden.folder import JSON, Golden, multipart
from golden.java import Array
from golden.models import samples_of
from golden.pictures import GRAY, GRAY_ALPHA, PALETTE, RGB, RGBA, png

SUBJECT = "images in"
PNG = "image/png"
SHADES = np.array([[0, 1, 16, 64], [128, 200, 254, 255]])
COLOURS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [1, 2, 3]], [[10, 20, 30], [200, 100, 50], [0, 0, 0], [255, 255, 255]]]
)
ALPHA = np.array([[0, 1, 127, 128], [200, 254, 255, 7]])
PALETTE_OF = ((0, 0, 0), (255, 0, 0), (0, 128, 255), (250, 250, 250))
INDEXES = np.array([[0, 1, 2, 3], [3, 2, 1, 0]])
BITS = np.array([[0, 1, 1, 0], [1, 0, 0, 1]])
DEEP = np.array([[0, 1, 255, 256], [40000, 65535, 32768, 12345]])
# A smooth picture: JPEG keeps it nearly as it is.
SLOPE = np.add.outer(np.arange(16) * 6, np.arange(16) * 8)
FREE = "Impossible to convert object into tensor : "
UNDECODABLE = "Unable to load image from given bytes..."


def add(golden: Golden) -> None:
    """Add the cases."""
    kinds(golden)
    other_files(golden)
    scaled(golden)
    refused(golden)


def kinds(golden: Golden) -> None:
    """Each kind of PNG file, for a gray tensor where Java has one sample of it, and for a coloured one."""
    files = {
        "gray": png(SHADES, colour=GRAY),
        "gray_16": png(DEEP, colour=GRAY, depth=16),
        "bits": png(BITS, colour=GRAY, depth=1),
        "palette": png(INDEXES, colour=PALETTE, palette=PALETTE_OF),
        "gray_alpha": png(np.dstack([SHADES, ALPHA]), colour=GRAY_ALPHA),
        "rgb": png(COLOURS, colour=RGB),
        "rgb_16": png(COLOURS * 257 // 2, colour=RGB, depth=16),
        "rgba": png(np.dstack([COLOURS, ALPHA]), colour=RGBA),
    }
    for word, content in files.items():
        samples = golden.java.samples(content)
        if samples.shape[2] == 1:
            read(golden, f"gray_of_{word}", "gray", content, samples)
        read(golden, f"colours_of_{word}", "colours", content, golden.java.colours(content))
    for name, request, answer in samples_of("digits"):
        pixels = np.array(request["image"])
        if pixels.ndim == 3:
            checks = [("digit", answer["digit"]), ("probabilities", answer["probabilities"], 5e-6)]
            golden.case(f"digits_of_{name}", SUBJECT, "digits", png(pixels[:, :, 0]), content_type=PNG, checks=checks)


def read(golden: Golden, name: str, model: str, content: bytes, pixels: Array, kind: str = PNG) -> None:
    """A model that gives its picture back, in a batch of one."""
    tensors = {"pixels": pixels[np.newaxis].astype(np.int32)}
    golden.case(name, SUBJECT, model, content, content_type=kind, tensors=tensors)


def other_files(golden: Golden) -> None:
    """JPEG, and files that are read whatever the header says they are."""
    for model, pixels in (("gray", SLOPE), ("colours", np.dstack([SLOPE, SLOPE[::-1], 255 - SLOPE]))):
        content = golden.java.file(pixels, "jpg")
        found = golden.java.samples(content) if model == "gray" else golden.java.colours(content)
        shown = found[:, :, 0] if model == "gray" else found
        golden.case(
            f"{model}_of_jpeg",
            SUBJECT,
            model,
            content,
            content_type="image/jpeg",
            checks=[("pixels", shown.tolist(), 2), ("keys", ["pixels"])],
        )
    for word in ("bmp", "gif"):
        content = golden.java.file(COLOURS[:, :3], word)
        read(golden, f"colours_of_{word}", "colours", content, golden.java.colours(content))
    read(
        golden, "colours_of_png_sent_as_jpeg", "colours", png(COLOURS), golden.java.colours(png(COLOURS)), "image/jpeg"
    )


def scaled(golden: Golden) -> None:
    """A model of a fixed height and width: pictures of another size are scaled to it by averaging areas."""
    random = np.random.RandomState(7)
    for name, height, width in (("shrunk", 10, 15), ("halved", 8, 12), ("shrunk_unevenly", 4, 17), ("as_it_is", 4, 6)):
        pixels = random.randint(0, 256, (height, width, 3))
        content = png(pixels)
        found = golden.java.shrunk(content, 6, 4) if name != "as_it_is" else pixels
        tensors = {"pixels": found.transpose(2, 0, 1)[np.newaxis].astype(np.float32)}
        golden.case(f"small_{name}", SUBJECT, "small", content, content_type=PNG, tensors=tensors)
    # Java shows gray as colours before it scales, and shows colours as light: 128 becomes 188.
    pixels = random.randint(0, 256, (8, 12))
    found = golden.java.shrunk(png(pixels), 4, 4)[:, :, :1]
    golden.case(
        "thumbnail_shrunk",
        SUBJECT,
        "thumbnail",
        png(pixels),
        content_type=PNG,
        tensors={"y": found[np.newaxis].astype(np.float32)},
    )


def refused(golden: Golden) -> None:
    """What is no picture, and models that take none."""
    good = png(SHADES)
    broken = {
        "nothing": b"",
        "text": b"this is no picture",
        "a_cut_header": good[:20],
        "no_data": good[: good.index(b"IDAT") - 4],
        "cut_data": good[: good.index(b"IDAT") + 8],
    }
    for name, content in broken.items():
        golden.case(f"gray_of_{name}", SUBJECT, "gray", content, content_type=PNG, status=400, message=UNDECODABLE)
    golden.case(
        "picture_for_several_tensors",
        SUBJECT,
        "housing",
        good,
        content_type=PNG,
        status=400,
        message="Your model takes several tensors as parameters but you provided only one",
    )
    golden.case(
        "picture_for_a_plain_field",
        SUBJECT,
        "price-interval",
        good,
        content_type=PNG,
        status=400,
        message="Unable to feed an image as tensor on a non-tensor model",
    )


def form(name: str, content: bytes, kind: str | None, file: str | None = None) -> tuple[dict[str, str], bytes]:
    """A part of a form."""
    named = f'; filename="{file}"' if file else ""
    headers = {"Content-Disposition": f'form-data; name="{name}"{named}'}
    return (headers | ({"Content-Type": kind} if kind else {})), content


def add_forms(golden: Golden) -> None:
    """Requests of several parts: tensors as JSON, pictures, both."""
    kind = "multipart/form-data; boundary=golden"

    def sent(
        name: str, model: str, parts: list[tuple[dict[str, str], bytes]], end: bytes | None = None, **more: object
    ) -> None:
        golden.case(name, "multipart in", model, multipart(parts, end=end), content_type=kind, **more)

    rows = np.array([[1, 2, 3, 4]], np.float32)
    one = form("x", b"[1, 2, 3, 4]", JSON)
    sent("form_of_json", "rows", [one], tensors={"y": rows})
    sent("form_of_a_json_file", "rows", [form("x", b"[1, 2, 3, 4]", None, "x.json")], tensors={"y": rows})
    octets = "application/octet-stream"
    sent("form_of_json_octets", "rows", [form("x", b"[1, 2, 3, 4]", octets, "x.json")], tensors={"y": rows})
    sent(
        "form_of_two_rows",
        "rows",
        [one, form("x", b"[5, 6, 7, 8]", JSON)],
        tensors={"y": np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)},
    )
    sent(
        "form_of_several_tensors",
        "housing",
        [
            form(name, content, JSON)
            for name, content in (("surface", b"45.5"), ("rooms", b"2"), ("garden", b"false"), ("distance", b"1.2"))
        ],
        checks=[("price", 119453.08965, 1e-5), ("band", "low"), ("expensive", False)],
    )
    ignored = [form("x", b"a,b", "text/csv"), form("other", png(SHADES), PNG), form("more", b"1", JSON)]
    sent("form_with_what_is_ignored", "rows", [*ignored, one], tensors={"y": rows})
    shades = SHADES[np.newaxis, :, :, np.newaxis].astype(np.int32)
    sent("form_of_a_picture", "gray", [form("image", png(SHADES), PNG, "a.png")], tensors={"pixels": shades})
    sent("form_of_a_picture_sniffed", "gray", [form("image", png(SHADES), None, "a.png")], tensors={"pixels": shades})
    sent(
        "form_of_two_pictures",
        "gray",
        [form("image", png(SHADES), PNG), form("image", png(255 - SHADES), PNG)],
        tensors={"pixels": np.concatenate([shades, 255 - shades])},
    )
    sent(
        "form_of_a_picture_and_json",
        "gray",
        [form("image", png(SHADES), PNG), form("image", b"[[[7], [8]]]", JSON)],
        tensors={"pixels": np.array([[[[7], [8]]]], np.int32)},
    )
    for word, size in (("width", (2, 3)), ("height", (3, 4))):
        sent(
            f"form_of_pictures_of_another_{word}",
            "gray",
            [form("image", png(SHADES), PNG), form("image", png(np.zeros(size, int)), PNG)],
            status=400,
            message=f"To merge several images as a tensor, all images should have the same {word}. Found several : 2",
        )
    refusals = {
        "ragged": (
            b"[[1, 2], [3]]",
            FREE + "Dimension number 2 is expected to be of size 2 but found 1 instead",
        ),
        "of_nothing": (
            b"[[], []]",
            FREE + "Impossible to find type of tensor : no one where found",
        ),
        "broken": (b"[1, 2", "Unable to load image from bytes"),
    }
    for word, (content, message) in refusals.items():
        sent(f"form_{word}", "rows", [form("x", content, JSON)], status=400, message=message)
    missing = "Unable to find a tensor with name x"
    sent("form_without_the_tensor", "rows", [form("z", b"[1]", JSON)], status=400, message=missing)
    unread = "Error while reading multipart body"
    sent("form_that_is_cut", "rows", [one], end=b"", status=400, message=unread)
    golden.case(
        "form_without_its_boundary", "multipart in", "rows", b"nothing", content_type=kind, status=400, message=unread
    )
