import json
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.formats import recognise
from migrate.formats.readers import READERS
from tests.formats.models import EXAMPLES, identity, message, number, weights
from tests.golden_folders import paths

_REAL = sorted(EXAMPLES.glob("*/*.onnx")) + paths("_models/*/*.onnx")


class Counted:
    """Bytes behind a reader that counts."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads = 0
        self.bytes = 0

    def __call__(self, offset: int, length: int) -> bytes:
        self.reads += 1
        self.bytes += length
        return self.data[offset : offset + length]


def word(data: bytes, name: str = "m") -> str | None:
    counted = Counted(data)
    found = recognise(name, len(data), counted)
    assert counted.reads <= 6
    assert counted.bytes <= 12 * 1024
    return found


def packed(method: int, **entries: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["iris.onnx"], "zip"),
        (["readme.txt", "model/iris.onnx", "z.txt"], "zip"),
        (["IRIS.PMML"], "zip"),
        (["iris.onnx.txt", "onnx"], None),
        (["a/saved_model.pb", "iris.onnx"], "tensorflow"),
        (["archive/data.pkl", "archive/version"], "torch"),
    ],
)
def test_archives_of_models(method: int, names: list[str], found: str | None) -> None:
    data = packed(method, **dict.fromkeys(names, b"\0" * 40_000))
    assert word(data, "m.zip") == found
    assert word(data, "m.docx") == (None if found == "zip" else found)


@pytest.mark.parametrize("path", _REAL, ids=lambda path: path.parent.name)
def test_real_models(path: Path) -> None:
    assert word(path.read_bytes()) == "onnx"


def test_a_model_whose_end_is_missing_is_still_one() -> None:
    data = weights((5000,)).SerializeToString()
    assert {word(data[:end]) for end in range(100, len(data), 999)} == {"onnx"}


def test_a_large_model_costs_one_read() -> None:
    counted = Counted(weights((500_000,)).SerializeToString())
    assert recognise("m", len(counted.data), counted) == "onnx"
    assert counted.reads == 1


def test_a_graph_that_comes_first_is_jumped_over() -> None:
    made = weights((5000,))
    graph = message(7, made.graph.SerializeToString())
    assert word(graph + message(8, number(2, 13)) + number(1, 8)) == "onnx"
    assert word(graph + message(8, number(2, 13))) == "onnx"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08",
        b"\x08\x08",
        b"id;name\n1;a\n" * 300,
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"PK\x03\x04" + bytes(100),
        b"\x80\x04\xff" + bytes(100),
        b"<?xml version='1.0'?><html><PMMLike/></html>",
        number(1, 8) + message(2, b"\x00\x01"),  # the producer is no text
        number(1, 8) + message(2, b"p" * 600),
        number(1, 8) + message(2, b"pytorch"),
        number(1, 0) + identity().SerializeToString()[2:],
        number(1, 8) + message(7, b""),
        number(1, 8) + message(7, b"\xff\xff"),
        number(1, 8) + number(7, 1),
        (number(1, 8) + number(5, 1)) * 5000,
        bytes(5000),
        json.dumps({"type": "onnx"}).encode(),
    ],
)
def test_other_files(data: bytes) -> None:
    assert word(data) is None
    assert word(data[: len(data) // 2]) is None


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "keras"),
        (b"\x80\x04\x95" + bytes(100), "pickle"),
        (b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "torch"),
        (b"<?xml version='1.0'?>\n<!-- a tree -->\n<PMML version='4.2'/>", "pmml"),
        (b"\xef\xbb\xbf <p:PMML xmlns:p='x'/>", "pmml"),
        (number(1, 1) + message(2, b"\n\x05serve" + bytes(50)), "tensorflow"),
    ],
)
def test_models_that_need_no_manifest(data: bytes, found: str) -> None:
    assert word(data) == found


@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        ("config.json", b'{"architectures": ["BertModel"]}', "pipeline"),
        ("a/config.json", b'{"model_type": "bert"}', "pipeline"),
        ("config.json", b'{"port": 8080}', None),
        ("settings.json", b'{"model_type": "bert"}', None),
        ("tokenizer.json", b'{"version": "1.0", "truncation": null}', "tokenizer"),
        ("tokenizer.json", b'{"version": "1.0"}', None),
    ],
)
def test_folders_of_transformers(name: str, data: bytes, found: str | None) -> None:
    assert word(data, name) == found


@pytest.mark.parametrize("path", paths("_models/*/manifest.json"), ids=lambda path: path.parent.name)
def test_golden_manifests(path: Path) -> None:
    assert word(path.read_bytes(), "manifest.json") == "manifest"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"type": "onnx"}', "manifest"),
        (b'\xef\xbb\xbf \n{"type":"flow"}', "manifest"),
        (b'{"binary": "' + b"A" * 9000 + b'", "type": "onnx"}', "manifest"),
        (b'{"type": "onnx", "binary": "' + b"A" * 9000 + b'"}', "manifest"),
        (b'{"type": "point"}', None),
        (b'{"rows": [1, 2]}', None),
        (b'["type", "onnx"]', None),
        (b"", None),
        (b"\xff\xfe{", None),
    ],
)
def test_manifests(data: bytes, found: str | None) -> None:
    assert word(data, "a.json") == found
    assert word(data, "a.txt") is None


@given(st.binary(max_size=3000), st.sampled_from(["m.onnx", "m.json", "m"]))
def test_any_bytes_are_told(data: bytes, name: str) -> None:
    assert word(data, name) in {None, "manifest", *READERS}


@given(st.floats(0, 1), st.binary(min_size=1, max_size=8))
def test_damaged_models_are_told(place: float, content: bytes) -> None:
    data = weights().SerializeToString()
    at = int(place * len(data))
    assert word(data[:at] + content + data[at + len(content) :]) in (None, "onnx", "tensorflow")
