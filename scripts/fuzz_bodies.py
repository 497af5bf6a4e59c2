"""Bodies of requests: right ones from a model's signature, and what becomes of them under a hostile hand."""

import base64
import gzip
import io
import json
import struct
import zlib
from collections.abc import Callable
from random import Random
from typing import Any, Final

import numpy as np
from fuzz_models import Target
from PIL import Image

TEXTS: Final = (
    *("", "NaN", "Infinity", "-Infinity", "null", "1", "\x00", "\ud800", "\U0001f600", "<script>", "a" * 2000),
    *("\u202e", "e\u0301", "../../etc/passwd", "%s%n", "{{7*7}}", "\r\nX: y"),
)
# As JSON text: what Python's writer would not write is among it.
LEAVES: Final = (
    *("0", "-0", "1", "-1", "0.5", "-0.0", "1e-400", "1e400", "-1e400", "1E+2", "2147483647", "2147483648"),
    *("-2147483649", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809"),
    *("18446744073709551616", "1" + "0" * 400, "0." + "3" * 300, "3.4028236e38", "5e-324", "true", "false", "null"),
    *('""', '"x"', '"1.5"', '"NaN"', "[]", "{}", "[[]]", "[null]", '{"a":1}', "NaN", "Infinity", "01", "+1", ".5"),
    *("1.", "0x10", "'a'", '"\\ud800"', '"\\u0000"', '"\\x"', "tru", "1,", "/**/1", "\u00a01"),
)
_ROWS: Final = tuple(zlib.compress(bytes(size)) for size in (10, 1_000_000))
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_FORMATS: Final = ("PNG", "PNG", "PNG", "JPEG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
_MODES: Final = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "I", "F")


def mutated(random: Random, body: bytes) -> bytes:
    """Bytes cut, flipped, doubled, removed or put in."""
    found = bytearray(body)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(found) + 1)
        kind = random.randrange(6)
        if kind == 0:
            del found[place:]
        elif kind == 1 and place < len(found):
            found[place] ^= 1 << random.randrange(8)
        elif kind == 2:
            found[place:place] = random.randbytes(random.randint(1, 8))
        elif kind == 3:
            del found[place : place + random.randint(1, 16)]
        elif kind == 4:
            found[place:place] = found[place : place + random.randint(1, 64)]
        else:
            found += random.choice((b"\x00", b"}", b"]", b"{}", b" ", b"\xff\xfe", b"\r\n"))
    return bytes(found)


def _odd_value(random: Random, value: Any, depth: int = 0) -> str:
    """A value as JSON text, oddities sprinkled in."""
    if random.random() < 0.04:
        return random.choice(LEAVES)
    if isinstance(value, list) and depth < 8:
        items = [_odd_value(random, item, depth + 1) for item in value]
        if random.random() < 0.1:
            items.append(random.choice((*LEAVES, *items)))
        if items and random.random() < 0.1:
            items.pop(random.randrange(len(items)))
        return "[" + ",".join(items) + "]"
    if random.random() < 0.1:
        return random.choice(LEAVES)
    return repr(value) if isinstance(value, float) else json.dumps(value)


def _shaped(random: Random) -> str:
    """Nested lists of some shape, seldom the right one; now and then very deep or very long."""
    kind = random.randrange(20)
    if kind == 0:
        deep = random.choice((20, 33, 100, 2000, 50_000))
        return "[" * deep + "1" + "]" * random.choice((deep, deep, deep - 1))
    if kind == 1:
        return "[" + ",".join(["1.5"] * random.choice((1000, 30_000))) + "]"
    text = random.choice(LEAVES)
    for _ in range(random.randint(0, 5)):
        text = "[" + ",".join([text] * random.randint(0, 4)) + "]"
    return text


