"""The golden vectors are what their script makes, and their comparison tells a miss from a pass."""

import base64
import importlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.golden_folders import CHECKOUT, OURS

pytestmark = pytest.mark.programs

SCRIPTS = CHECKOUT / "scripts"


def test_the_script_makes_the_committed_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SCRIPTS / "make_golden.py", "--out", tmp_path], check=True, capture_output=True)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path.relative_to(OURS): path.read_bytes() for path in OURS.rglob("*") if path.is_file()}
    assert made == {path: content for path, content in kept.items() if path.name != "README.md"}
    assert sum(map(len, kept.values())) < 300_000


def test_every_subject_has_cases() -> None:
    cases = json.loads((OURS / "index.json").read_text(encoding="utf-8"))
    subjects = Counter(case["subject"] for case in cases)
    assert len(cases) >= 250
    assert min(subjects.values()) >= 3
    assert {case["expect"]["status"] for case in cases} >= {200, 204, 400, 404, 405, 406, 415}


@pytest.fixture(scope="module")
def comparison() -> Iterator[ModuleType]:
    """The module that compares, imported as the scripts import each other."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        yield importlib.import_module("conformance_compare")
    finally:
        sys.path.remove(str(SCRIPTS))


def picture(*rows: list[int]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(np.array(rows, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def page(image: bytes, around: str = "a") -> bytes:
    return f'<p>{around}</p><img src="data:image/png;base64,{base64.b64encode(image).decode()}">'.encode()


def parts(image: bytes, name: str = "y", more: bytes = b"") -> bytes:
    head = f'--B\r\nContent-Type: image/png\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + image + b"\r\n" + more + b"--B--\r\n"


GOOD = picture([0, 10], [20, 30])
BAD = [picture([0, 10], [20, 31]), picture([0, 10, 20]), b"no picture", GOOD[:40]]


@pytest.mark.parametrize(
    ("kind", "wrap", "wrong"),
    [
        ("picture", bytes, BAD),
        ("html-pictures", page, [*map(page, BAD), page(GOOD, "b"), page(GOOD) + b"more", b"<p>a</p>"]),
        ("multipart-parts", parts, [*map(parts, BAD), parts(GOOD, "z"), parts(GOOD, more=parts(GOOD)[:-7])]),
    ],
)
def test_pictures_are_compared_by_their_pixels(
    comparison: ModuleType, tmp_path: Path, kind: str, wrap: Any, wrong: list[bytes]
) -> None:
    (tmp_path / "answer").write_bytes(wrap(GOOD))
    expect = {"status": 200, "body_file": "answer", "compare": kind, "tolerance": 0}
    headers = {"content-type": "multipart/form-data;boundary=B"}
    buffer = BytesIO()
    Image.open(BytesIO(GOOD)).save(buffer, "PNG", compress_level=0)
    assert buffer.getvalue() != GOOD
    comparison.compare(tmp_path, expect, 200, headers, wrap(buffer.getvalue()))
    for body in wrong:
        with pytest.raises(comparison.Mismatch):
            comparison.compare(tmp_path, expect, 200, headers, body)
    if kind != "html-pictures":
        comparison.compare(tmp_path, {**expect, "tolerance": 1}, 200, headers, wrap(BAD[0]))