def json_body(random: Random, target: Target) -> bytes:
    """A body for ``/eval`` that is nearly right, or not at all."""
    good = random.choice(target.good)
    entries = []
    for name, value in good.items():
        chance = random.random()
        if chance < 0.05:
            continue
        text = _shaped(random) if chance < 0.2 else _odd_value(random, value)
        key = random.choice(TEXTS) if random.random() < 0.03 else name
        entries.append(f"{json.dumps(key)}:{text}")
    if random.random() < 0.1:
        entries.append(f"{json.dumps(random.choice(TEXTS))}:{_shaped(random)}")
    if entries and random.random() < 0.05:
        entries.append(entries[0])
    random.shuffle(entries)
    text = "{" + ",".join(entries) + "}"
    if random.random() < 0.05:
        text = random.choice((*LEAVES, _shaped(random), f"[{text}]", text * 2, " " * 1000 + text))
    encoding = random.choice(("utf-8",) * 12 + ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1"))
    body = text.encode(encoding, "replace" if encoding == "latin-1" else "surrogatepass")
    return mutated(random, body) if random.random() < 0.15 else body


def image_body(random: Random) -> bytes:
    """An image of some format, mode and size, whole or not."""
    mode = random.choice(_MODES)
    size = (random.choice((1, 2, 7, 8, 9, 33)), random.choice((1, 3, 8, 32)))
    if random.random() < 0.03:
        return bomb(random)
    body = _picture(random, mode, size, random.choice(_FORMATS))
    return mutated(random, body) if random.random() < 0.4 else body


def _picture(random: Random, mode: str, size: tuple[int, int], kind: str) -> bytes:
    """An image of noise; in RGB where a format does not have the mode."""
    raw = {"1": "L", "P": "L", "I": "L", "F": "L"}.get(mode, mode)
    width = {"L": 1, "LA": 2, "I;16": 2, "RGB": 3}.get(raw, 4)
    picture = Image.frombytes(raw, size, random.randbytes(size[0] * size[1] * width))
    if raw != mode:
        picture = picture.convert(mode)
    buffer = io.BytesIO()
    try:
        picture.save(buffer, kind)
    except (OSError, KeyError, ValueError):
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def bomb(random: Random) -> bytes:
    """A small file that says it is a huge picture."""
    width = random.choice((1, 30_000, 2**31 - 1))
    height = random.choice((1, 30_000, 2**31 - 1))
    head = struct.pack(">IIBBBBB", width, height, 8, random.choice((0, 2, 3, 6)), 0, 0, 0)
    data = random.choice(_ROWS)
    chunks = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    return _PNG + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def takes_images(target: Target) -> bool:
    """Whether an input of a model is an image."""
    return any("image_transformer" in field for field in target.settings["inputs"])


def _right_form(random: Random, target: Target) -> tuple[str, bytes]:
    """A part for each input; the images of a batch have one size."""
    size = (random.randint(1, 9), random.randint(1, 9))
    parts = []
    for name, value in random.choice(target.good).items():
        if takes_images(target) and random.random() < 0.8:
            modes = random.choices(("L", "RGB", "RGBA"), k=random.randint(1, 3))
            parts += [(name, "image/png", _picture(random, mode, size, "PNG")) for mode in modes]
        else:
            parts.append((name, "application/json", json.dumps(value).encode()))
    body = b""
    for name, kind, content in parts:
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {kind}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return "multipart/form-data; boundary=x", body + b"--x--\r\n"


def multipart_body(random: Random, target: Target) -> tuple[str, bytes]:
    """Content-Type and body of a form whose parts are tensors, images, or neither."""
    if random.random() < 0.4:
        return _right_form(random, target)
    boundary = random.choice(("x", "-" * 20 + "7d1", "a b", "'quoted'", "", "b" * 80, "x\u00e9"))
    parts = []
    for _ in range(random.choice((0, 1, 1, 2, 3, 8, 200 if random.random() < 0.02 else 2))):
        name = random.choice((*target.good[0], *target.good[0], *TEXTS[:9]))
        is_image = random.random() < 0.4
        value = random.choice(target.good).get(name, [1.5])
        body = image_body(random) if is_image else _odd_value(random, value).encode("utf-8", "surrogatepass")
        kind = random.choice(
            ("image/png", "image/jpeg", "application/json", "application/octet-stream", "text/plain", None, "x", "")
            if random.random() < 0.4
            else (("image/png",) if is_image else ("application/json",))
        )
        file = random.choice(("", '; filename="a.json"', '; filename="a.png"', "; filename", '; filename="\\"'))
        form = random.choice((f'form-data; name="{name}"',) * 8 + ("form-data", "attachment", 'form-data; name="', ""))
        lines = [f"Content-Disposition: {form}{file}"] + ([] if kind is None else [f"Content-Type: {kind}"])
        if random.random() < 0.05:
            lines = random.choice((lines[:1] * 3, [], ["X" * 5000], ["no colon"], [":"]))
        head = "\r\n".join(lines).encode("utf-8", "surrogatepass")
        parts.append(f"--{boundary}\r\n".encode() + head + b"\r\n\r\n" + body + b"\r\n")
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    if random.random() < 0.2:
        body = mutated(random, body)
    quoted = random.choice((boundary, f'"{boundary}"'))
    return random.choice((f"multipart/form-data; boundary={quoted}",) * 9 + ("multipart/form-data",)), body


def _v2_tensor(random: Random, name: str, value: Any, kinds: dict[str, str]) -> tuple[dict[str, Any], bytes]:
    array = np.array(value)
    datatype = kinds.get(name, "FP32")
    if random.random() < 0.1:
        datatype = random.choice((*("FP32", "FP64", "INT8", "UINT64", "BOOL", "BYTES", "FP16", "BF16"), "", "x"))
    shape: Any = list(array.shape)
    if random.random() < 0.1:
        shape = random.choice(([], [0], [-1, 3], [2**62, 2**62], [1] * 100, [1.5], "3", None, [2**70], [10**9, 4]))
    tensor: dict[str, Any] = {"name": name, "shape": shape, "datatype": datatype}
    if random.random() < 0.5:
        data: Any = array.tolist() if random.random() < 0.3 else array.reshape(-1).tolist()
        tensor["data"] = data if random.random() < 0.9 else random.choice((None, [], [[1], 2], "AA==", 5, [True], [{}]))
        return tensor, b""
    if datatype == "BYTES":
        tail = b"".join(struct.pack("<I", len(text)) + text.encode() for text in map(str, array.flat))
    else:
        dtypes = {"FP64": "f8", "FP16": "f2", "INT32": "i4", "INT64": "i8", "BOOL": "?"}
        tail = array.astype(dtypes.get(datatype, "f4")).tobytes() if array.dtype.kind in "biuf" else b"\x00" * 12
    if random.random() < 0.15:
        tail = mutated(random, tail)
    size: Any = len(tail)
    if random.random() < 0.1:
        size = random.choice((-1, 0, 2**40, "4", 1.5, None, len(tail) + 1, True))
    tensor["parameters"] = {"binary_data_size": size}
    return tensor, tail


def v2_body(random: Random, target: Target) -> tuple[dict[str, str], bytes]:
    """Headers and body of an inference request of the open protocol."""
    words = {"float": "FP32", "double": "FP64", "integer": "INT32", "long": "INT64", "boolean": "BOOL"}
    kinds = {str(field["name"]): words.get(field["type"], "BYTES") for field in target.settings["inputs"]}
    kinds |= {"h": "FP16"} if "h" in kinds else {}
    tensors, tails = [], []
    for name, value in random.choice(target.good).items():
        tensor, tail = _v2_tensor(random, name, value, kinds)
        tensors.append(tensor)
        tails.append(tail)
    request: dict[str, Any] = {"inputs": tensors}
    if random.random() < 0.3:
        names = [str(field["name"]) for field in target.settings["outputs"]]
        extra: list[Any] = [{"binary_data": True}, {"binary_data": "x"}, {"classification": 3}, {}, [], 5]
        name = random.choice((*names, *TEXTS[:3]))
        request["outputs"] = [{"name": name, "parameters": random.choice(extra)}] * random.randint(1, 2)
    if random.random() < 0.2:
        odd: list[Any] = [{"binary_data_output": True}, {"binary_data_output": 0}, [], None, {"x": {"y": [1]}}]
        request["parameters"] = random.choice(odd)
    if random.random() < 0.1:
        request["id"] = random.choice((*TEXTS, 5, None))
    head = json.dumps(request).encode()
    if random.random() < 0.1:
        head = mutated(random, head)
    headers = {}
    if any(tails) or random.random() < 0.05:
        length = str(len(head)) if random.random() < 0.9 else random.choice(("0", "-1", "x", "99999999999", "1", ""))
        headers["Inference-Header-Content-Length"] = length
    return headers, head + b"".join(tails)


_ZEROS: Final = gzip.compress(bytes(8_000_000), 9)


def _bomb_of_zeros(_: bytes) -> bytes:
    return _ZEROS


_CODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "x-gzip": _bomb_of_zeros,
    "br": base64.b64encode,
    "identity": bytes,
    "gzip, gzip": gzip.compress,
}


def encoded(random: Random, body: bytes) -> tuple[str, bytes]:
    """Content-Encoding and the body under it, which now and then is not what it says, or grows enormously."""
    name = random.choice(tuple(_CODINGS))
    packed = _CODINGS[name](body)
    return name, mutated(random, packed) if random.random() < 0.3 else packed
